package openai_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// What Codex sends and others refuse is left out, and no other byte is changed.
func TestCompact(t *testing.T) {
	up := llmtest.NewUpstream(t)
	send := func(compact string, c *llm.Call) string {
		p := start(t, llm.Config{Type: "groq", BaseURL: up.URL, Options: llm.Options{Compact: compact}})
		up.Reply(200, nil, []byte("{}"))
		_, _ = send(t, p, c)
		return string(up.Last().Body)
	}
	for body, want := range map[string]string{
		`{"model":"m", "input":[ ],"store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"k","client_metadata":{"a":"b"},"x":1.0e+2}`: `{"model":"m", "input":[ ],"x":1.0e+2}`,
		`{"reasoning":{"effort":"high","summary":"auto"},"text":{"verbosity":"low"},"service_tier":"flex"}`:                                                `{"reasoning":{"effort":"high"}}`,
		`{"tools":[{"type":"function","name":"f"}, {"type":"web_search"},{"type":"custom","name":"p"},{"type":"tool_search"}],"tool_choice":"auto"}`:       `{"tools":[{"type":"function","name":"f"},{"type":"custom","name":"p"}],"tool_choice":"auto"}`,
		`{"tool_choice":"auto","tools":[{"type":"web_search"}],"parallel_tool_calls":true,"model":"m"}`:                                                    `{"model":"m"}`,
		`{"tools":[{"type":"function"}],"tool_choice":{"type":"web_search"}}`:                                                                              `{"tools":[{"type":"function"}]}`,
		`{"tools":[{"type":"function","function":{"name":"store","parameters":{"store":1}}}],"messages":[{"store":1}]}`:                                    `{"tools":[{"type":"function","function":{"name":"store","parameters":{"store":1}}}],"messages":[{"store":1}]}`,
		`not JSON`: `not JSON`,
	} {
		for _, op := range []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses} {
			c := call(op, false)
			c.Body = llm.BytesBody([]byte(body))
			require.Equal(t, want, send("codex", c))
			for _, mode := range []string{"", "none", "cc"} {
				require.Equal(t, body, send(mode, c))
			}
		}
	}
	c := call(llm.OpenAIChat, false)
	c.Operation, c.Path, c.Body = llm.OpenAIBatches, "/v1/batches", llm.BytesBody([]byte(`{"store":1}`))
	require.Equal(t, `{"store":1}`, send("codex", c), "only what generates")
}
