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
	"github.com/agent-gateway/agent-gateway/llm/internal/upstream"
)

// Type is one kind of upstream.
type Type struct {
	Name string
	// BaseURL is where it is, "/v1" or what stands for it included. Empty: the
	// configuration must say.
	BaseURL string
	// Operations are what it serves; nil means everything.
	Operations []llm.Operation
	// NoStreamUsage says that it refuses stream_options.
	NoStreamUsage bool
}

// Types are the built-in types.
var Types = []Type{
	{Name: "openai", BaseURL: "https://api.openai.com/v1"},
	{Name: "openai_compatible"},
	{Name: "openrouter", BaseURL: "https://openrouter.ai/api/v1", Operations: []llm.Operation{
		llm.OpenAIChat, llm.OpenAICompletions, llm.OpenAIResponses, llm.OpenAIEmbeddings, llm.OpenAIModels,
	}},
	{Name: "deepseek", BaseURL: "https://api.deepseek.com/v1", Operations: []llm.Operation{
		llm.OpenAIChat, llm.OpenAICompletions, llm.OpenAIModels,
	}},
	{Name: "zhipu", BaseURL: "https://open.bigmodel.cn/api/paas/v4", Operations: []llm.Operation{
		llm.OpenAIChat, llm.OpenAIEmbeddings, llm.OpenAIImages, llm.OpenAIAudio, llm.OpenAIFiles, llm.OpenAIBatches, llm.OpenAIRerank, llm.OpenAIModels,
	}},
}

// Provider is an [llm.Provider]. It is safe for concurrent use.
type Provider struct {
	typ    Type
	client *upstream.Client
}

var _ llm.Provider = (*Provider)(nil)

// New returns a provider of the type that cfg.Type names, "openai" when empty.
// Close it to give back its idle connections.
func New(cfg llm.Config) (*Provider, error) {
	name := cfg.Type
	if name == "" {
		name = "openai"
	}
	i := slices.IndexFunc(Types, func(t Type) bool { return t.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("provider %s: package openai has no type %q", cfg.ID, name)
	}
	typ := Types[i]
	if cfg.BaseURL == "" && typ.BaseURL == "" {
		return nil, fmt.Errorf("provider %s: base_url is required for the type %s", cfg.ID, name)
	}
	client, err := upstream.New(cfg, typ.BaseURL)
	if err != nil {
		return nil, err
	}
	return &Provider{typ, client}, nil
}

// Native implements [llm.Provider].
func (p *Provider) Native(op llm.Operation, _ string) []llm.Operation {
	if op.Protocol() != "openai" || p.typ.Operations != nil && !slices.Contains(p.typ.Operations, op) {
		return nil
	}
	return []llm.Operation{op}
}

// StreamUsage says whether a streamed call may ask for its usage with
// stream_options.
func (p *Provider) StreamUsage(op llm.Operation) bool {
	return !p.typ.NoStreamUsage && (op == llm.OpenAIChat || op == llm.OpenAICompletions)
}

// Send implements [llm.Provider].
func (p *Provider) Send(ctx context.Context, call *llm.Call) (*llm.Response, error) {
	return p.client.Send(ctx, call, strings.TrimPrefix(call.Path, "/v1"), bearer)
}

func bearer(h http.Header, key string) {
	if key != "" {
		h["Authorization"] = []string{"Bearer " + key}
	}
}

// Close closes the idle connections.
func (p *Provider) Close() error { return p.client.Close() }
