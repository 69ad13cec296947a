package anthropic_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// What Claude Code sends and others refuse is left out, and no other byte is changed.
func TestCompact(t *testing.T) {
	up := llmtest.NewUpstream(t)
	try := func(mode string, c *llm.Call) llmtest.Recorded {
		p := start(t, llm.Config{BaseURL: up.URL, Options: llm.Options{Compact: mode}})
		up.Reply(200, nil, []byte("{}"))
		_, _ = send(t, p, c)
		return up.Last()
	}
	for body, want := range map[string]string{
		`{"context_management":{"edits":[]},"model":"m", "max_tokens":1.0e+2,"safeguards":{},"tags":["a"]}`:                   `{"model":"m", "max_tokens":1.0e+2}`,
		`{"output_config":{"effort":"high","format":{"type":"json_schema"}},"model":"m"}`:                                     `{"output_config":{"format":{"type":"json_schema"}},"model":"m"}`,
		`{"output_config":{"effort":"high"},"model":"m"}`:                                                                     `{"model":"m"}`,
		`{"thinking":{"type":"enabled","budget_tokens":5,"display":"omitted"}}`:                                               `{"thinking":{"type":"enabled","budget_tokens":5}}`,
		`{"tools":[{"name":"a","defer_loading":true,"input_schema":{"tags":1}},{"type":"tool_search_tool_regex_20251119"}]}`:  `{"tools":[{"name":"a","input_schema":{"tags":1}}]}`,
		`{"system":[{"type":"text","cache_control":{"type":"ephemeral","scope":"global"}}],"messages":[{"content":"scope"}]}`: `{"system":[{"type":"text","cache_control":{"type":"ephemeral"}}],"messages":[{"content":"scope"}]}`,
		`{"messages":[{"role":"user","content":[{"type":"tool_use","input":{"tags":[],"context_management":1}}]}]}`:           `{"messages":[{"role":"user","content":[{"type":"tool_use","input":{"tags":[],"context_management":1}}]}]}`,
	} {
		require.Equal(t, want, string(try("cc", post(http.Header{}, "", body)).Body))
		for _, mode := range []string{"", "none", "codex"} {
			require.Equal(t, body, string(try(mode, post(http.Header{}, "", body)).Body))
		}
	}

	const sent = "claude-code-20250219, interleaved-thinking-2025-05-14,context-management-2025-06-27"
	h := http.Header{"Anthropic-Beta": {sent, "extended-cache-ttl-2025-04-11"}}
	require.Equal(t, []string{"interleaved-thinking-2025-05-14,extended-cache-ttl-2025-04-11"}, try("cc", post(h, "", "{}")).Header["Anthropic-Beta"])
	require.Equal(t, sent, h["Anthropic-Beta"][0], "the call is not changed")
	require.NotContains(t, try("cc", post(http.Header{"Anthropic-Beta": {"claude-code-20250219"}}, "", "{}")).Header, "Anthropic-Beta")

	c := post(http.Header{}, "", `{"tags":[]}`)
	c.Operation, c.Path = llm.AnthropicBatches, "/v1/messages/batches"
	require.Equal(t, `{"tags":[]}`, string(try("cc", c).Body), "only messages and their counting")
}
