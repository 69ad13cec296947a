// Package llmproxy is the engine of the LLM plane: it takes one request whose
// route and caller are known, sends it to the route's target, and relays the
// answer.
//
// Caller and upstream speak the same protocol, so bytes are relayed. The request
// body is scanned once, for the few members that the gateway depends on; at most
// a member is inserted. The answer streams through while a reading picks the
// usage out of it. [Engine.Serve] is the whole path: read, send, relay, record.
package llmproxy
