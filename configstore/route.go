package configstore

// LLMRoute sends the requests that it matches to a provider.
type LLMRoute struct {
	ID           string       `json:"id" jsonschema:"required"`
	Protocol     string       `json:"protocol" jsonschema:"required,enum=openai,enum=anthropic"`
	MatchPolicy  MatchPolicy  `json:"match_policy" jsonschema:"required"`
	AuthPolicy   AuthPolicy   `json:"auth_policy,omitzero"`
	TargetPolicy TargetPolicy `json:"target_policy" jsonschema:"required"`
	Disabled     bool         `json:"disabled"`
	*Meta
}

// MatchPolicy says which requests a route takes. The longest prefix wins, then
// the more specific host.
type MatchPolicy struct {
	// Host is a host name, or "*." and a domain; empty takes every host.
	Host string `json:"host,omitempty"`
	// PathPrefix is matched by whole segments and stripped.
	PathPrefix string `json:"path_prefix" jsonschema:"required"`
	// Methods is empty for every method.
	Methods []string `json:"methods,omitempty"`
}

// AuthPolicy says who may use a route.
type AuthPolicy struct {
	RequireVirtualKey bool `json:"require_virtual_key,omitempty"`
}

// TargetPolicy says where a route's requests go.
type TargetPolicy struct {
	Type           string         `json:"type,omitempty" jsonschema:"enum=direct-provider"`
	ProviderTarget ProviderTarget `json:"provider_target" jsonschema:"required"`
}

// ProviderTarget names the provider of a direct target.
type ProviderTarget struct {
	ProviderID string `json:"provider_id" jsonschema:"required" agw:"ref=provider"`
}

// ObjectID implements [Object].
func (r *LLMRoute) ObjectID() string { return r.ID }

// Default implements [Defaulter].
func (r *LLMRoute) Default() { r.MatchPolicy.normalize() }

// Validate implements [Object].
func (r *LLMRoute) Validate() []Fault {
	var f faults
	f.id(r.ID)
	f.oneOf("protocol", r.Protocol, "openai", "anthropic")
	f.match("match_policy", r.MatchPolicy)
	f.oneOf("target_policy.type", r.TargetPolicy.Type, "", "direct-provider")
	f.required("target_policy.provider_target.provider_id", r.TargetPolicy.ProviderTarget.ProviderID)
	return f
}
