package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
	"github.com/agent-gateway/agent-gateway/metrics"
)

func priorityOf(rest string) string {
	return `{` + rest + `model_targets: [{name: m, strategy: priority, candidates: [{provider_id: a, upstream_model: ma, priority: 9}, {provider_id: b, upstream_model: mb, priority: 5}, {provider_id: c, upstream_model: mc}]}]}`
}

// Another candidate is asked when one fails before any byte of its answer went out.
func TestFallback(t *testing.T) {
	streamError := llmtest.Fault{Break: llmtest.ErrorEvent}
	tests := map[string]struct {
		fault  llmtest.Fault
		status int    // of the attempt
		kind   string // of its error
		stream bool
	}{
		"no connection":            {llmtest.Fault{Break: llmtest.BeforeHeaders}, 0, "upstream_error", false},
		"408":                      {llmtest.Fault{Status: 408}, 408, "upstream_timeout", false},
		"409":                      {llmtest.Fault{Status: 409}, 409, "conflict", false},
		"429":                      {llmtest.Fault{Status: 429}, 429, "rate_limited", false},
		"500":                      {llmtest.Fault{Status: 500}, 500, "internal", false},
		"502, a page":              {llmtest.Fault{Status: 502, Body: llmtest.BodyHTML}, 502, "upstream_error", false},
		"503":                      {llmtest.Fault{Status: 503}, 503, "overloaded", false},
		"504":                      {llmtest.Fault{Status: 504}, 504, "upstream_timeout", false},
		"524":                      {llmtest.Fault{Status: 524}, 524, "upstream_error", false},
		"529":                      {llmtest.Fault{Status: 529}, 529, "overloaded", false},
		"402, another account":     {llmtest.Fault{Status: 402}, 402, "billing", false},
		"401, another account":     {llmtest.Fault{Status: 401}, 401, "upstream_auth", false},
		"an error as first event":  {streamError, 0, "", true},
		"nothing in the stream":    {llmtest.Fault{Break: llmtest.AfterHeaders}, 0, "upstream_error", true},
		"half of the first event":  {llmtest.Fault{Break: llmtest.MidEvent}, 0, "upstream_error", true},
		"an empty stream that end": {llmtest.Fault{Break: llmtest.End}, 0, "upstream_error", true},
	}
	for _, protocol := range []string{"openai", "anthropic"} {
		ups := several(t, 3)
		reader := metrics.NewMemory(1000)
		policy := priorityOf("")
		path, plain, stream, terminator := "/v1/chat/completions", chatBody, chatStream, "[DONE]"
		if protocol == "anthropic" {
			policy = strings.ReplaceAll(policy, "provider_id: ", "provider_id: ant-")
			path, plain, stream, terminator = "/v1/messages", messageBody, messageStream, "message_stop"
		}
		clock := new(movable)
		s := newGateway(t, logical(protocol, policy, ups), gateway.WithClock(clock.now), gateway.WithSink(reader))
		for name, tt := range tests {
			t.Run(protocol+" "+name, func(t *testing.T) {
				clock.forward(time.Hour) // a is well again
				body := plain
				if tt.stream {
					body = stream
				}
				ups[0].Enqueue(tt.fault)
				got := s.do(t, "POST", path, body)
				require.Equal(t, 200, got.Status, got.Body)
				require.NoError(t, got.err)
				require.NotContains(t, got.Body, "overloaded")
				if tt.stream {
					require.Contains(t, got.Body, terminator)
				}
				e := s.event(t)
				require.True(t, e.Success)
				require.Equal(t, "mb", e.LLM.Model)
				require.Equal(t, 2, e.LLM.Attempts)
				require.Len(t, e.LLM.Tries, 2)
				require.Equal(t, "ma", e.LLM.Tries[0].Model)
				require.Equal(t, tt.status, e.LLM.Tries[0].StatusCode)
				if tt.kind != "" {
					require.Equal(t, tt.kind, e.LLM.Tries[0].ErrorType)
				}
				require.NotEmpty(t, e.LLM.Tries[0].ErrorType)
				require.Equal(t, metrics.Try{ProviderID: e.LLM.ProviderID, Model: "mb", StatusCode: 200, LatencyMS: e.LLM.Tries[1].LatencyMS}, e.LLM.Tries[1])
				require.Zero(t, ups[2].Count())
				// The Admin API tells of each attempt.
				shown := s.admin(t, 200, "GET", "/metrics/llm/events?limit=1", "").Get("items.0")
				tries := gjson.Parse(shown.Get("attempts_json").Str)
				require.Equal(t, `["ma","mb"]`, tries.Get("#.upstream_model").Raw)
				require.EqualValues(t, tt.status, tries.Get("0.status_code").Int())
				require.EqualValues(t, 2, shown.Get("attempts").Int())
			})
		}
	}
}

// What has begun is not begun again, nor is what no other could do better.
func TestNoFallback(t *testing.T) {
	ups := several(t, 3)
	clock := new(movable)
	s := newGateway(t, logical("openai", priorityOf(""), ups), gateway.WithClock(clock.now))
	for _, fault := range []llmtest.Fault{{Break: llmtest.ErrorEvent, After: 1}, {Break: llmtest.Cut, After: 2}, {Break: llmtest.MidEvent, After: 1}, {Break: llmtest.End, After: 1}} {
		ups[0].Enqueue(fault)
		got := s.do(t, "POST", "/v1/chat/completions", chatStream)
		require.Equal(t, 200, got.Status)
		requireBroken(t, "/v1/chat/completions", got.Body, "[DONE]")
		e := s.event(t)
		require.False(t, e.Success)
		require.Equal(t, 1, e.LLM.Attempts)
	}
	ups[0].Enqueue(llmtest.Fault{Break: llmtest.MidEvent, Size: 1 << 20})
	require.Error(t, s.do(t, "POST", "/v1/chat/completions", chatBody).err)
	require.Equal(t, 1, s.event(t).LLM.Attempts)
	clock.forward(time.Hour)
	for _, status := range []int{400, 404, 413, 422, 501} {
		ups[0].Enqueue(llmtest.Fault{Status: status})
		require.Equal(t, status, s.do(t, "POST", "/v1/chat/completions", chatBody).Status)
		require.Equal(t, 1, s.event(t).LLM.Attempts)
	}
	// An error of the request in the first event is the caller's to read.
	ups[0].Enqueue(llmtest.Fault{Break: llmtest.ErrorEvent, Type: "invalid_request_error", Code: "context_length_exceeded", Message: "too long"})
	got := s.do(t, "POST", "/v1/chat/completions", chatStream)
	e := s.event(t)
	require.Contains(t, got.Body, "too long", "%+v", e.LLM.Tries)
	require.Zero(t, ups[1].Count()+ups[2].Count())
}

// A candidate that asks to be left alone is not waited for while another is well; a short
// wait is worth it, and so is any up to the bound where nobody else can be asked.
func TestFallbackBeforeWaiting(t *testing.T) {
	for _, tt := range []struct {
		after    [2]string // of the first two; empty: it answers
		provider string
		attempts int
	}{
		{[2]string{"20"}, "b", 2},
		{[2]string{"0.05"}, "a", 2},
		{[2]string{"20", "0.3"}, "b", 3},
	} {
		ups := several(t, 3)
		s := newGateway(t, strings.ReplaceAll(logical("openai", priorityOf("fallback: {max_num: 1}, "), ups), "provider_type: openai", "network: {max_retries: 2, retry_delay_seconds: 0.1}, provider_type: openai"))
		for i, after := range tt.after {
			if after != "" {
				ups[i].Enqueue(llmtest.Fault{Status: 503, RetryAfter: after})
			}
		}
		got := s.do(t, "POST", "/v1/chat/completions", chatBody)
		require.Equal(t, 200, got.Status, got.Body)
		e := s.event(t)
		require.Equal(t, tt.provider, e.LLM.ProviderID)
		require.Equal(t, tt.attempts, e.LLM.Attempts)
	}
}

// A candidate that nobody else could stand in for is waited for after all.
func TestFallbackToNobody(t *testing.T) {
	const policy = `{model_targets: [{name: m, strategy: priority, candidates: [{provider_id: a, upstream_model: ma, priority: 9}, {provider_id: ant-b, upstream_model: mb}]}]}`
	ups := several(t, 2)
	s := newGateway(t, strings.ReplaceAll(logical("openai", policy, ups), "provider_type: openai", "network: {max_retries: 2, retry_delay_seconds: 0.001}, provider_type: openai"))
	ups[0].Enqueue(llmtest.Fault{Status: 503, RetryAfter: "0.2"}, llmtest.Fault{Status: 503, RetryAfter: "0"}, llmtest.Fault{})
	got := s.do(t, "POST", "/v1/embeddings", `{"model":"m","input":"which Anthropic does not have"}`)
	require.Equal(t, 200, got.Status, got.Body)
	e := s.event(t)
	require.Equal(t, "a", e.LLM.ProviderID)
	require.Equal(t, 3, e.LLM.Attempts)
	require.Zero(t, ups[1].Count())
}

// How many others are asked is the route's to say; the last refusal is relayed.
func TestFallbackBounds(t *testing.T) {
	for policy, want := range map[string]int{"": 3, "fallback: {enabled: false}, ": 1, "fallback: {max_num: 1}, ": 2, "fallback: {enabled: true, max_num: 9}, ": 3} {
		ups := several(t, 3)
		s := newGateway(t, logical("openai", priorityOf(policy), ups))
		for i, up := range ups {
			up.Enqueue(llmtest.Fault{Status: 503, Message: fmt.Sprint("busy ", i+1), RetryAfter: "7"})
		}
		got := s.do(t, "POST", "/v1/chat/completions", chatBody)
		require.Equal(t, 503, got.Status)
		require.Contains(t, got.Body, fmt.Sprint("busy ", want))
		require.Equal(t, "7", got.Header.Get("Retry-After"))
		if want > 1 {
			require.Equal(t, "false", got.Header.Get("X-Should-Retry"))
		}
		e := s.event(t)
		require.Equal(t, want, e.LLM.Attempts)
		require.Equal(t, want, ups[0].Count()+ups[1].Count()+ups[2].Count())
		if want > 1 {
			require.Len(t, e.LLM.Tries, want)
		} else {
			require.Empty(t, e.LLM.Tries)
		}
	}
}

// One name, two protocols: where OpenAI's upstream fails, Anthropic's answers, in the
// caller's words.
func TestFallbackToAnotherProtocol(t *testing.T) {
	ups := several(t, 2)
	clock := new(movable)
	s := newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: priority, candidates: [{provider_id: a, upstream_model: gpt, priority: 1}, {provider_id: ant-b, upstream_model: claude}]}]}`, ups), gateway.WithClock(clock.now))
	for _, tt := range []struct {
		path, body, text, end string
	}{
		{"/v1/chat/completions", chatBody, "choices.0.message.content", ""},
		{"/v1/chat/completions", chatStream, "", "[DONE]"},
		{"/v1/responses", `{"model":"m","input":"hi"}`, "output.0.content.0.text", ""},
		{"/v1/responses", `{"model":"m","input":"hi","stream":true}`, "", "response.completed"},
	} {
		clock.forward(time.Hour)
		ups[0].Enqueue(llmtest.Fault{Status: 503})
		got := s.do(t, "POST", tt.path, tt.body)
		require.Equal(t, 200, got.Status, got.Body)
		if tt.end != "" {
			require.Contains(t, got.Body, tt.end)
			dataOf(t, got.Body)
		} else {
			require.NotEmpty(t, gjson.Get(got.Body, tt.text).Str, got.Body)
		}
		e := s.event(t)
		require.Equal(t, "ant-b", e.LLM.ProviderID)
		require.Equal(t, "claude", e.LLM.Model)
		require.Equal(t, 2, e.LLM.Attempts)
		require.EqualValues(t, llmtest.InputTokens+llmtest.CacheReadTokens+llmtest.CacheWriteTokens, e.LLM.InputTokens.N)
		require.Equal(t, "/v1/messages", ups[1].Last().Path)
		require.Equal(t, "claude", gjson.GetBytes(ups[1].Last().Body, "model").Str)
	}
	// What the second's protocol cannot say does not hide why the first failed.
	clock.forward(time.Hour)
	ups[0].Enqueue(llmtest.Fault{Status: 503, Message: "busy now"})
	got := s.do(t, "POST", "/v1/chat/completions", `{"model":"m","n":2,"messages":[{"role":"user","content":"hi"}]}`)
	require.Equal(t, 503, got.Status, got.Body)
	require.Contains(t, got.Body, "busy now")
	require.Equal(t, "a", s.event(t).LLM.ProviderID)
	// Nor is its answer repeated when it shows the key that it was asked with.
	clock.forward(time.Hour)
	ups[0].Enqueue(llmtest.Fault{Status: 503, Message: "wrong key " + upstreamKey})
	got = s.do(t, "POST", "/v1/chat/completions", `{"model":"m","n":2,"messages":[{"role":"user","content":"hi"}]}`)
	require.NotContains(t, got.Body, upstreamKey)
	require.Contains(t, got.Body, "provider a answered 503")
	s.event(t)
	// What a translation had to leave out is told of the answer that the caller gets only.
	lossy := newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: priority, candidates: [{provider_id: ant-a, upstream_model: claude, priority: 1}, {provider_id: b, upstream_model: gpt}]}]}`, ups), gateway.WithClock(clock.now))
	const seeded = `{"model":"m","seed":7,"messages":[{"role":"user","content":"hi"}]}`
	ups[0].Enqueue(llmtest.Fault{Status: 503})
	got = lossy.do(t, "POST", "/v1/chat/completions", seeded)
	e := lossy.event(t)
	require.Equal(t, "b", e.LLM.ProviderID)
	require.Empty(t, got.Header.Get("X-Agw-Dropped"))
	require.Empty(t, e.LLM.Dropped)
	require.Equal(t, "seed", lossy.do(t, "POST", "/v1/chat/completions", seeded).Header.Get("X-Agw-Dropped"))
	require.Contains(t, lossy.event(t).LLM.Dropped, "seed")
	// The first's own answer is not touched.
	clock.forward(time.Hour)
	require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", chatBody).Status)
	require.Equal(t, "a", s.event(t).LLM.ProviderID)
}
