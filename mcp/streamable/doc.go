// Package streamable is the transport "Streamable HTTP" of MCP, of both eras: with
// sessions (2025-03-26 to 2025-11-25, "Transports"), and without (2026-07-28).
//
//	t := streamable.New(streamable.Options{})
//	conn, err := t.Dial(ctx, mcp.Service{URL: "https://mcp.example.org/mcp"})
//
// Every message is a POST of its own; its answer is one JSON message or a stream of
// events. Messages and ids of events stay as they are.
package streamable
