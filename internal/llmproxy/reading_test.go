package llmproxy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// usageOf reads a whole answer.
func usageOf(t *testing.T, op llm.Operation, body string, pieces int) metrics.LLM {
	t.Helper()
	r := newReading(op)
	defer r.release()
	for i := range pieces {
		_, err := r.tap.Write([]byte(body[i*len(body)/pieces : (i+1)*len(body)/pieces]))
		require.NoError(t, err)
	}
	r.body()
	var l metrics.LLM
	r.fill(&l, 400)
	return l
}

func n(v int64) metrics.Count { return metrics.Count{N: v, Known: true} }

// The three protocols' algebra of usage, and the habits of some upstreams.
func TestUsage(t *testing.T) {
	var none metrics.Count
	for _, tt := range []struct {
		name                                          string
		op                                            llm.Operation
		usage                                         string
		input, output, total, cached, written, reason metrics.Count
	}{
		{"chat", llm.OpenAIChat, `{"prompt_tokens":100,"completion_tokens":7,"total_tokens":107,"prompt_tokens_details":{"cached_tokens":60},"completion_tokens_details":{"reasoning_tokens":5}}`, n(100), n(7), n(107), n(60), none, n(5)},
		{"chat, details first", llm.OpenAIChat, `{"prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10},"prompt_tokens":100,"completion_tokens":7}`, n(100), n(7), n(107), n(60), n(10), none},
		{"chat, null details", llm.OpenAIChat, `{"prompt_tokens":100,"completion_tokens":7,"prompt_tokens_details":null,"completion_tokens_details":null}`, n(100), n(7), n(107), none, none, none},
		{"deepseek", llm.OpenAIChat, `{"prompt_tokens":100,"completion_tokens":7,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36}`, n(100), n(7), n(107), n(64), none, none},
		{"responses", llm.OpenAIResponses, `{"input_tokens":100,"input_tokens_details":{"cached_tokens":60},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":107}`, n(100), n(7), n(107), n(60), none, n(5)},
		{"messages", llm.AnthropicMessages, `{"input_tokens":30,"cache_read_input_tokens":60,"cache_creation_input_tokens":10,"cache_creation":{"ephemeral_5m_input_tokens":10},"output_tokens":7,"output_tokens_details":{"thinking_tokens":5},"server_tool_use":{"web_search_requests":1}}`, n(100), n(7), n(107), n(60), n(10), n(5)},
		{"messages, nulls", llm.AnthropicMessages, `{"input_tokens":30,"cache_read_input_tokens":null,"output_tokens":7}`, n(30), n(7), n(37), none, none, none},
		{"embeddings", llm.OpenAIEmbeddings, `{"prompt_tokens":9,"total_tokens":9}`, n(9), n(0), n(9), none, none, none},
		{"cached is more than all", llm.OpenAIChat, `{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}`, n(9), n(1), n(10), n(9), none, none},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"x":{"usage":{"prompt_tokens":1,"input_tokens":1}},"y":"\"usage\":{","usage":` + tt.usage + `,"z":0}`
			for pieces := range 9 {
				got := usageOf(t, tt.op, body, pieces+1)
				require.Equal(t, metrics.LLM{InputTokens: tt.input, OutputTokens: tt.output, TotalTokens: tt.total, CacheRead: tt.cached, CacheWrite: tt.written, Reasoning: tt.reason, UsageFinalized: true}, got)
			}
		})
	}
	for _, broken := range []string{`{}`, `{"usage":null}`, `{"usage":[1]}`, `{"usage":{"prompt_tokens":"x"}}`, `{"usage":{"prompt_tokens":-1}}`, `{"usage":{"prompt_tokens":1e99}}`, `{"usage":{"prompt_tokens":`, `[]`, ``} {
		got := usageOf(t, llm.OpenAIChat, broken, 2)
		require.False(t, got.UsageFinalized, broken)
		require.False(t, got.TotalTokens.Known, broken)
	}
}

// An event that looks like the one before is read the same as if it had been
// read whole.
func TestPatternReadsTheSame(t *testing.T) {
	texts := []string{"a", "Hello", "", " ", "\\n", `\"`, `\\`, `\u00fc`, "ü", "🌍", `","finish_reason":"stop`, `\"},\"finish_reason\":\"stop`, strings.Repeat("x", 5000), "null", "}", "]}"}
	chunk := func(s string) string {
		return `data: {"choices":[{"index":0,"delta":{"content":"` + s + `"}}]}` + "\n\n"
	}
	block := func(s string) string {
		return "event: content_block_delta\ndata: " + `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"` + s + `"}}` + "\n\n"
	}
	delta := func(s string) string {
		return `data: {"type":"response.output_text.delta","delta":"` + s + `","sequence_number":7}` + "\n\n"
	}
	tool := func(s string) string {
		return `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"` + s + `"}}]}}]}` + "\n\n"
	}
	two := func(s string) string {
		return `data: {"choices":[{"delta":{"content":"` + s + `"}},{"delta":{"content":"b"}}]}` + "\n\n"
	}
	for name, form := range map[string]struct {
		op   llm.Operation
		text func(string) string
	}{"chunk": {llm.OpenAIChat, chunk}, "tool": {llm.OpenAIChat, tool}, "two choices": {llm.OpenAIChat, two}, "block": {llm.AnthropicMessages, block}, "delta": {llm.OpenAIResponses, delta}} {
		learning, naive := newReading(form.op), newReading(form.op)
		for i := range 3 * len(texts) * len(texts) {
			text := []byte(form.text(texts[(i*7+i/len(texts))%len(texts)]))
			learning.event(text, true)
			naive.same = pattern{}
			naive.event(text, true)
			require.Equal(t, naive.textBytes, learning.textBytes, "%s: %s", name, text)
			require.Equal(t, naive.ended, learning.ended, "%s: %s", name, text)
			require.Equal(t, naive.toolCalls, learning.toolCalls, name)
			require.Equal(t, naive.failed, learning.failed, name)
		}
		learning.release()
		naive.release()
	}
}

// What was asked for by the gateway alone is taken away, and nothing else.
func TestInjectedUsage(t *testing.T) {
	for data, keep := range map[string]bool{
		`{"choices":[],"usage":{"prompt_tokens":1}}`:                          false,
		`{"usage":{"prompt_tokens":1},"choices":[ ],"id":"x"}`:                false,
		`{"choices":[],"usage":null}`:                                         true,
		`{"choices":[]}`:                                                      true,
		`{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}`: true,
		`{"choices":[{"delta":{"content":"\"usage\":{}"}}]}`:                  true,
		`{"choices":[{"delta":{}}],"x":{"usage":{"prompt_tokens":1}}}`:        true,
		`[DONE]`: true,
	} {
		for _, injected := range []bool{true, false} {
			r := newReading(llm.OpenAIChat)
			require.Equal(t, keep || !injected, r.event([]byte("data: "+data+"\n\n"), injected), data)
			r.release()
		}
	}
}

// Errors in streams have each protocol's form and are whole events.
func TestErrorEvent(t *testing.T) {
	e := &llm.Error{Code: llm.CodeUpstream, Message: "a \"quoted\"\nline ü"}
	for op, prefix := range map[llm.Operation]string{llm.OpenAIChat: "data: ", llm.OpenAICompletions: "data: ", llm.OpenAIResponses: "event: error\ndata: ", llm.AnthropicMessages: "event: error\ndata: "} {
		text := string(errorEvent(op, e, "req_1", 7))
		data, ok := strings.CutPrefix(text, prefix)
		require.True(t, ok, text)
		data, ok = strings.CutSuffix(data, "\n\n")
		require.True(t, ok, text)
		require.NotContains(t, data, "\n")
		var v struct {
			Type     string
			Message  string
			Sequence int `json:"sequence_number"`
			Error    struct{ Message, Type string }
		}
		require.NoError(t, json.Unmarshal([]byte(data), &v), data)
		require.Equal(t, e.Message, v.Error.Message)
		require.NotEmpty(t, v.Error.Type)
		if op == llm.OpenAIResponses {
			require.Equal(t, 7, v.Sequence)
			require.Equal(t, e.Message, v.Message)
		}
	}
}

// Names of tools are bounded.
func TestToolNamesAreBounded(t *testing.T) {
	var list []string
	for i := range 1000 {
		list = append(list, fmt.Sprintf(`{"name":"t%d"}`, i))
	}
	list = append(list, `{"name":"`+strings.Repeat("x", 10_000)+`"}`)
	r := newReading(llm.AnthropicMessages)
	defer r.release()
	for _, tool := range list {
		r.event([]byte(`data: {"type":"content_block_start","content_block":{"type":"tool_use",`+tool[1:]+"}\n\n"), false)
	}
	require.Equal(t, 1001, r.toolCalls)
	require.Len(t, r.toolNames, maxToolNames)
}
