package configstore

import "encoding/json"

// ManagedModel says what is to be known of one provider's model: whether it is
// offered, what it can do, and what it costs.
type ManagedModel struct {
	ProviderID    string `json:"provider_id" jsonschema:"required" agw:"ref=provider"`
	UpstreamModel string `json:"upstream_model" jsonschema:"required"`
	// Enabled is true unless it is said to be false: a model that is not enabled is
	// neither listed nor served by routes with a direct provider.
	Enabled *bool `json:"enabled,omitempty"`
	// CredentialScope narrows the credentials that calls for the model use.
	CredentialScope string `json:"credential_scope,omitempty"`
	// CapabilityOverrides are members of what the gateway knows of models; see
	// docs/llm.md.
	CapabilityOverrides map[string]json.RawMessage `json:"capability_overrides,omitempty"`
	Price               ModelPrice                 `json:"price,omitzero"`
	*Meta
}

// ModelPrice is what a model costs, in dollars for a million tokens. Input and output
// come together.
type ModelPrice struct {
	InputPerMTok        *float64 `json:"input_per_mtok,omitempty"`
	OutputPerMTok       *float64 `json:"output_per_mtok,omitempty"`
	ReasoningPerMTok    *float64 `json:"reasoning_per_mtok,omitempty"`
	CacheReadPerMTok    *float64 `json:"cache_read_per_mtok,omitempty"`
	CacheWritePerMTok   *float64 `json:"cache_write_per_mtok,omitempty"`
	CacheWrite1hPerMTok *float64 `json:"cache_write_1h_per_mtok,omitempty"`
	PerRequest          *float64 `json:"per_request,omitempty"`
}

// IsEnabled says whether the model is offered.
func (m *ManagedModel) IsEnabled() bool { return m.Enabled == nil || *m.Enabled }

// Default implements [Defaulter]: a model is enabled.
func (m *ManagedModel) Default() {
	if m.Enabled == nil {
		enabled := true
		m.Enabled = &enabled
	}
}

// ObjectID implements [Object]: the provider and the model, joined by a slash.
func (m *ManagedModel) ObjectID() string { return m.ProviderID + "/" + m.UpstreamModel }

// Validate implements [Object].
func (m *ManagedModel) Validate() []Fault {
	var f faults
	f.required("provider_id", m.ProviderID)
	f.required("upstream_model", m.UpstreamModel)
	m.Price.validate(&f)
	return f
}

// maxPrice is in dollars for a million tokens; more is a mistake.
const maxPrice = 1e6

func (p ModelPrice) validate(f *faults) {
	if p == (ModelPrice{}) {
		return
	}
	for _, rate := range []struct {
		field    string
		v        *float64
		required bool
	}{
		{"price.input_per_mtok", p.InputPerMTok, true}, {"price.output_per_mtok", p.OutputPerMTok, true},
		{"price.reasoning_per_mtok", p.ReasoningPerMTok, false}, {"price.cache_read_per_mtok", p.CacheReadPerMTok, false},
		{"price.cache_write_per_mtok", p.CacheWritePerMTok, false}, {"price.cache_write_1h_per_mtok", p.CacheWrite1hPerMTok, false},
		{"price.per_request", p.PerRequest, false},
	} {
		switch {
		case rate.v != nil:
			f.notNegative(rate.field, *rate.v)
			f.atMost(rate.field, *rate.v, maxPrice)
		case rate.required:
			f.add(rate.field, "is required beside other prices; 0 for what costs nothing")
		}
	}
}
