package mcp

import "github.com/agent-gateway/agent-gateway/internal/jsonwrite"

// Versions of the protocol: the last with sessions, and the first without. Versions are
// dates, and compare as such.
const (
	LastLegacy  = "2025-11-25"
	FirstModern = "2026-07-28"
)

// Members of _meta since [FirstModern].
const (
	// VersionKey is the version that a request is of.
	VersionKey = "io.modelcontextprotocol/protocolVersion"
	// CapabilitiesKey is what the client of a request can do.
	CapabilitiesKey = "io.modelcontextprotocol/clientCapabilities"
	// SubscriptionKey names the request that a message of subscriptions/listen belongs to.
	SubscriptionKey = "io.modelcontextprotocol/subscriptionId"
)

// Cancelled is the notification that nobody waits any longer for the response to a
// request (2025-11-25, Cancellation). id is the request's, in JSON.
func Cancelled(id []byte, reason string) []byte {
	var w jsonwrite.Writer
	w.Object()
	w.StringField("jsonrpc", "2.0")
	w.StringField("method", "notifications/cancelled")
	w.ObjectField("params")
	w.RawField("requestId", string(id))
	w.StringField("reason", reason)
	w.End()
	w.End()
	return w.B
}
