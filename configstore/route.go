package configstore

import (
	"fmt"
	"slices"
	"strings"
)

// LLMRoute sends the requests that it matches to a provider, or to the candidates of
// the model that they name.
type LLMRoute struct {
	ID           string       `json:"id" jsonschema:"required"`
	Protocol     string       `json:"protocol" jsonschema:"required,enum=openai,enum=anthropic,enum=cc,enum=gemini"`
	MatchPolicy  MatchPolicy  `json:"match_policy" jsonschema:"required"`
	AuthPolicy   AuthPolicy   `json:"auth_policy,omitzero"`
	TargetPolicy TargetPolicy `json:"target_policy" jsonschema:"required"`
	Policy       RoutePolicy  `json:"policy,omitzero"`
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

// RoutePolicy bounds what goes through a route, all callers together.
type RoutePolicy struct {
	RateLimit RateLimit     `json:"rate_limit,omitzero"`
	Budget    Budget        `json:"budget,omitzero"`
	Timeouts  RouteTimeouts `json:"timeouts,omitzero"`
}

// RouteTimeouts bound the upstream calls of a route, in seconds; 0 leaves them to the
// provider. Connect, first byte and idle hold for each attempt, total for all
// together.
type RouteTimeouts struct {
	ConnectSeconds   float64 `json:"connect_seconds,omitempty"`
	FirstByteSeconds float64 `json:"first_byte_seconds,omitempty"`
	IdleSeconds      float64 `json:"idle_seconds,omitempty"`
	TotalSeconds     float64 `json:"total_seconds,omitempty"`
}

// TargetPolicy says where a route's requests go: to one provider, or by the model's
// name to candidates.
type TargetPolicy struct {
	Type           string         `json:"type,omitempty" jsonschema:"enum=direct-provider,enum=logical-model"`
	ProviderTarget ProviderTarget `json:"provider_target,omitzero"`

	ModelTargets []ModelTarget `json:"model_targets,omitempty"`
	// DefaultModel is the logical model of requests that name none.
	DefaultModel string `json:"default_model,omitempty"`
	// ModelSelectorStrategy is the strategy of model targets without one.
	ModelSelectorStrategy string   `json:"model_selector_strategy,omitempty" jsonschema:"enum=weighted,enum=auto,enum=priority,enum=round_robin,enum=least_latency,enum=least_busy"`
	Fallback              Fallback `json:"fallback,omitzero"`

	// CredentialSelector chooses among a provider's credentials.
	CredentialSelector string `json:"credential_selector,omitempty" jsonschema:"enum=priority,enum=round_robin,enum=fill_first,enum=least_used"`
	// CredentialScopeOrder and CredentialTypeOrder say which credentials come first.
	CredentialScopeOrder []string `json:"credential_scope_order,omitempty"`
	CredentialTypeOrder  []string `json:"credential_type_order,omitempty"`
}

// ProviderTarget names the provider of a direct target.
type ProviderTarget struct {
	ProviderID string `json:"provider_id" jsonschema:"required" agw:"ref=provider"`
}

// ModelTarget is a logical model: a stable name for what candidates serve.
type ModelTarget struct {
	// Name is what callers ask for. One * in it stands for any text, none too, which
	// takes the place of a * in a candidate's upstream_model.
	Name             string           `json:"name" jsonschema:"required"`
	Strategy         string           `json:"strategy,omitempty" jsonschema:"enum=weighted,enum=auto,enum=priority,enum=round_robin,enum=least_latency,enum=least_busy"`
	DefaultCandidate string           `json:"default_candidate,omitempty"`
	Candidates       []ModelCandidate `json:"candidates" jsonschema:"required"`
}

// ModelCandidate is one provider's model behind a logical one.
type ModelCandidate struct {
	ProviderID    string `json:"provider_id" jsonschema:"required" agw:"ref=provider"`
	UpstreamModel string `json:"upstream_model" jsonschema:"required"`
	// Weight is the share of calls; 0 is 1.
	Weight int `json:"weight,omitempty"`
	// Priority puts the highest first.
	Priority int  `json:"priority,omitempty"`
	Default  bool `json:"default,omitempty"`
}

// Fallback says whether another candidate is asked when one fails.
type Fallback struct {
	// Enabled is true unless it is said to be false.
	Enabled *bool `json:"enabled,omitempty"`
	// MaxNum bounds how many others are asked; 0 is all of them.
	MaxNum int `json:"max_num,omitempty"`
}

// Direct says whether the policy names one provider.
func (t TargetPolicy) Direct() bool { return len(t.ModelTargets) == 0 }

// ObjectID implements [Object].
func (r *LLMRoute) ObjectID() string { return r.ID }

// Default implements [Defaulter].
func (r *LLMRoute) Default() { r.MatchPolicy.normalize() }

var (
	strategies = []string{"", "weighted", "auto", "priority", "round_robin", "least_latency", "least_busy"}
	selectors  = []string{"", "priority", "round_robin", "fill_first", "least_used"}
)

// Validate implements [Object].
func (r *LLMRoute) Validate() []Fault {
	var f faults
	f.id(r.ID)
	f.oneOf("protocol", r.Protocol, "openai", "anthropic", "cc", "gemini")
	f.match("match_policy", r.MatchPolicy)
	r.TargetPolicy.validate(&f)
	f.rateLimit("policy.rate_limit", r.Policy.RateLimit)
	f.budget("policy.budget", r.Policy.Budget)
	t := r.Policy.Timeouts
	f.notNegative("policy.timeouts.connect_seconds", t.ConnectSeconds)
	f.notNegative("policy.timeouts.first_byte_seconds", t.FirstByteSeconds)
	f.notNegative("policy.timeouts.idle_seconds", t.IdleSeconds)
	f.notNegative("policy.timeouts.total_seconds", t.TotalSeconds)
	return f
}

func (t TargetPolicy) validate(f *faults) {
	const at = "target_policy"
	f.oneOf(at+".type", t.Type, "", "direct-provider", "logical-model")
	provider := t.ProviderTarget.ProviderID
	switch {
	case provider != "" && len(t.ModelTargets) > 0:
		f.add(at, "has both provider_target and model_targets; it is one or the other")
	case provider == "" && len(t.ModelTargets) == 0 && t.Type == "logical-model":
		f.add(at+".model_targets", "is required")
	case provider == "" && len(t.ModelTargets) == 0:
		f.add(at+".provider_target.provider_id", "is required, or model_targets in its place")
	case t.Type == "logical-model" && provider != "", t.Type == "direct-provider" && provider == "":
		f.add(at+".type", "is %q, which does not fit the target that is given", t.Type)
	}
	f.oneOf(at+".model_selector_strategy", t.ModelSelectorStrategy, strategies...)
	f.oneOf(at+".credential_selector", t.CredentialSelector, selectors...)
	f.notNegative(at+".fallback.max_num", float64(t.Fallback.MaxNum))
	for i, s := range t.CredentialScopeOrder {
		f.oneOf(fmt.Sprintf("%s.credential_scope_order[%d]", at, i), s, "provider_id", "model_custom", "provider_type")
	}
	for i, s := range t.CredentialTypeOrder {
		f.oneOf(fmt.Sprintf("%s.credential_type_order[%d]", at, i), s, "api_key", "cliauth_token")
	}
	if t.Direct() {
		if t.DefaultModel != "" {
			f.add(at+".default_model", "is for model_targets; a direct target's default is the provider's default_model")
		}
		return
	}
	names := map[string]bool{}
	for i, m := range t.ModelTargets {
		m.validate(f, fmt.Sprintf("%s.model_targets[%d]", at, i))
		if names[m.Name] {
			f.add(fmt.Sprintf("%s.model_targets[%d].name", at, i), "is %q, as that of another model target", m.Name)
		}
		names[m.Name] = true
	}
	if d := t.DefaultModel; d != "" && !slices.ContainsFunc(t.ModelTargets, func(m ModelTarget) bool { _, ok := m.Match(d); return ok }) {
		f.add(at+".default_model", "is %q, which none of the model_targets takes: name one of them, or what fits its pattern", d)
	}
}

func (m ModelTarget) validate(f *faults, at string) {
	f.required(at+".name", m.Name)
	if strings.Count(m.Name, "*") > 1 {
		f.add(at+".name", "is %q; it can have one *", m.Name)
	}
	f.oneOf(at+".strategy", m.Strategy, strategies...)
	if len(m.Candidates) == 0 {
		f.add(at+".candidates", "is required")
	}
	defaults := 0
	seen := map[[2]string]bool{}
	for i, c := range m.Candidates {
		at := fmt.Sprintf("%s.candidates[%d]", at, i)
		f.required(at+".provider_id", c.ProviderID)
		f.required(at+".upstream_model", c.UpstreamModel)
		f.notNegative(at+".weight", float64(c.Weight))
		if strings.Contains(c.UpstreamModel, "*") && !strings.Contains(m.Name, "*") || strings.Count(c.UpstreamModel, "*") > 1 {
			f.add(at+".upstream_model", "is %q; it can have one *, for that of the model target's name", c.UpstreamModel)
		}
		if key := [2]string{c.ProviderID, c.UpstreamModel}; seen[key] {
			f.add(at, "is there twice")
		} else {
			seen[key] = true
		}
		if c.Default {
			defaults++
		}
	}
	if defaults > 1 {
		f.add(at+".candidates", "has %d candidates with default; one can be", defaults)
	}
	if d := m.DefaultCandidate; d != "" && !slices.ContainsFunc(m.Candidates, func(c ModelCandidate) bool {
		return d == c.ProviderID || d == c.UpstreamModel || d == c.ProviderID+"/"+c.UpstreamModel
	}) {
		f.add(at+".default_candidate", "is %q; it must be a candidate's provider_id, upstream_model, or both joined by /", d)
	}
}

// Match says whether the target takes requests for model, and what the * in its name
// stands for. That may be nothing, so that "gpt-4o*" takes gpt-4o too, unless the
// upstream would be asked for a model without a name.
func (m ModelTarget) Match(model string) (star string, ok bool) {
	before, after, wild := strings.Cut(m.Name, "*")
	if !wild {
		return "", m.Name == model
	}
	if len(model) < len(before)+len(after) || !strings.HasPrefix(model, before) || !strings.HasSuffix(model, after) {
		return "", false
	}
	star = model[len(before) : len(model)-len(after)]
	if star == "" && (model == "" || slices.ContainsFunc(m.Candidates, func(c ModelCandidate) bool { return c.UpstreamModel == "*" })) {
		return "", false
	}
	return star, true
}
