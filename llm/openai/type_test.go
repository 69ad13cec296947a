package openai_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
	"github.com/agent-gateway/agent-gateway/llm/openai"
)

const key = "sk-smoke"

// call is a small one of a generating operation.
func call(op llm.Operation, stream bool) *llm.Call {
	c := &llm.Call{
		Operation: op, Method: "POST", Path: "/v1/chat/completions", Model: "llmtest", Stream: stream,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Credential: llm.Credential{APIKey: key},
	}
	body := `{"model":"llmtest","messages":[{"role":"user","content":"hi"}]}`
	if op == llm.OpenAIResponses {
		c.Path, body = "/v1/responses", `{"model":"llmtest","input":"hi"}`
	}
	if stream {
		body = strings.TrimSuffix(body, "}") + `,"stream":true}`
	}
	c.Body = llm.BytesBody([]byte(body))
	return c
}

func send(t *testing.T, p llm.Provider, c *llm.Call) (int, string) {
	t.Helper()
	resp, err := p.Send(t.Context(), c)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.Status, string(b)
}

// special are the types whose paths or bodies are their own; they have tests of their
// own.
var special = []string{"azure_openai", "codex", "ollama"}

// Every row makes a call, a stream and a list, and relays a refusal.
func TestTypes(t *testing.T) {
	for _, typ := range openai.Types {
		if slices.Contains(special, typ.Name) {
			continue
		}
		t.Run(typ.Name, func(t *testing.T) {
			up := llmtest.NewUpstream(t)
			up.Key = key
			p := start(t, llm.Config{Type: typ.Name, BaseURL: up.URL + "/v1"})
			for _, op := range []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses} {
				if !slices.Contains(p.Native(op, "m"), op) {
					continue
				}
				status, body := send(t, p, call(op, false))
				require.Equal(t, 200, status, body)
				require.Equal(t, []string{"Bearer " + key}, up.Last().Header["Authorization"])
				status, body = send(t, p, call(op, true))
				require.Equal(t, 200, status)
				require.Contains(t, body, "data: ")
			}
			up.Enqueue(llmtest.Fault{Status: 429})
			status, _ := send(t, p, call(llm.OpenAIChat, false))
			require.Equal(t, 429, status)

			models, err := p.ListModels(t.Context(), llm.Credential{APIKey: key})
			if len(p.Native(llm.OpenAIModels, "")) == 0 {
				require.Equal(t, llm.CodeUnsupported, llm.AsError(err).Code)
				return
			}
			require.NoError(t, err)
			require.NotEmpty(t, models)
			up.Enqueue(llmtest.Fault{Status: 401})
			_, err = p.ListModels(t.Context(), llm.Credential{APIKey: key})
			require.Equal(t, llm.CodeUpstreamAuth, llm.AsError(err).Code)
		})
	}
}

// The table is consistent in itself and with the documentation, which has each row.
func TestTable(t *testing.T) {
	docs, err := os.ReadFile("../../docs/llm.md")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, typ := range openai.Types {
		require.False(t, seen[typ.Name], "%s is there twice", typ.Name)
		seen[typ.Name] = true
		if row := row(typ); !strings.Contains(string(docs), row) {
			t.Errorf("docs/llm.md does not have the row\n%s", row)
		}
		if typ.BaseURL != "" {
			u, err := url.Parse(typ.BaseURL)
			require.NoError(t, err)
			require.True(t, u.Scheme == "https" || u.Hostname() == "127.0.0.1", typ.BaseURL)
			require.NotEqual(t, "/", typ.BaseURL[len(typ.BaseURL)-1:])
		}
		for i, op := range typ.Operations {
			require.Contains(t, all, op)
			require.NotContains(t, typ.Operations[i+1:], op, typ.Name)
		}
		p := start(t, llm.Config{Type: typ.Name, BaseURL: "http://127.0.0.1:1"})
		for _, op := range []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses, llm.AnthropicMessages, llm.GeminiGenerate} {
			require.NotEmpty(t, p.Native(op, "m"), "%s: %s", typ.Name, op)
		}
	}
}

// row is a type as the documentation shows it.
func row(typ openai.Type) string {
	base, serves := "must be given", "all of `openai`"
	if typ.BaseURL != "" {
		base = "`" + typ.BaseURL + "`"
	}
	if typ.Operations != nil {
		var names []string
		for _, op := range typ.Operations {
			name := strings.TrimPrefix(string(op), "openai.")
			if op == llm.OpenAIResponse {
				name = "stored responses"
			}
			names = append(names, name)
		}
		serves = strings.Join(names, ", ")
	}
	return "| `" + typ.Name + "` | " + base + " | " + serves + " |\n"
}

func TestNative(t *testing.T) {
	const chat, responses, messages, gemini = llm.OpenAIChat, llm.OpenAIResponses, llm.AnthropicMessages, llm.GeminiGenerate
	for name, tt := range map[string]struct {
		typ, api string
		want     map[llm.Operation][]llm.Operation
	}{
		"openai": {"openai", "", map[llm.Operation][]llm.Operation{
			chat: {chat}, responses: {responses}, messages: {responses, chat}, gemini: {responses, chat}, llm.OpenAIRerank: {llm.OpenAIRerank},
			llm.AnthropicFiles: nil, llm.GeminiEmbed: nil, "openai.new": {"openai.new"},
		}},
		"compatible":         {"openai_compatible", "", map[llm.Operation][]llm.Operation{responses: {responses}, messages: {chat, responses}}},
		"compatible, chat":   {"openai_compatible", "chat", map[llm.Operation][]llm.Operation{chat: {chat}, responses: {chat}, messages: {chat}, llm.OpenAIResponse: nil, llm.OpenAIInputTokens: nil, llm.OpenAIFiles: {llm.OpenAIFiles}}},
		"openai, responses":  {"openai", "responses", map[llm.Operation][]llm.Operation{chat: {responses}, responses: {responses}, gemini: {responses}, llm.OpenAIResponse: {llm.OpenAIResponse}}},
		"of chat only":       {"deepseek", "", map[llm.Operation][]llm.Operation{responses: {chat}, gemini: {chat}, llm.OpenAIImages: nil}},
		"against the type":   {"deepseek", "responses", map[llm.Operation][]llm.Operation{chat: {responses}, llm.OpenAIModels: {llm.OpenAIModels}}},
		"of responses only":  {"codex", "", map[llm.Operation][]llm.Operation{chat: {responses}, messages: {responses}, llm.OpenAIFiles: nil}},
		"both, not OpenAI's": {"groq", "", map[llm.Operation][]llm.Operation{chat: {chat}, responses: {responses}, messages: {chat, responses}}},
	} {
		p := start(t, llm.Config{Type: tt.typ, BaseURL: "http://127.0.0.1:1/v1", Options: llm.Options{API: tt.api}})
		for op, want := range tt.want {
			require.Equal(t, want, p.Native(op, "m"), "%s: %s", name, op)
		}
		require.Zero(t, testing.AllocsPerRun(10, func() { p.Native(messages, "m") }))
	}
}
