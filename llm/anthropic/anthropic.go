// Package anthropic is the provider for Anthropic's Messages API, and for
// upstreams that speak it.
package anthropic

import (
	"context"
	"net/http"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/internal/upstream"
)

// BaseURL is where the API is unless the configuration says otherwise; without
// "/v1", as the SDKs have it.
const BaseURL = "https://api.anthropic.com"

// Version is sent when the caller did not name a version of the API.
const Version = "2023-06-01"

// Provider is an [llm.Provider]. It is safe for concurrent use.
type Provider struct{ client *upstream.Client }

var _ llm.Provider = (*Provider)(nil)

// New returns a provider. Close it to give back its idle connections.
func New(cfg llm.Config) (*Provider, error) {
	client, err := upstream.New(cfg, BaseURL)
	if err != nil {
		return nil, err
	}
	return &Provider{client}, nil
}

// Native implements [llm.Provider].
func (p *Provider) Native(op llm.Operation, _ string) []llm.Operation {
	if op.Protocol() != "anthropic" {
		return nil
	}
	return []llm.Operation{op}
}

// Send implements [llm.Provider].
func (p *Provider) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
	return p.client.Send(ctx, call, call.Path, authenticate)
}

func authenticate(h http.Header, key string) {
	if h["Anthropic-Version"] == nil {
		h["Anthropic-Version"] = []string{Version}
	}
	if key != "" {
		h["X-Api-Key"] = []string{key}
	}
}

// Close closes the idle connections.
func (p *Provider) Close() error { return p.client.Close() }
