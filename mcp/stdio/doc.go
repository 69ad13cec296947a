// Package stdio is the transport to MCP servers that are processes and speak on their
// standard streams, a message a line.
//
//	t := stdio.New(stdio.Options{})
//	conn, err := t.Dial(ctx, mcp.Service{ID: "files", Command: "npx", Args: []string{"-y", "@modelcontextprotocol/server-filesystem", "/srv"}})
//
// A session is a process: Dial starts it, without a shell, and Close ends it. It runs in
// a process group of its own, so that what it has started ends with it, and with an
// environment of few variables besides those of the service. If it exits, or breaks the
// rules of the transport, calls under way end with an error that says so, and the
// session is over: the caller dials anew, when it sees fit.
//
// How messages find their calls, and what happens to those that nobody reads, is that of
// every connection which carries all on one wire:
//
//   - progress goes to the call with its token, messages of a subscription to its
//     request, responses by their ids;
//   - log messages and the server's requests go to the one call that is under way;
//     when there are several, or none, to the stream of Listen, as do changed lists and
//     resources. Of these streams there is one at a time (409);
//   - queues are bounded; progress and log messages are dropped first, oldest first, and
//     a response never.
//
// Closing a call's stream before its response sends notifications/cancelled, unless the
// call is initialize.
//
// What the server writes to its standard error is kept in part, and logged at debug
// level, values of the service's environment replaced.
package stdio
