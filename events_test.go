package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// What the fake upstream says that it consumed, in the events' terms.
const (
	promptTokens = llmtest.InputTokens + llmtest.CacheReadTokens + llmtest.CacheWriteTokens
	outputTokens = llmtest.OutputTokens
)

func known(n int64) metrics.Count { return metrics.Count{N: n, Known: true} }

// Every call leaves one event, with what the upstream said that it consumed.
func TestEvent(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	whole := metrics.LLM{InputTokens: known(promptTokens), OutputTokens: known(outputTokens), TotalTokens: known(promptTokens + outputTokens),
		CacheRead: known(llmtest.CacheReadTokens), CacheWrite: known(llmtest.CacheWriteTokens), Reasoning: known(llmtest.ReasoningTokens), UsageFinalized: true}
	anthropic := whole
	anthropic.Reasoning = metrics.Count{} // the fake does not tell
	embedded := metrics.LLM{InputTokens: known(llmtest.InputTokens), OutputTokens: known(0), TotalTokens: known(llmtest.InputTokens), UsageFinalized: true}
	media := metrics.LLM{InputTokens: known(llmtest.InputTokens), OutputTokens: known(outputTokens), TotalTokens: known(llmtest.InputTokens + outputTokens), UsageFinalized: true}
	tests := []struct {
		name, method, path, body string
		operation, model         string
		stream                   bool
		want                     metrics.LLM
	}{
		{"chat", "POST", "/v1/chat/completions", chatBody, "openai.chat", "m", false, whole},
		{"chat stream", "POST", "/v1/chat/completions", chatStream, "openai.chat", "m", true, whole},
		{"completions", "POST", "/v1/completions", `{"model":"m","prompt":"hi"}`, "openai.completions", "m", false, whole},
		{"completions stream", "POST", "/v1/completions", `{"model":"m","prompt":"hi","stream":true}`, "openai.completions", "m", true, whole},
		{"responses", "POST", "/v1/responses", `{"model":"m","input":"hi"}`, "openai.responses", "m", false, whole},
		{"responses stream", "POST", "/v1/responses", `{"model":"m","input":"hi","stream":true}`, "openai.responses", "m", true, whole},
		{"messages", "POST", "/v1/messages", messageBody, "anthropic.messages", "m", false, anthropic},
		{"messages stream", "POST", "/v1/messages", messageStream, "anthropic.messages", "m", true, anthropic},
		{"embeddings", "POST", "/v1/embeddings", `{"model":"m","input":"hi"}`, "openai.embeddings", "m", false, embedded},
		{"images", "POST", "/v1/images/generations", `{"model":"m","prompt":"hi"}`, "openai.images", "m", false, media},
		{"counting", "POST", "/v1/messages/count_tokens", messageBody, "anthropic.count_tokens", "m", false, metrics.LLM{}},
		{"models", "GET", "/v1/models", "", "openai.models", "", false, metrics.LLM{}},
		{"one model", "GET", "/v1/models/gpt-test", "", "openai.models", "gpt-test", false, metrics.LLM{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			begun := time.Now()
			got := s.do(t, tt.method, tt.path, tt.body, "User-Agent", "x")
			require.Equal(t, 200, got.Status, got.Body)
			e := s.event(t)
			protocol, _, _ := strings.Cut(tt.operation, ".")
			provider := map[string]string{"openai": "oai", "anthropic": "ant"}[protocol]
			want := tt.want
			want.API, want.Operation, want.Model, want.Stream = protocol, tt.operation, tt.model, tt.stream
			want.ProviderID, want.ProviderType, want.CredentialSource, want.Attempts = provider, protocol, "provider", 1
			require.Positive(t, e.LLM.TimeToFirstByte)
			want.TimeToFirstByte = e.LLM.TimeToFirstByte
			require.Equal(t, want, *e.LLM)

			require.True(t, e.Success)
			require.Equal(t, 200, e.StatusCode)
			require.Empty(t, e.ErrorType)
			require.Equal(t, protocol, e.RouteID)
			require.Equal(t, metrics.KindLLM, e.RouteKind)
			require.Equal(t, protocol, e.RouteProtocol)
			require.False(t, e.StartedAt.Before(begun))
			require.GreaterOrEqual(t, e.Latency(), e.LLM.TimeToFirstByte)
			require.Less(t, e.Latency(), patience)
			require.NotEmpty(t, e.EventID)
		})
	}
	require.Empty(t, s.events, "one event a call")
}

// Tools, asked for and called, are named in the events.
func TestEventTools(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	const schema = `{"type":"object","properties":{"name":{"type":"string"}}}`
	chat := `{"model":"m","messages":[{"role":"user","content":"\"name\""}],"tools":[{"type":"function","function":{"name":"get_weather","parameters":` + schema + `}},{"function":{"parameters":{},"name":"über"},"type":"function"}]`
	responses := `{"model":"m","input":"x","tools":[{"type":"function","name":"get_weather","parameters":` + schema + `},{"type":"custom","name":"über"},{"type":"web_search"}]`
	messages := `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"get_weather","input_schema":` + schema + `},{"name":"über","input_schema":{}}]`
	for _, end := range []string{`}`, `,"stream":true}`} {
		for path, body := range map[string]string{"/v1/chat/completions": chat, "/v1/responses": responses, "/v1/messages": messages} {
			got := s.do(t, "POST", path, body+end)
			require.Equal(t, 200, got.Status, got.Body)
			e := s.event(t).LLM
			asked := []string{"get_weather", "über"}
			if path == "/v1/responses" {
				asked = append(asked, "web_search")
			}
			require.Equal(t, asked, e.RequestToolNames, path)
			require.Equal(t, len(asked), e.RequestToolCount)
			require.Equal(t, []string{"get_weather", "über"}, e.ToolNames, path+end)
			require.Equal(t, 2, e.ToolCallCount)
			require.True(t, e.UsageFinalized)
		}
	}
}

// Text that looks like the wire is not taken for it.
func TestEventIsNotMisledByText(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	evil := `"usage":{"prompt_tokens":999999,"completion_tokens":1},"finish_reason":"stop","tool_calls":[{"function":{"name":"evil"}}]`
	quoted, err := json.Marshal(evil)
	require.NoError(t, err)
	up.Reply(200, http.Header{"Content-Type": {"text/event-stream"}},
		[]byte(`data: {"choices":[{"index":0,"delta":{"content":`+string(quoted)+`}}]}`+"\n\n"),
		[]byte(`data: {"choices":[{"index":0,"delta":{"content":"y"}}]}`+"\n\n"),
		[]byte(`data: {"choices":[{"index":0,"delta":{"content":`+string(quoted)+`}}]}`+"\n\n"),
		[]byte(`data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop","x":{"usage":{"prompt_tokens":5}}}]}`+"\n\n"),
		[]byte("data: [DONE]\n\n"))
	got := s.do(t, "POST", "/v1/chat/completions", chatStream)
	require.NotContains(t, got.Body, "upstream_error")
	e := s.event(t)
	require.True(t, e.Success)
	require.False(t, e.LLM.UsageFinalized)
	require.Less(t, e.LLM.InputTokens.N, int64(100))
	require.Greater(t, e.LLM.OutputTokens.N, int64(2*len(evil)/4))
	require.Empty(t, e.LLM.ToolNames)
	require.Zero(t, e.LLM.ToolCallCount)
}

// The last word of a stream counts: reports are cumulative, and never added up.
func TestEventUsageIsCumulative(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	up.Reply(200, http.Header{"Content-Type": {"text/event-stream"}},
		[]byte("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":100,\"cache_creation_input_tokens\":null,\"output_tokens\":1}}}\n\n"),
		[]byte("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":5,\"output_tokens_details\":{\"thinking_tokens\":2}}}\n\n"),
		[]byte("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"input_tokens\":12,\"output_tokens\":7}}\n\n"),
		[]byte("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"))
	s.do(t, "POST", "/v1/messages", messageStream)
	e := s.event(t).LLM
	require.Equal(t, known(112), e.InputTokens)
	require.Equal(t, known(7), e.OutputTokens)
	require.Equal(t, known(119), e.TotalTokens)
	require.Equal(t, known(100), e.CacheRead)
	require.Equal(t, known(2), e.Reasoning)
	require.True(t, e.UsageFinalized)
}

// An upstream that does not say what it consumed leaves it unknown, not zero.
func TestEventUsageUnknown(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for _, body := range []string{`{"choices":[]}`, `{"usage":null}`, `{"usage":{"prompt_tokens":"7"}}`} {
		up.Reply(200, http.Header{"Content-Type": {"application/json"}}, []byte(body))
		require.Equal(t, body, s.do(t, "POST", "/v1/chat/completions", chatBody).Body)
		e := s.event(t)
		require.True(t, e.Success)
		require.False(t, e.LLM.TotalTokens.Known, body)
		require.False(t, e.LLM.UsageFinalized)
		b, err := json.Marshal(e)
		require.NoError(t, err)
		require.Contains(t, string(b), `"total_tokens":null`)
	}
}

// What was said is never in an event.
func TestEventHoldsNoContent(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	s.do(t, "POST", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"secret-of-the-caller"}]}`)
	b, err := json.Marshal(s.event(t))
	require.NoError(t, err)
	require.NotContains(t, string(b), "secret-of-the-caller")
	require.NotContains(t, string(b), upstreamKey)
	require.NotContains(t, s.log.String(), "secret-of-the-caller")
}

const (
	traceID  = "0af7651916cd43dd8448eb211c80319c"
	parentID = "b7ad6b7169203331"
)

// A call joins the chain that it belongs to, and names its own place in it.
func TestTrace(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	tests := []struct {
		name          string
		headers       []string
		trace, parent string
		depth         int
		state         string
	}{
		{"none", nil, "", "", 0, ""},
		{"traceparent", []string{"Traceparent", "00-" + traceID + "-" + parentID + "-01", "Tracestate", "a=1,b=2", "X-Agent-Depth", "3"}, traceID, parentID, 3, "a=1,b=2"},
		{"X-Trace-ID", []string{"X-Trace-ID", strings.ToUpper(traceID), "X-Span-ID", parentID}, traceID, parentID, 0, ""},
		{"X-Trace-ID alone", []string{"X-Trace-ID", traceID}, traceID, "", 0, ""},
		{"traceparent wins", []string{"Traceparent", "00-" + traceID + "-" + parentID + "-00", "X-Trace-ID", strings.Repeat("1", 32)}, traceID, parentID, 0, ""},
		{"malformed", []string{"Traceparent", "00-zz-zz-01", "X-Trace-ID", "short", "Tracestate", "a=1"}, "", "", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := s.do(t, "POST", "/v1/chat/completions", chatBody, tt.headers...)
			e := s.event(t)
			if tt.trace != "" {
				require.Equal(t, tt.trace, e.TraceID)
			}
			require.Regexp(t, "^[0-9a-f]{32}$", e.TraceID)
			require.Regexp(t, "^[0-9a-f]{16}$", e.SpanID)
			require.NotEqual(t, parentID, e.SpanID)
			require.Equal(t, tt.parent, e.ParentSpanID)
			require.Equal(t, tt.depth, e.AgentDepth)
			require.Equal(t, e.TraceID, got.Header.Get("X-Trace-ID"))
			require.Equal(t, e.SpanID, got.Header.Get("X-Span-ID"))
			require.Equal(t, "00-"+e.TraceID+"-"+e.SpanID+"-01", got.Header.Get("Traceparent"))
			require.Equal(t, tt.state, got.Header.Get("Tracestate"))
			require.Equal(t, string(rune('1'+tt.depth)), got.Header.Get("X-Agent-Depth"))
		})
	}
	// Errors carry the headers too.
	got := s.do(t, "GET", "/nowhere", "", "X-Trace-ID", traceID)
	require.Equal(t, 404, got.Status)
	require.Equal(t, traceID, got.Header.Get("X-Trace-ID"))
	require.Equal(t, "1", got.Header.Get("X-Agent-Depth"))
}

func TestMaxAgentDepth(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up), gateway.WithMaxAgentDepth(3))
	for depth, want := range map[string]int{"": 200, "0": 200, "2": 200, "3": 403, "4": 403, "-1": 403, "x": 403, "99999999999999999999": 403} {
		var headers []string
		if depth != "" {
			headers = []string{"X-Agent-Depth", depth}
		}
		got := s.do(t, "POST", "/v1/messages", messageBody, headers...)
		require.Equal(t, want, got.Status, depth)
		e := s.event(t)
		require.Equal(t, want, e.StatusCode)
		if want == 403 {
			requireError(t, "anthropic", got, "permission_error")
			require.Equal(t, "permission_denied", e.ErrorType)
			require.Zero(t, e.LLM.Attempts)
		}
	}
}
