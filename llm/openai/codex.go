package openai

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/internal/ask"
	"github.com/agent-gateway/agent-gateway/llm/internal/shape"
)

// codex is the backend of ChatGPT that Codex uses when it is logged in with an account:
// Responses, always streamed and never stored. The key is the account's access token.
// The caller is not made to look like Codex.
var codex = Type{
	Name: "codex", BaseURL: "https://chatgpt.com/backend-api/codex", PreferResponses: true,
	Operations: []llm.Operation{llm.OpenAIResponses, llm.OpenAIModels},
	send:       sendCodex,
	list:       listCodex,
}

// codexDrop are the parameters of Responses that the backend answers with "Unsupported
// parameter", as users of several gateways reported: CLIProxyAPI #897, #4915 and #5112,
// OmniRoute #3317, mnfst/llm-gateway #1807.
var codexDrop = shape.New(
	shape.Rule{Path: "background"},
	shape.Rule{Path: "max_output_tokens"},
	shape.Rule{Path: "metadata"},
	shape.Rule{Path: "prompt_cache_options"},
	shape.Rule{Path: "prompt_cache_retention"},
	shape.Rule{Path: "safety_identifier"},
	shape.Rule{Path: "stream_options"},
	shape.Rule{Path: "temperature"},
	shape.Rule{Path: "top_p"},
	shape.Rule{Path: "truncation"},
	shape.Rule{Path: "user"},
)

func shapeCodex(text []byte) []byte {
	return shape.Set(codexDrop.Drop(text),
		shape.Member{Name: "stream", Value: "true"},
		shape.Member{Name: "store", Value: "false"},
		// They must be there, and may be empty.
		shape.Member{Name: "instructions", Value: `""`, IfMissing: true},
	)
}

func sendCodex(ctx context.Context, p *Provider, call *llm.Call) (*llm.Response, error) {
	account := call.Credential.AccountID
	auth := func(h http.Header, key string) {
		bearer(h, key)
		delete(h, "Chatgpt-Account-Id") // the caller's own
		if account != "" {
			h["Chatgpt-Account-Id"] = []string{account}
		}
	}
	creates := call.Operation == llm.OpenAIResponses && call.Path == "/v1/responses"
	if !creates {
		return p.client.Send(ctx, call, relative(call), auth)
	}
	resp, err := p.client.Send(ctx, shape.Call(call, shapeCodex), relative(call), func(h http.Header, key string) {
		auth(h, key)
		h["Accept"] = []string{"text/event-stream"}
	})
	if err != nil || call.Stream || resp.Status != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return resp, err
	}
	return p.collect(ctx, resp)
}

// listCodex reads the backend's own form of a list.
func listCodex(ctx context.Context, p *Provider, cred llm.Credential) ([]llm.Model, error) {
	v, err := p.ask(ctx, &llm.Call{Operation: llm.OpenAIModels, Method: http.MethodGet, Path: "/v1/models", Credential: cred})
	if err != nil {
		return nil, fmt.Errorf("list the models: %w", err)
	}
	return ask.Models(nil, v.Get("models").Array(), func(v gjson.Result) llm.Model {
		return llm.Model{ID: v.Get("slug").String(), DisplayName: v.Get("display_name").String(), OwnedBy: "openai"}
	})
}
