package openai_test

import (
	"io"
	"net/http"
	"slices"
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

// plain hides what a provider can do besides, where the suite's upstream cannot.
type plain struct {
	llm.Provider
	io.Closer
}

// Every row keeps the promises of a provider, with what it serves.
func TestConformance(t *testing.T) {
	for _, typ := range openai.Types {
		t.Run(typ.Name, func(t *testing.T) {
			opt := llmtest.ProviderOptions{Unserved: []llm.Operation{llm.AnthropicFiles, llm.GeminiEmbed}, BasePath: "/v1"}
			listed := true // as the suite's upstream lists its models
			switch typ.Name {
			case "azure_openai":
				opt.BasePath, opt.PathPrefix, opt.KeyHeader = "", "/openai", "Api-Key"
			case "codex":
				opt.SentBody, opt.Collects = sentByCodex, true
				listed = false
			case "ollama":
				listed = false
			}
			cfg := llm.Config{Type: typ.Name, BaseURL: "http://127.0.0.1:1/v1"}
			p := start(t, cfg)
			for _, op := range all {
				if slices.Contains(p.Native(op, "llmtest"), op) {
					opt.Operations = append(opt.Operations, op)
				} else if !op.Generates() {
					opt.Unserved = append(opt.Unserved, op)
				}
			}
			llmtest.RunProvider(t, func(t *testing.T, baseURL string) llm.Provider {
				cfg.BaseURL = baseURL
				p := start(t, cfg)
				if !listed || !slices.Contains(opt.Operations, llm.OpenAIModels) {
					return plain{p, p}
				}
				return p
			}, opt)
		})
	}
}

func start(t *testing.T, cfg llm.Config) *openai.Provider {
	t.Helper()
	cfg.ID = "p"
	p, err := openai.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
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
		"one of the table": {llm.Config{ID: "p", Type: "zhipu"}, ""},
		"azure":            {llm.Config{ID: "p", Type: "azure_openai"}, "provider p: base_url"},
		"no API":           {llm.Config{ID: "p", Options: llm.Options{API: "completions"}}, `options.api is "completions"`},
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

// Only the operations that take stream_options are asked for their usage, and only
// upstreams that know it.
func TestStreamUsage(t *testing.T) {
	p := start(t, llm.Config{})
	for _, op := range all {
		require.Equal(t, op == llm.OpenAIChat || op == llm.OpenAICompletions, p.StreamUsage(op), op)
	}
	require.False(t, start(t, llm.Config{Type: "mistral"}).StreamUsage(llm.OpenAIChat))
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
