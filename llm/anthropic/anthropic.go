// Package anthropic is the provider for Anthropic's Messages API, and for
// upstreams that speak it.
package anthropic

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec/messages"
	"github.com/agent-gateway/agent-gateway/llm/internal/ask"
	"github.com/agent-gateway/agent-gateway/llm/internal/shape"
	"github.com/agent-gateway/agent-gateway/llm/internal/upstream"
)

// Types are the built-in types. "claudecode" is the same API, asked with the token of
// an account that Claude Code has logged in to, and with an API key if it is given one.
// The caller is not made to look like Claude Code.
var Types = []string{"anthropic", "claudecode"}

// BaseURL is where the API is unless the configuration says otherwise; without
// "/v1", as the SDKs have it.
const BaseURL = "https://api.anthropic.com"

// Version is sent when the caller did not name a version of the API.
const Version = "2023-06-01"

// Provider is an [llm.Provider]. It is safe for concurrent use.
type Provider struct {
	cfg    llm.Config
	client *upstream.Client
	auth   func(h http.Header, key string)
}

var (
	_ llm.Provider     = (*Provider)(nil)
	_ llm.ModelLister  = (*Provider)(nil)
	_ llm.TokenCounter = (*Provider)(nil)
)

// New returns a provider of the type that cfg.Type names, "anthropic" when empty.
// Close it to give back its idle connections.
func New(cfg llm.Config) (*Provider, error) {
	if cfg.Type == "" {
		cfg.Type = "anthropic"
	}
	if !slices.Contains(Types, cfg.Type) {
		return nil, fmt.Errorf("provider %s: package anthropic has no type %q", cfg.ID, cfg.Type)
	}
	client, err := upstream.New(cfg, BaseURL)
	if err != nil {
		return nil, err
	}
	p := &Provider{cfg: cfg, client: client, auth: authenticate}
	if cfg.Type == "claudecode" {
		p.auth = authenticateAccount
	}
	return p, nil
}

var generating = []llm.Operation{llm.AnthropicMessages}

// Native implements [llm.Provider].
func (p *Provider) Native(op llm.Operation, _ string) []llm.Operation {
	switch {
	case op.Generates():
		return generating
	case op.Protocol() == "anthropic":
		return []llm.Operation{op}
	}
	return nil
}

// Send implements [llm.Provider].
func (p *Provider) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
	if p.cfg.Options.Compact == "cc" && (call.Operation == llm.AnthropicMessages || call.Operation == llm.AnthropicCountTokens) {
		c := *shape.Call(call, compact.Drop)
		c.Header = knownBetas(c.Header)
		call = &c
	}
	return p.client.Send(ctx, call, call.Path, p.auth)
}

func authenticate(h http.Header, key string) {
	if h["Anthropic-Version"] == nil {
		h["Anthropic-Version"] = []string{Version}
	}
	if key != "" {
		h["X-Api-Key"] = []string{key}
	}
}

// oauthBeta is what the API wants to be told of a token that is an account's.
const oauthBeta = "oauth-2025-04-20"

func authenticateAccount(h http.Header, key string) {
	// A key of the caller's would be a second one.
	delete(h, "X-Api-Key")
	delete(h, "Authorization")
	if key == "" || strings.HasPrefix(key, "sk-ant-api") {
		authenticate(h, key)
		return
	}
	authenticate(h, "")
	h["Authorization"] = []string{"Bearer " + key}
	betas := betasOf(h)
	if !slices.Contains(betas, oauthBeta) {
		betas = append(betas, oauthBeta)
	}
	h["Anthropic-Beta"] = []string{strings.Join(betas, ",")}
}

// betasOf lists what the headers name, in their order.
func betasOf(h http.Header) (betas []string) {
	for _, line := range h["Anthropic-Beta"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" {
				betas = append(betas, name)
			}
		}
	}
	return betas
}

// Close closes the idle connections.
func (p *Provider) Close() error { return p.client.Close() }

// ListModels implements [llm.ModelLister].
func (p *Provider) ListModels(ctx context.Context, cred llm.Credential) ([]llm.Model, error) {
	var list []llm.Model
	query := url.Values{"limit": {"1000"}}
	for range maxPages {
		v, err := p.ask(ctx, &llm.Call{Operation: llm.AnthropicModels, Method: http.MethodGet, Path: "/v1/models", Query: query, Credential: cred})
		if err != nil {
			return nil, fmt.Errorf("list the models: %w", err)
		}
		if list, err = ask.Models(list, v.Get("data").Array(), model); err != nil {
			return nil, err
		}
		last := v.Get("last_id").String()
		if !v.Get("has_more").Bool() || last == "" {
			return list, nil
		}
		query = url.Values{"limit": {"1000"}, "after_id": {last}}
	}
	return nil, llm.Errorf(llm.CodeUpstream, "list the models: the upstream's list does not end after %d pages", maxPages)
}

const maxPages = 100

func model(v gjson.Result) llm.Model {
	m := llm.Model{ID: v.Get("id").String(), DisplayName: v.Get("display_name").String(), OwnedBy: "anthropic"}
	if at, err := time.Parse(time.RFC3339, v.Get("created_at").String()); err == nil && at.Unix() > 0 {
		m.Created = at.UTC()
	}
	return m
}

// CountTokens implements [llm.TokenCounter] for a call of [llm.AnthropicCountTokens].
func (p *Provider) CountTokens(ctx context.Context, call *llm.Call) (int64, error) {
	if call.Operation != llm.AnthropicCountTokens {
		return 0, ask.Unsupported(p.cfg, "count tokens for "+string(call.Operation))
	}
	v, err := p.ask(ctx, call)
	if err != nil {
		return 0, fmt.Errorf("count the tokens: %w", err)
	}
	return ask.Tokens(v, "input_tokens")
}

func (p *Provider) ask(ctx context.Context, call *llm.Call) (gjson.Result, error) {
	return ask.JSON(ctx, p, call, messages.Codec.DecodeError)
}
