package echo

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
)

// ListModels returns the one model that echo names; any name is served.
func (p *Provider) ListModels(ctx context.Context, _ llm.Credential) ([]llm.Model, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return []llm.Model{newModel("echo")}, nil
}

func newModel(id string) llm.Model {
	return llm.Model{ID: id, DisplayName: id, OwnedBy: "echo", Created: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// models lists the models, or shows the one that the path names.
func (p *Provider) models(call *llm.Call, _ []byte) (*answer, error) {
	if call.Method != "" && call.Method != http.MethodGet {
		return nil, llm.Errorf(llm.CodeMethodNotAllowed, "echo's models can only be read; use GET")
	}
	render := openAIModel
	if call.Operation == llm.AnthropicModels {
		render = anthropicModel
	}
	escaped := strings.Trim(strings.TrimPrefix(call.Path, "/v1/models"), "/")
	id, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, llm.Errorf(llm.CodeInvalidRequest, "the model's id %q is not a percent-encoded path segment", escaped)
	}
	if id != "" {
		return &answer{document: render(newModel(id))}, nil
	}
	data := []any{render(newModel("echo"))}
	if call.Operation == llm.AnthropicModels {
		return &answer{document: struct {
			Data    []any  `json:"data"`
			HasMore bool   `json:"has_more"`
			FirstID string `json:"first_id"`
			LastID  string `json:"last_id"`
		}{Data: data, FirstID: "echo", LastID: "echo"}}, nil
	}
	return &answer{document: struct {
		Object string `json:"object"`
		Data   []any  `json:"data"`
	}{"list", data}}, nil
}

func openAIModel(m llm.Model) any {
	return struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"`
		OwnedBy string `json:"owned_by"`
	}{m.ID, "model", m.Created.Unix(), m.OwnedBy}
}

func anthropicModel(m llm.Model) any {
	return struct {
		Type        string    `json:"type"`
		ID          string    `json:"id"`
		DisplayName string    `json:"display_name"`
		CreatedAt   time.Time `json:"created_at"`
	}{"model", m.ID, m.DisplayName, m.Created}
}
