// Package sse is the HTTP transport of MCP's version 2024-11-05: one GET opens a stream
// of events that brings all of the server's messages, and each message to the server is
// a POST to the address that the stream's first event names.
//
//	t := sse.New(sse.Options{})
//	conn, err := t.Dial(ctx, mcp.Service{URL: "https://mcp.example.org/sse"})
//
// Servers of later versions are reached over the package streamable.
//
// What a service's headers hold goes to one origin alone, that of its URL: an endpoint
// of another origin is refused, and redirects to another are not followed. A server
// that does not know its own address, behind a proxy, has [mcp.Service.PostURL].
//
// How messages find their calls, and what happens to those that nobody reads, is that of
// every connection which carries all on one wire:
//
//   - progress goes to the call with its token, responses by their ids;
//   - log messages and the server's requests go to the one call that is under way;
//     when there are several, or none, to the stream of Listen, as do changed lists and
//     resources. Of these streams there is one at a time (409), and nothing to go on
//     after: this version has no resumption;
//   - queues are bounded; progress and log messages are dropped first, oldest first, and
//     a response never.
//
// Closing a call's stream before its response sends notifications/cancelled, unless the
// call is initialize. When the stream of events ends, so does the session, with all that
// is under way.
package sse
