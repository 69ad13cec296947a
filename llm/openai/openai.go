// Package openai is the provider for OpenAI and for everything that speaks its
// protocol. The upstreams differ in where they are and in a few habits, which are
// rows of one table: [Types].
package openai

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/internal/shape"
	"github.com/agent-gateway/agent-gateway/llm/internal/upstream"
)

// Provider is an [llm.Provider]. It is safe for concurrent use.
type Provider struct {
	cfg    llm.Config
	typ    Type
	client *upstream.Client
	native map[llm.Operation][]llm.Operation
}

var (
	_ llm.Provider     = (*Provider)(nil)
	_ llm.ModelLister  = (*Provider)(nil)
	_ llm.TokenCounter = (*Provider)(nil)
)

// New returns a provider of the type that cfg.Type names, "openai" when empty.
// Close it to give back its idle connections.
func New(cfg llm.Config) (*Provider, error) {
	if cfg.Type == "" {
		cfg.Type = "openai"
	}
	i := slices.IndexFunc(Types, func(t Type) bool { return t.Name == cfg.Type })
	if i < 0 {
		return nil, fmt.Errorf("provider %s: package openai has no type %q", cfg.ID, cfg.Type)
	}
	typ := Types[i]
	if cfg.BaseURL == "" && typ.BaseURL == "" {
		return nil, fmt.Errorf("provider %s: base_url is required for the type %s", cfg.ID, cfg.Type)
	}
	var err error
	if typ.adapt != nil {
		typ = typ.adapt(typ, cfg.Options)
	}
	if typ, err = typ.withAPI(cfg); err != nil {
		return nil, err
	}
	cfg.BaseURL = typ.base(cfg.BaseURL)
	p := &Provider{cfg: cfg, typ: typ, native: typ.native()}
	if p.client, err = upstream.New(cfg, typ.BaseURL); err != nil {
		return nil, err
	}
	return p, nil
}

// Native implements [llm.Provider].
func (p *Provider) Native(op llm.Operation, _ string) []llm.Operation {
	if list, ok := p.native[op]; ok {
		return list
	}
	if p.typ.serves(op) {
		return []llm.Operation{op}
	}
	return nil
}

// StreamUsage says whether a streamed call may ask for its usage with
// stream_options.
func (p *Provider) StreamUsage(op llm.Operation) bool {
	return !p.typ.NoStreamUsage && (op == llm.OpenAIChat || op == llm.OpenAICompletions)
}

// Send implements [llm.Provider].
func (p *Provider) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
	if p.cfg.Options.Compact == "codex" && call.Operation.Generates() {
		call = shape.Call(call, compacted)
	}
	if base := p.typ.base(call.Credential.BaseURL); base != call.Credential.BaseURL {
		c := *call
		c.Credential.BaseURL = base
		call = &c
	}
	if p.typ.send != nil {
		return p.typ.send(ctx, p, call)
	}
	return p.client.Send(ctx, call, relative(call), bearer)
}

// relative is the call's path below the base URL of OpenAI's SDKs, which has "/v1" or
// what stands for it.
func relative(call *llm.Call) string { return strings.TrimPrefix(call.Path, "/v1") }

func bearer(h http.Header, key string) {
	if key != "" {
		h["Authorization"] = []string{"Bearer " + key}
	}
}

// Close closes the idle connections.
func (p *Provider) Close() error { return p.client.Close() }
