// Package mcp holds what the gateway and an MCP server say to each other: the
// interfaces of a transport, at the level of bytes, so that a message arrives as
// it was sent. The gateway does not serve MCP yet; the interfaces are here to be
// built against.
package mcp
