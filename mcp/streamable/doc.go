// Package streamable is the transport "Streamable HTTP" of MCP, of both eras: with
// sessions (2025-03-26 to 2025-11-25, "Transports"), and without (2026-07-28).
//
//	t := streamable.New(streamable.Options{})
//	conn, err := t.Dial(ctx, mcp.Service{URL: "https://mcp.example.org/mcp"})
//
// Every message is a POST of its own; its answer is one message in JSON, or a stream of
// events. Messages and the ids of events stay as they are. Which era a message is of,
// its Header says: those of the later one name their version in MCP-Protocol-Version.
//
// A session begins with the response to initialize: the id that the server gives it, and
// the version agreed on, go with each later request, and Close deletes it. What a server
// refuses is a [*mcp.StatusError]. A session that it has forgotten (404) is the caller's
// to begin anew.
//
// A stream that ends before the response ends with io.EOF only where the server means to
// be asked again, by Listen after the last event's id, and where a subscription is over.
// In the era with sessions a server goes on with a call whose stream has gone. Close
// therefore tells it that the call is cancelled, unless the stream had ids of events, so
// that the client can come back: then that is for the caller to say.
//
// Credentials go to the service's origin and nowhere else. Redirects within it are
// followed where they keep the method (307, 308), and are refusals otherwise. Errors
// quote neither addresses, nor headers, nor content.
//
// Requests over plain HTTP cost no goroutine; neither do streams.
package streamable
