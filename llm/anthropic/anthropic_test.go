package anthropic_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/anthropic"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

func TestConformance(t *testing.T) {
	for _, typ := range []string{"anthropic", "claudecode"} {
		t.Run(typ, func(t *testing.T) {
			llmtest.RunProvider(t, func(t *testing.T, baseURL string) llm.Provider {
				p, err := anthropic.New(llm.Config{ID: "p", Type: typ, BaseURL: baseURL})
				require.NoError(t, err)
				return p
			}, llmtest.ProviderOptions{
				Operations: []llm.Operation{llm.AnthropicMessages, llm.AnthropicCountTokens, llm.AnthropicModels, llm.AnthropicBatches, llm.AnthropicFiles},
				Unserved:   []llm.Operation{llm.OpenAIModels, llm.OpenAIFiles, llm.GeminiEmbed},
				Bearer:     typ == "claudecode",
			})
		})
	}
}

func TestNew(t *testing.T) {
	p, err := anthropic.New(llm.Config{ID: "p"})
	require.NoError(t, err)
	require.NoError(t, p.Close())
	_, err = anthropic.New(llm.Config{ID: "p", BaseURL: "ftp://x"})
	require.ErrorContains(t, err, "provider p: base_url")
	_, err = anthropic.New(llm.Config{ID: "p", Type: "antropic"})
	require.ErrorContains(t, err, `"antropic"`)
}

func TestNative(t *testing.T) {
	p := start(t, llm.Config{})
	for _, op := range []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses, llm.GeminiGenerate, llm.AnthropicMessages} {
		require.Equal(t, []llm.Operation{llm.AnthropicMessages}, p.Native(op, "m"), op)
	}
	require.Equal(t, []llm.Operation{llm.AnthropicFiles}, p.Native(llm.AnthropicFiles, "m"))
}

func start(t *testing.T, cfg llm.Config) *anthropic.Provider {
	t.Helper()
	cfg.ID = "p"
	p, err := anthropic.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// The API wants a version; one that the caller named stays.
func TestVersion(t *testing.T) {
	up := llmtest.NewUpstream(t)
	p, err := anthropic.New(llm.Config{ID: "p", BaseURL: up.URL, Network: llm.Network{ExtraHeaders: map[string]string{"x-extra": "1"}}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	for want, header := range map[string]http.Header{anthropic.Version: nil, "2099-01-01": {"Anthropic-Version": {"2099-01-01"}}} {
		resp, err := p.Send(t.Context(), &llm.Call{Operation: llm.AnthropicModels, Method: "GET", Path: "/v1/models", Header: header})
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, 200, resp.Status)
		require.Equal(t, []string{want}, up.Last().Header["Anthropic-Version"])
		require.Equal(t, "1", up.Last().Header.Get("X-Extra"))
	}
}
