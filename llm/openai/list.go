package openai

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec/chat"
	"github.com/agent-gateway/agent-gateway/llm/internal/ask"
)

// ListModels implements [llm.ModelLister]. Upstreams that cannot be asked are an error
// of [llm.CodeUnsupported].
func (p *Provider) ListModels(ctx context.Context, cred llm.Credential) ([]llm.Model, error) {
	switch {
	case p.typ.list != nil:
		return p.typ.list(ctx, p, cred)
	case !p.typ.serves(llm.OpenAIModels):
		return nil, ask.Unsupported(p.cfg, "list its models")
	}
	v, err := p.ask(ctx, &llm.Call{Operation: llm.OpenAIModels, Method: http.MethodGet, Path: "/v1/models", Credential: cred})
	if err != nil {
		return nil, fmt.Errorf("list the models: %w", err)
	}
	page := v.Get("data")
	if v.IsArray() { // Together's
		page = v
	}
	return ask.Models(nil, page.Array(), model)
}

func model(v gjson.Result) llm.Model {
	m := llm.Model{ID: v.Get("id").String(), OwnedBy: v.Get("owned_by").String()}
	for _, name := range []string{"display_name", "name"} { // neither is OpenAI's, many have one
		if s := v.Get(name); s.Type == gjson.String && m.DisplayName == "" {
			m.DisplayName = s.Str
		}
	}
	if at := v.Get("created"); at.Type == gjson.Number && at.Int() > 0 {
		m.Created = time.Unix(at.Int(), 0).UTC()
	}
	return m
}

// CountTokens implements [llm.TokenCounter] for a call of [llm.OpenAIInputTokens].
func (p *Provider) CountTokens(ctx context.Context, call *llm.Call) (int64, error) {
	if call.Operation != llm.OpenAIInputTokens || !p.typ.serves(call.Operation) {
		return 0, ask.Unsupported(p.cfg, "count tokens for "+string(call.Operation))
	}
	v, err := p.ask(ctx, call)
	if err != nil {
		return 0, fmt.Errorf("count the tokens: %w", err)
	}
	return ask.Tokens(v, "input_tokens")
}

func (p *Provider) ask(ctx context.Context, call *llm.Call) (gjson.Result, error) {
	return ask.JSON(ctx, p, call, chat.Codec.DecodeError)
}
