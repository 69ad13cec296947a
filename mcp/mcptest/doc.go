// Package mcptest tests what speaks MCP. It has two parts.
//
// [Server] is a scripted server that behaves, and misbehaves when a tool of its is
// called for that: it dies, answers twice, never, or with nonsense. It speaks both eras
// of the protocol, with sessions (2024-11-05 to 2025-11-25) and without (2026-07-28),
// over each of the transports:
//
//	var s mcptest.Server
//	s.Serve(os.Stdin, os.Stdout)         // stdio, in the main function of a process
//	(&mcptest.HTTP{Server: &s}).Start(t) // Streamable HTTP
//	(&mcptest.SSE{Server: &s}).Start(t)  // the older HTTP with server-sent events
//
// What it has received can be asked for in Go, and from another process by requests of
// the methods that begin with "mcptest/".
//
// [RunTransport] is the conformance suite of [mcp.Transport]. Call it from the tests of
// an implementation:
//
//	mcptest.RunTransport(t, func(t *testing.T) (mcp.Transport, mcp.Service) {
//		h := &mcptest.HTTP{}
//		return mine.New(), mcp.Service{ID: "test", URL: h.Start(t)}
//	}, mcptest.Options{HTTP: true})
package mcptest
