package configstore

import (
	"crypto/rand"
	"encoding/base64"
	"time"
)

// VirtualKey is a key that the gateway issues to its callers.
type VirtualKey struct {
	ID string `json:"id" jsonschema:"required"`
	// Key is generated when not given. An administrator can read it back from
	// the single object.
	Key Secret `json:"key,omitzero" agw:"reveal"`
	Tag string `json:"tag,omitempty"`
	// AllowedRouteIDs grants routes: empty none, ["*"] every one.
	AllowedRouteIDs []string `json:"allowed_route_ids,omitempty" agw:"ref=llm_route|mcp_route,any=*"`
	// AllowedModels restricts the models; empty means every one.
	AllowedModels []string `json:"allowed_models,omitempty"`
	// ToolPolicy restricts the tools of MCP services, beside what a route says.
	ToolPolicy ToolPolicy `json:"tool_policy,omitzero"`
	RateLimit  RateLimit  `json:"rate_limit,omitzero"`
	Budget     Budget     `json:"budget,omitzero"`
	Disabled   bool       `json:"disabled"`
	ExpiresAt  time.Time  `json:"expires_at,omitzero"`
	*Meta
}

// ObjectID implements [Object].
func (k *VirtualKey) ObjectID() string { return k.ID }

// Default implements [Defaulter]: times are kept in UTC.
func (k *VirtualKey) Default() {
	if !k.ExpiresAt.IsZero() {
		k.ExpiresAt = k.ExpiresAt.UTC()
	}
}

// Validate implements [Object].
func (k *VirtualKey) Validate() []Fault {
	var f faults
	f.id(k.ID)
	if s := k.Key.Reveal(); s != "" {
		switch {
		case len(s) < 16:
			f.add("key", "is too short to be a secret: give at least 16 characters, or leave it out to have one made")
		case len(s) > 512:
			f.add("key", "is longer than 512 characters")
		case !visibleASCII(s):
			f.add("key", "has a character that a header cannot carry: use visible ASCII without spaces")
		}
	}
	f.noneEmpty("allowed_route_ids", k.AllowedRouteIDs)
	f.noneEmpty("allowed_models", k.AllowedModels)
	k.ToolPolicy.validate(&f, "tool_policy")
	f.rateLimit("rate_limit", k.RateLimit)
	f.budget("budget", k.Budget)
	return f
}

// NewVirtualKey makes a key: "vk-" and 256 random bits.
func NewVirtualKey() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand aborts the process instead
	return "vk-" + base64.RawURLEncoding.EncodeToString(b)
}
