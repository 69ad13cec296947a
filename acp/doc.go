// Package acp holds what the gateway and an agent that speaks the Agent Client
// Protocol say to each other: how it is launched, and the connection to it, at
// the level of bytes. The gateway does not drive agents yet; the interfaces are
// here to be built against.
package acp
