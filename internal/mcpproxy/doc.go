// Package mcpproxy relays MCP: it gives each caller's messages to the upstream server
// of a route and the server's back, as the bytes that they are, and reads of them only
// the envelope, names of tools, progress tokens and what else it has to decide by.
//
// The specification has two eras. Up to 2025-11-25 a client says initialize and then
// has a session; since 2026-07-28 each request stands by itself. Each client reaches a
// server of its own era. A third kind of request, without either, is for curl: the
// gateway does the handshake.
//
// An [instance] is an upstream session. By the service's isolation it belongs to one
// session of a caller's, whose messages it takes unchanged, or is shared by several:
// then ids and progress tokens are replaced on the way up, and put back on the way down.
package mcpproxy
