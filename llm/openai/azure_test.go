package openai_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

func TestAzure(t *testing.T) {
	up := llmtest.NewUpstream(t)
	ask := func(op llm.Operation, path, model string, query url.Values) *llm.Call {
		return &llm.Call{
			Operation: op, Method: "POST", Path: path, Model: model, Query: query,
			Header:     http.Header{"Authorization": {"Bearer of the caller"}, "Api-Key": {"of the caller"}},
			Body:       llm.BytesBody([]byte(`{"model":"d"}`)),
			Credential: llm.Credential{APIKey: key},
		}
	}
	for name, tt := range map[string]struct {
		base, version string
		call          *llm.Call
		path, query   string
	}{
		"v1":                     {"", "", ask(llm.OpenAIChat, "/v1/chat/completions", "d", nil), "/openai/v1/chat/completions", ""},
		"v1 in the base URL":     {"/openai/v1/", "", ask(llm.OpenAIResponses, "/v1/responses", "d", url.Values{"a": {"b"}}), "/openai/v1/responses", "a=b"},
		"version":                {"/", "2024-10-21", ask(llm.OpenAIChat, "/v1/chat/completions", "a/b", url.Values{"a": {"b"}}), "/openai/deployments/a%2Fb/chat/completions", "a=b&api-version=2024-10-21"},
		"version, no deployment": {"", "2024-10-21", ask(llm.OpenAIFiles, "/v1/files/f%2Fg", "", nil), "/openai/files/f%2Fg", "api-version=2024-10-21"},
		"version, responses":     {"/openai/v1", "2025-03-01-preview", ask(llm.OpenAIResponses, "/v1/responses", "d", nil), "/openai/responses", "api-version=2025-03-01-preview"},
	} {
		p := start(t, llm.Config{Type: "azure_openai", BaseURL: up.URL + tt.base, Options: llm.Options{APIVersion: tt.version}})
		want := tt.call.Query.Encode()
		up.Reply(200, nil, []byte("{}"))
		status, _ := send(t, p, tt.call)
		require.Equal(t, 200, status, name)
		got := up.Last()
		require.Equal(t, tt.path, got.Path, name)
		require.Equal(t, tt.query, got.Query.Encode(), name)
		require.Equal(t, []string{key}, got.Header["Api-Key"], name)
		require.NotContains(t, got.Header, "Authorization", name)
		require.Equal(t, `{"model":"d"}`, string(got.Body), name)
		require.Equal(t, want, tt.call.Query.Encode(), "%s: the call is not changed", name)
	}

	p := start(t, llm.Config{Type: "azure_openai", BaseURL: up.URL, Options: llm.Options{APIVersion: "2024-10-21"}})
	_, err := p.Send(t.Context(), ask(llm.OpenAIAudio, "/v1/audio/transcriptions", "", nil))
	require.Equal(t, "model", llm.AsError(err).Param)
	require.Equal(t, []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses}, p.Native(llm.AnthropicMessages, "d"))

	// A credential's base URL is treated as the provider's.
	c := ask(llm.OpenAIChat, "/v1/chat/completions", "d", nil)
	c.Credential.BaseURL = up.URL + "/openai/v1"
	up.Reply(200, nil, []byte("{}"))
	_, _ = send(t, start(t, llm.Config{Type: "azure_openai", BaseURL: "http://127.0.0.1:1"}), c)
	require.Equal(t, "/openai/v1/chat/completions", up.Last().Path)
	require.Equal(t, up.URL+"/openai/v1", c.Credential.BaseURL, "the call is not changed")
}
