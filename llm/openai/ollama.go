package openai

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/internal/ask"
)

// ollama is asked in OpenAI's protocol below /v1, as its documentation of the
// compatibility lists it (Responses since 0.13.3), and for its models in its own, which
// says more. Its base URL is the one that its own tools know, without "/v1".
var ollama = Type{
	Name: "ollama", BaseURL: "http://127.0.0.1:11434", trim: "/v1",
	Operations: []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses, llm.OpenAICompletions, llm.OpenAIEmbeddings, llm.OpenAIModels},
	send: func(ctx context.Context, p *Provider, call *llm.Call) (*llm.Response, error) {
		return p.client.Send(ctx, call, call.Path, bearer)
	},
	list: listOllama,
}

func listOllama(ctx context.Context, p *Provider, cred llm.Credential) ([]llm.Model, error) {
	v, err := p.ask(ctx, &llm.Call{Operation: llm.OpenAIModels, Method: http.MethodGet, Path: "/api/tags", Credential: cred})
	if err != nil {
		return nil, fmt.Errorf("list the models: %w", err)
	}
	return ask.Models(nil, v.Get("models").Array(), func(v gjson.Result) llm.Model {
		m := llm.Model{ID: v.Get("model").String(), DisplayName: v.Get("name").String()}
		if m.ID == "" { // before 0.1.34
			m.ID = m.DisplayName
		}
		if at, err := time.Parse(time.RFC3339Nano, v.Get("modified_at").String()); err == nil {
			m.Created = at.UTC()
		}
		return m
	})
}
