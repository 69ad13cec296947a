// Package mcp holds what the gateway and an MCP server say to each other: the
// interfaces of a transport, at the level of bytes, so that a message arrives as it was
// sent. Its subpackages are the transports of the specification: stdio, streamable
// (Streamable HTTP, of both eras) and sse (HTTP with server-sent events, of
// 2024-11-05). Package mcptest holds what every transport has to do, as tests.
//
// A transport carries messages and knows little of them. Who uses one does the handshake:
//
//	conn, err := transport.Dial(ctx, service)
//	st, err := conn.Call(ctx, mcp.Message{Data: initialize})   // and reads the response from st
//	err = conn.Notify(ctx, mcp.Message{Data: initialized})
//	st, err = conn.Call(ctx, mcp.Message{Data: toolsList})
//
// and gives messages of 2026-07-28 the headers that they need over HTTP
// ([Message.Header]); other transports ignore them. A transport over HTTP takes the id of
// the session, and the version, from the response to initialize, and sends them along.
package mcp
