package mcp

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
	// SubscriptionKey names the request that a message of subscriptions/listen belongs to.
	SubscriptionKey = "io.modelcontextprotocol/subscriptionId"
)
