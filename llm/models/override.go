package models

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Override is what an operator knows better. Prices are in dollars per million
// tokens, and replace the known ones as a whole, so that what the operator pays is
// not mixed with a list price; they come with input and output, or not at all.
// The rest replaces field by field.
type Override struct {
	// Model is the upstream's name, exactly.
	Model string `json:"model"`
	// ProviderID is the provider that it is about; empty for all that offer the
	// model. One that names it wins over one that does not.
	ProviderID string `json:"provider_id,omitempty"`
	// Name is for people.
	Name string `json:"name,omitempty"`

	InputPerMTok  *float64 `json:"input_per_mtok,omitempty"`
	OutputPerMTok *float64 `json:"output_per_mtok,omitempty"`
	// ReasoningPerMTok is for thoughts that cost something else than the output.
	ReasoningPerMTok *float64 `json:"reasoning_per_mtok,omitempty"`
	// Cached tokens cost what the input does when these are not given.
	CacheReadPerMTok    *float64 `json:"cache_read_per_mtok,omitempty"`
	CacheWritePerMTok   *float64 `json:"cache_write_per_mtok,omitempty"`
	CacheWrite1hPerMTok *float64 `json:"cache_write_1h_per_mtok,omitempty"`
	// PerRequest is in dollars for each call.
	PerRequest *float64 `json:"per_request,omitempty"`

	MaxOutputTokens *int64 `json:"max_output_tokens,omitempty"`
	ContextTokens   *int64 `json:"context_tokens,omitempty"`
	// Capabilities has members of [llm.Capabilities]; false takes one away.
	Capabilities map[string]json.RawMessage `json:"capabilities,omitempty"`
}

// Validate returns an error that names each field in question.
func (o Override) Validate() error {
	var errs []error
	fail := func(field, what string) { errs = append(errs, &fieldError{field, what}) }
	switch {
	case o.Model == "":
		fail("model", "is required: the upstream's name for the model")
	case len(o.Model) > maxName:
		fail("model", fmt.Sprintf("is longer than %d bytes", maxName))
	}
	priced := false
	for _, p := range o.prices() {
		if p.v == nil {
			continue
		}
		priced = true
		if !(*p.v >= 0 && *p.v <= maxRate) {
			fail(p.field, fmt.Sprintf("must be dollars from 0 to %d", int(maxRate)))
		}
	}
	if priced && o.InputPerMTok == nil {
		fail("input_per_mtok", "is required beside other prices; 0 for what costs nothing")
	}
	if priced && o.OutputPerMTok == nil {
		fail("output_per_mtok", "is required beside other prices; 0 for what costs nothing")
	}
	if o.MaxOutputTokens != nil && *o.MaxOutputTokens < 0 {
		fail("max_output_tokens", "must not be negative")
	}
	if o.ContextTokens != nil && *o.ContextTokens < 0 {
		fail("context_tokens", "must not be negative")
	}
	if err := merge(new(llm.Capabilities), o.Capabilities); err != nil {
		errs = append(errs, fmt.Errorf("capabilities.%w", err))
	}
	return errors.Join(errs...)
}

type dollars struct {
	field string
	v     *float64
	to    func(*Rates) *llm.Count
}

func (o *Override) prices() []dollars {
	return []dollars{
		{"input_per_mtok", o.InputPerMTok, func(r *Rates) *llm.Count { return &r.Input }},
		{"output_per_mtok", o.OutputPerMTok, func(r *Rates) *llm.Count { return &r.Output }},
		{"reasoning_per_mtok", o.ReasoningPerMTok, func(r *Rates) *llm.Count { return &r.Reasoning }},
		{"cache_read_per_mtok", o.CacheReadPerMTok, func(r *Rates) *llm.Count { return &r.CacheRead }},
		{"cache_write_per_mtok", o.CacheWritePerMTok, func(r *Rates) *llm.Count { return &r.CacheWrite }},
		{"cache_write_1h_per_mtok", o.CacheWrite1hPerMTok, func(r *Rates) *llm.Count { return &r.CacheWrite1h }},
		{"per_request", o.PerRequest, func(r *Rates) *llm.Count { return &r.Request }},
	}
}

// price is nil when o has none.
func (o *Override) price() *Price {
	if o.InputPerMTok == nil {
		return nil
	}
	var r Rates
	for _, p := range o.prices() {
		*p.to(&r) = nano(p.v, 1)
	}
	return &Price{periods: []period{{base: r}}}
}

// overrides are by provider and model; the provider is empty for all.
type overrides map[[2]string]override

type override struct {
	Override
	price *Price
}

// With returns a catalog in which overrides win over what c says. Of two for the
// same provider and model it refuses the second.
func (c *Catalog) With(list ...Override) (*Catalog, error) {
	n := &Catalog{data: c.data, overrides: overrides{}}
	for k, o := range c.overrides {
		n.overrides[k] = o
	}
	seen := map[[2]string]bool{}
	var errs []error
	for i, o := range list {
		k := [2]string{o.ProviderID, o.Model}
		if err := o.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("model %d (%s): %w", i, o.Model, err))
		} else if seen[k] {
			errs = append(errs, fmt.Errorf("model %d (%s): model is overridden twice for provider_id %q", i, o.Model, o.ProviderID))
		}
		seen[k] = true
		n.overrides[k] = override{o, o.price()}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return n, nil
}

func (os overrides) apply(info *Info, provider, model string) {
	if o, ok := os[[2]string{"", model}]; ok {
		o.apply(info)
	}
	if o, ok := os[[2]string{provider, model}]; ok && provider != "" {
		o.apply(info)
	}
}

func (o *override) apply(info *Info) {
	if o.Name != "" {
		info.Name = o.Name
	}
	if o.price != nil {
		info.Price = o.price
	}
	// Checked by With.
	_ = merge(&info.Caps, o.Capabilities)
	if o.MaxOutputTokens != nil {
		info.Caps.MaxOutputTokens = *o.MaxOutputTokens
	}
	if o.ContextTokens != nil {
		info.Caps.ContextTokens = *o.ContextTokens
	}
}
