// Package mcp holds what the gateway and an MCP server say to each other: the
// interfaces of a transport, at the level of bytes, so that a message arrives as it was
// sent. Its subpackages are the transports of the specification: stdio, streamable
// (Streamable HTTP, of both eras) and sse (HTTP with server-sent events, of
// 2024-11-05). Package mcptest holds what every transport has to do, as tests.
package mcp
