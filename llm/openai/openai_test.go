package openai_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
	"github.com/agent-gateway/agent-gateway/llm/openai"
)

var all = []llm.Operation{
	llm.OpenAIChat, llm.OpenAIResponses, llm.OpenAIResponse, llm.OpenAIInputTokens, llm.OpenAIEmbeddings, llm.OpenAICompletions, llm.OpenAIModerations,
	llm.OpenAIImages, llm.OpenAIAudio, llm.OpenAIFiles, llm.OpenAIBatches, llm.OpenAIRerank, llm.OpenAIModels,
}

func TestConformance(t *testing.T) {
	for _, typ := range openai.Types {
		t.Run(typ.Name, func(t *testing.T) {
			operations := typ.Operations
			if operations == nil {
				operations = all
			}
			unserved := []llm.Operation{llm.AnthropicMessages, llm.AnthropicFiles}
			if typ.Operations != nil {
				unserved = append(unserved, llm.OpenAIModerations)
			}
			llmtest.RunProvider(t, func(t *testing.T, baseURL string) llm.Provider {
				p, err := openai.New(llm.Config{ID: "p", Type: typ.Name, BaseURL: baseURL})
				require.NoError(t, err)
				return p
			}, llmtest.ProviderOptions{Operations: operations, Unserved: unserved, BasePath: "/v1"})
		})
	}
}

func TestNew(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  llm.Config
		says string // "" no error
	}{
		"default":          {llm.Config{ID: "p"}, ""},
		"compatible":       {llm.Config{ID: "p", Type: "openai_compatible", BaseURL: "http://127.0.0.1:1/v1/"}, ""},
		"no base":          {llm.Config{ID: "p", Type: "openai_compatible"}, "provider p: base_url"},
		"unknown":          {llm.Config{ID: "p", Type: "openay"}, `"openay"`},
		"no URL":           {llm.Config{ID: "p", BaseURL: "127.0.0.1:1"}, "provider p: base_url"},
		"bad proxy":        {llm.Config{ID: "p", Network: llm.Network{ProxyURL: "::"}}, "proxy_url"},
		"every known type": {llm.Config{ID: "p", Type: "zhipu"}, ""},
	} {
		p, err := openai.New(tt.cfg)
		if tt.says != "" {
			require.ErrorContains(t, err, tt.says, name)
			continue
		}
		require.NoError(t, err, name)
		require.NoError(t, p.Close())
	}
}

// Only the operations that take stream_options are asked for their usage.
func TestStreamUsage(t *testing.T) {
	p, err := openai.New(llm.Config{ID: "p"})
	require.NoError(t, err)
	for _, op := range all {
		require.Equal(t, op == llm.OpenAIChat || op == llm.OpenAICompletions, p.StreamUsage(op), op)
	}
	require.NoError(t, p.Close())
}

// "/v1" of the caller's path gives way to what stands for it upstream.
func TestBaseURL(t *testing.T) {
	up := llmtest.NewUpstream(t)
	for base, want := range map[string]string{"/v1": "/v1/chat/completions", "/api/paas/v4/": "/api/paas/v4/chat/completions", "": "/chat/completions"} {
		p, err := openai.New(llm.Config{ID: "p", BaseURL: up.URL + base})
		require.NoError(t, err)
		up.Reply(200, http.Header{"Content-Type": {"application/json"}}, []byte("{}"))
		resp, err := p.Send(t.Context(), &llm.Call{Operation: llm.OpenAIChat, Method: "POST", Path: "/v1/chat/completions", Body: llm.BytesBody([]byte("{}"))})
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		require.Equal(t, want, up.Last().Path)
		require.NotContains(t, up.Last().Header, "Authorization", "no key, no header")
		require.NoError(t, p.Close())
	}
}

// A proxy is gone through.
func TestProxy(t *testing.T) {
	proxy := llmtest.NewUpstream(t)
	p, err := openai.New(llm.Config{ID: "p", BaseURL: "http://upstream.invalid/v1", Network: llm.Network{ProxyURL: strings.Replace(proxy.URL, "127.0.0.1", "localhost", 1)}})
	require.NoError(t, err)
	proxy.Reply(200, http.Header{"Content-Type": {"application/json"}}, []byte("{}"))
	resp, err := p.Send(t.Context(), &llm.Call{Operation: llm.OpenAIModels, Method: "GET", Path: "/v1/models"})
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, "upstream.invalid", proxy.Last().Host)
	require.NoError(t, p.Close())
}
