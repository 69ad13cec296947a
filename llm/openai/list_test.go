package openai_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

func TestListModels(t *testing.T) {
	up := llmtest.NewUpstream(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tt := range map[string]struct {
		typ, answer, path string
		want              []llm.Model
	}{
		"OpenAI's":   {"openai", `{"object":"list","data":[{"id":"m","object":"model","created":1767323045,"owned_by":"o"},{"id":""}]}`, "/v1/models", []llm.Model{{ID: "m", OwnedBy: "o", Created: at}}},
		"Together's": {"together", `[{"id":"v/m","display_name":"M","created":0}]`, "/v1/models", []llm.Model{{ID: "v/m", DisplayName: "M"}}},
		"Ollama's":   {"ollama", `{"models":[{"name":"q:8b","model":"q:8b","modified_at":"2026-01-02T04:04:05+01:00"},{"name":"old"}]}`, "/api/tags", []llm.Model{{ID: "q:8b", DisplayName: "q:8b", Created: at}, {ID: "old", DisplayName: "old"}}},
		"Codex's":    {"codex", `{"models":[{"slug":"gpt-6","display_name":"GPT-6"}]}`, "/v1/models", []llm.Model{{ID: "gpt-6", DisplayName: "GPT-6", OwnedBy: "openai"}}},
		"Azure's":    {"azure_openai", `{"data":[{"id":"gpt-6"}]}`, "/openai/v1/models", []llm.Model{{ID: "gpt-6"}}},
	} {
		p := start(t, llm.Config{Type: tt.typ, BaseURL: map[bool]string{true: up.URL + "/v1", false: up.URL}[tt.typ != "azure_openai"]})
		up.Reply(200, nil, []byte(tt.answer))
		got, err := p.ListModels(t.Context(), llm.Credential{})
		require.NoError(t, err, name)
		require.Equal(t, tt.want, got, name)
		require.Equal(t, tt.path, up.Last().Path, name)
		require.NotContains(t, up.Last().Header, "Authorization", name)
	}

	p := start(t, llm.Config{BaseURL: up.URL + "/v1"})
	for says, answer := range map[string][]byte{
		"not JSON":            []byte("<html>"),
		"larger than 16 MiB":  bytes.Repeat([]byte(" "), 16<<20+1),
		"has more than 10000": []byte(`{"data":[` + strings.TrimSuffix(strings.Repeat(`{"id":"m"},`, 10_001), ",") + `]}`),
	} {
		up.Reply(200, http.Header{"Content-Type": {"application/json"}}, answer)
		_, err := p.ListModels(t.Context(), llm.Credential{})
		require.ErrorContains(t, err, says)
		require.Equal(t, llm.CodeUpstream, llm.AsError(err).Code)
	}
}

func TestCountTokens(t *testing.T) {
	up := llmtest.NewUpstream(t)
	count := &llm.Call{Operation: llm.OpenAIInputTokens, Method: "POST", Path: "/v1/responses/input_tokens", Header: http.Header{"Content-Type": {"application/json"}}, Body: llm.BytesBody([]byte(`{"model":"m","input":"hi"}`))}
	p := start(t, llm.Config{BaseURL: up.URL + "/v1"})
	n, err := p.CountTokens(t.Context(), count)
	require.NoError(t, err)
	require.Positive(t, n)
	up.Reply(200, nil, []byte(`{"input_tokens":"many"}`))
	_, err = p.CountTokens(t.Context(), count)
	require.ErrorContains(t, err, "no input_tokens")
	_, err = start(t, llm.Config{Type: "deepseek"}).CountTokens(t.Context(), count)
	require.Equal(t, llm.CodeUnsupported, llm.AsError(err).Code)
}
