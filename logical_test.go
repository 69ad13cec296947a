package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// movable is a clock that tests move on.
type movable struct{ ahead atomic.Int64 }

func (c *movable) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *movable) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// several are the upstreams a, b, c, … of one gateway.
func several(t *testing.T, n int) (ups []*llmtest.Upstream) {
	t.Helper()
	for range n {
		ups = append(ups, newUpstream(t))
	}
	return ups
}

// logical is a bundle with the OpenAI providers a, b, c, …, the Anthropic providers
// ant-a, ant-b, …, and a route on / whose target policy is given. more are lines behind it.
func logical(protocol, policy string, ups []*llmtest.Upstream, more ...string) string {
	var b strings.Builder
	b.WriteString("\napiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\nproviders:\n")
	for i, up := range ups {
		name := string(rune('a' + i))
		fmt.Fprintf(&b, "- {id: %s, provider_type: openai, api_key: %s, base_url: %s/v1}\n", name, upstreamKey, up.URL)
		fmt.Fprintf(&b, "- {id: ant-%s, provider_type: anthropic, api_key: %s, base_url: %s}\n", name, upstreamKey, up.URL)
	}
	fmt.Fprintf(&b, "llmRoutes:\n- id: r\n  protocol: %s\n  match_policy: {path_prefix: /}\n  target_policy: %s\n", protocol, policy)
	b.WriteString(strings.Join(more, "\n"))
	return b.String()
}

// target asks for a completion and returns the provider that gave it.
func (s *stack) target(t *testing.T, headers ...string) string {
	t.Helper()
	got := s.do(t, "POST", "/v1/chat/completions", chatBody, headers...)
	e := s.event(t)
	require.Equal(t, 200, got.Status, got.Body)
	return e.LLM.ProviderID
}

// targets asks n times.
func (s *stack) targets(t *testing.T, n int) (list string) {
	t.Helper()
	for range n {
		list += s.target(t)
	}
	return list
}

const twoCandidates = `candidates: [{provider_id: a, upstream_model: ma}, {provider_id: b, upstream_model: mb}]`

func TestStrategies(t *testing.T) {
	ups := several(t, 3)
	policy := func(strategy, rest string) string {
		return `{model_targets: [{name: m, strategy: ` + strategy + `, candidates: [` + rest + `]}]}`
	}
	const three = `{provider_id: a, upstream_model: ma}, {provider_id: b, upstream_model: mb}, {provider_id: c, upstream_model: mc}`

	// Shares are exact, and smooth, whatever names them weighted.
	for _, strategy := range []string{"weighted", "auto", `""`} {
		s := newGateway(t, logical("openai", policy(strategy, `{provider_id: a, upstream_model: ma, weight: 5}, {provider_id: b, upstream_model: mb, weight: 2}, {provider_id: c, upstream_model: mc}`), ups))
		got := s.targets(t, 32)
		for name, want := range map[string]int{"a": 20, "b": 8, "c": 4} {
			require.Equal(t, want, strings.Count(got, name), "%s: %s", strategy, got)
		}
		require.NotContains(t, got, "aaaa")
	}

	s := newGateway(t, logical("openai", policy("round_robin", three), ups))
	require.Equal(t, "abcabcabc", s.targets(t, 9))

	// The strategy of the policy is that of targets without one.
	s = newGateway(t, logical("openai", `{model_selector_strategy: round_robin, model_targets: [{name: m, candidates: [`+three+`]}]}`, ups))
	require.Equal(t, "abcabc", s.targets(t, 6))

	s = newGateway(t, logical("openai", policy("priority", `{provider_id: a, upstream_model: ma}, {provider_id: b, upstream_model: mb, priority: 9}, {provider_id: c, upstream_model: mc, priority: 5}`), ups))
	require.Equal(t, "bbb", s.targets(t, 3))

	// The one with the fewest calls in flight.
	s = newGateway(t, logical("openai", policy("least_busy", three), ups))
	release := make(chan struct{})
	require.Equal(t, "a", s.target(t))
	ups[1].Enqueue(llmtest.Fault{Step: release})
	waiting := make(chan *http.Response, 1)
	go func() { waiting <- s.start(t, t.Context(), "POST", "/v1/chat/completions", chatStream) }()
	require.Eventually(t, func() bool { return ups[1].InFlight() == 1 }, patience, time.Millisecond)
	require.NotContains(t, s.targets(t, 6), "b")
	close(release)
	require.NoError(t, read(<-waiting).err)
	require.Equal(t, "b", s.event(t).LLM.ProviderID)
	require.Contains(t, s.targets(t, 3), "b")

	// The faster, by the gateway's clock: a takes a second, b none.
	clock := new(movable)
	ups[0].Script(func(llmtest.Recorded) *llmtest.Fault { clock.forward(time.Second); return nil })
	defer ups[0].Script(nil)
	s = newGateway(t, logical("openai", policy("least_latency", `{provider_id: a, upstream_model: ma}, {provider_id: b, upstream_model: mb}`), ups), gateway.WithClock(clock.now))
	s.targets(t, 4) // until both are known
	require.Equal(t, "bbbbbbbb", s.targets(t, 8))
}

// What a request may leave out, and what stands in for it.
func TestDefaults(t *testing.T) {
	ups := several(t, 2)
	s := newGateway(t, logical("openai", `{default_model: m, model_targets: [{name: m, default_candidate: b, strategy: priority, `+twoCandidates+`}, {name: other, candidates: [{provider_id: a, upstream_model: mo}]}]}`, ups))
	asked := ""
	for _, body := range []string{`{"messages":[{"role":"user","content":"hi"}]}`, `{"model":"","messages":[{"role":"user","content":"hi"}]}`, `{"model":null,"messages":[{"role":"user","content":"hi"}]}`} {
		got := s.do(t, "POST", "/v1/chat/completions", body)
		require.Equal(t, 200, got.Status, got.Body)
		e := s.event(t)
		require.Equal(t, "m", e.LLM.LogicalModel)
		asked += e.LLM.ProviderID
	}
	require.Equal(t, "bab", asked, "the default candidate is the first in turn")

	got := s.do(t, "POST", "/v1/chat/completions", strings.Replace(chatBody, `"m"`, `"nobody"`, 1))
	require.Equal(t, 404, got.Status)
	requireError(t, "openai", got, "invalid_request_error")
	require.Equal(t, "model_not_found", gjson.Get(got.Body, "error.code").Str)
	require.Equal(t, "model_not_found", s.event(t).ErrorType)

	s = newGateway(t, logical("openai", `{model_targets: [{name: m, `+twoCandidates+`}]}`, ups))
	got = s.do(t, "POST", "/v1/chat/completions", `{"messages":[]}`)
	require.Equal(t, 400, got.Status)
	require.Equal(t, "model", gjson.Get(got.Body, "error.param").Str)
	s.event(t)
	// An endpoint that names no model has no target here.
	got = s.do(t, "GET", "/v1/files", "")
	require.Equal(t, 501, got.Status)
	s.event(t)
}

// The default candidate is who is asked when nobody is well.
func TestDefaultCandidateWhenNobodyIsWell(t *testing.T) {
	ups := several(t, 2)
	clock := new(movable)
	s := newGateway(t, logical("openai", `{model_targets: [{name: m, default_candidate: a/ma, strategy: priority, candidates: [{provider_id: a, upstream_model: ma}, {provider_id: b, upstream_model: mb, priority: 3}]}]}`, ups), gateway.WithClock(clock.now))
	for _, up := range ups {
		up.Enqueue(llmtest.Fault{Status: 429, RetryAfter: "60"})
	}
	require.Equal(t, 429, s.do(t, "POST", "/v1/chat/completions", chatBody).Status)
	require.Equal(t, 2, s.event(t).LLM.Attempts)
	require.Equal(t, "a", s.target(t))
}

// Only the model's value is another; every other byte is the caller's.
func TestModelIsRewritten(t *testing.T) {
	ups := several(t, 1)
	up := ups[0]
	target := func(name, upstream string) string {
		return `{default_model: "` + strings.ReplaceAll(name, "*", "x") + `", model_targets: [{name: "` + name + `", candidates: [{provider_id: a, upstream_model: "` + upstream + `"}]}]}`
	}
	s := newGateway(t, logical("openai", target("claude-*", `vendor/\"claude-*\"`), ups))
	for _, tt := range [][2]string{
		{`{ "b" :1e2,"model" : "claude-opus" ,"messages":[ ],"é\u00e9":"\/"}`, `{ "b" :1e2,"model" : "vendor/\"claude-opus\"" ,"messages":[ ],"é\u00e9":"\/"}`},
		{`{"messages":[{"role":"user","content":"\"model\":\"claude-opus\""}],"model":"claude-opus"}`, `{"messages":[{"role":"user","content":"\"model\":\"claude-opus\""}],"model":"vendor/\"claude-opus\""}`},
		{`{"messages":[], "n":10000000000000000000000, "metadata":{"model":"claude-opus"} }` + "\n", `{"messages":[], "n":10000000000000000000000, "metadata":{"model":"claude-opus"} ,"model":"vendor/\"claude-x\""}` + "\n"},
	} {
		s.do(t, "POST", "/v1/chat/completions", tt[0])
		s.event(t)
		require.Equal(t, tt[1], string(up.Last().Body))
	}
	require.Equal(t, 404, s.do(t, "POST", "/v1/chat/completions", `{"messages":[],"model":"claude-"}`).Status, "a * stands for something")
	s.event(t)
	// The same body goes to the next candidate with that one's name.
	pair := several(t, 2)
	s = newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: priority, candidates: [{provider_id: a, upstream_model: a-long-name, priority: 1}, {provider_id: b, upstream_model: b}]}]}`, pair))
	pair[0].Enqueue(llmtest.Fault{Status: 503})
	body := `{"stream":true, "model":"m" ,"messages":[{"role":"user","content":"ü"}]}`
	require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", body).Status)
	s.event(t)
	require.Equal(t, `{"stream":true, "model":"a-long-name" ,"messages":[{"role":"user","content":"ü"}],"stream_options":{"include_usage":true}}`, string(pair[0].Last().Body))
	require.Equal(t, `{"stream":true, "model":"b" ,"messages":[{"role":"user","content":"ü"}],"stream_options":{"include_usage":true}}`, string(pair[1].Last().Body))
}

// Gemini's model stands in the path; the body is the caller's, byte by byte.
func TestModelIsRewrittenInPath(t *testing.T) {
	var path, query, body atomic.Value
	up := newCanned(t)
	inner := up.Config.Handler
	up.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path.Store(r.URL.EscapedPath())
		query.Store(r.URL.RawQuery)
		inner.ServeHTTP(w, r)
		body.Store(up.body)
	})
	up.answer = wires["gemini"].plain
	s := newGateway(t, fmt.Sprintf(`
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
- {id: g, provider_type: gemini, base_url: "%s", api_key: %s}
llmRoutes:
- {id: r, protocol: gemini, match_policy: {path_prefix: /}, target_policy: {model_targets: [{name: "gem-*", candidates: [{provider_id: g, upstream_model: "tuned/a b-*"}]}]}}
`, up.URL, upstreamKey))
	const text = `{ "contents" : [{"parts":[{"text":"hi"}]}],"x":1e400}`
	for _, tt := range [][4]string{
		{"/v1beta/models/gem-1:generateContent", "application/json", "/v1beta/models/tuned%2Fa%20b-1:generateContent", ""},
		{"/v1/models/gem-1:streamGenerateContent?alt=sse", sse, "/v1beta/models/tuned%2Fa%20b-1:streamGenerateContent", "alt=sse"},
		{"/v1/models/gem-1:streamGenerateContent", sse, "/v1beta/models/tuned%2Fa%20b-1:streamGenerateContent", "alt=sse"},
	} {
		up.kind, up.answer = tt[1], wires["gemini"].plain
		if tt[1] == sse {
			up.answer = wires["gemini"].stream
		}
		got := s.do(t, "POST", tt[0], text)
		require.Equal(t, 200, got.Status, got.Body)
		require.Equal(t, tt[2], path.Load())
		require.Equal(t, tt[3], query.Load())
		require.Equal(t, text, body.Load())
		e := s.event(t)
		require.Equal(t, "gem-1", e.LLM.LogicalModel)
		require.Equal(t, "tuned/a b-1", e.LLM.Model)
		require.True(t, gjson.Valid(got.Body) || strings.HasPrefix(got.Body, "data: "), got.Body)
	}
}

// The most specific pattern takes a name, and an exact name before any.
func TestPatterns(t *testing.T) {
	ups := several(t, 1)
	s := newGateway(t, logical("openai", `{model_targets: [
    {name: "*", candidates: [{provider_id: a, upstream_model: "any/*"}]},
    {name: "claude-*", candidates: [{provider_id: a, upstream_model: "anthropic/claude-*"}]},
    {name: "claude-*-fast", candidates: [{provider_id: a, upstream_model: fixed}]},
    {name: claude-opus, candidates: [{provider_id: a, upstream_model: exact}]}]}`, ups))
	for model, want := range map[string]string{
		"claude-opus": "exact", "claude-haiku": "anthropic/claude-haiku", "claude-x-fast": "fixed", "gpt": "any/gpt", "claude-*": "anthropic/claude-*", "claude-fast": "anthropic/claude-fast",
	} {
		require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", strings.Replace(chatBody, `"m"`, `"`+model+`"`, 1)).Status)
		e := s.event(t)
		require.Equal(t, want, e.LLM.Model)
		require.Equal(t, model, e.LLM.LogicalModel)
		require.Equal(t, want, gjson.GetBytes(ups[0].Last().Body, "model").Str)
	}
}

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

// A target that fails too often is left alone, then probed, and trusted again once the
// probe has shown that it works.
func TestBreaker(t *testing.T) {
	ups := several(t, 2)
	clock := new(movable)
	s := newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: priority, candidates: [{provider_id: a, upstream_model: ma, priority: 1}, {provider_id: b, upstream_model: mb}]}]}`, ups), gateway.WithClock(clock.now))
	failing := func(llmtest.Recorded) *llmtest.Fault { return &llmtest.Fault{Status: 503} }
	ups[0].Script(failing)
	require.Equal(t, strings.Repeat("b", 12), s.targets(t, 12))
	opened := ups[0].Count()
	require.Equal(t, 5, opened, "five failures in a row open the breaker")

	clock.forward(2 * time.Second) // half open: one probe, which fails
	require.Equal(t, "bbb", s.targets(t, 3))
	require.Equal(t, opened+1, ups[0].Count())
	clock.forward(time.Second) // the cool-down has doubled
	require.Equal(t, "b", s.target(t))
	require.Equal(t, opened+1, ups[0].Count())

	// While a probe is under way, nobody else is sent there.
	clock.forward(2 * time.Second)
	step := make(chan struct{})
	ups[0].Script(nil)
	ups[0].Enqueue(llmtest.Fault{Step: step})
	probe := make(chan answer, 1)
	go func() {
		resp, err := s.client.Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(chatBody))
		if err != nil {
			probe <- answer{err: err}
			return
		}
		probe <- read(resp)
	}()
	require.NoError(t, ups[0].WaitCount(t.Context(), opened+2))
	require.Equal(t, "bb", s.targets(t, 2))
	close(step)
	require.Equal(t, 200, (<-probe).Status)
	require.Equal(t, "a", s.event(t).LLM.ProviderID)
	require.Equal(t, "aaa", s.targets(t, 3), "it is closed again")

	// Streams that break count, though they had begun well.
	ups[0].Script(func(llmtest.Recorded) *llmtest.Fault { return &llmtest.Fault{Break: llmtest.Cut, After: 2} })
	for range 5 {
		s.do(t, "POST", "/v1/chat/completions", chatStream)
		require.Equal(t, "a", s.event(t).LLM.ProviderID)
	}
	require.Equal(t, "b", s.target(t))
}

// Who asks to be left alone is, and for as long as he says.
func TestRetryAfterRestsTarget(t *testing.T) {
	ups := several(t, 2)
	clock := new(movable)
	s := newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: priority, candidates: [{provider_id: a, upstream_model: ma, priority: 1}, {provider_id: b, upstream_model: mb}]}]}`, ups), gateway.WithClock(clock.now))
	for _, fault := range []llmtest.Fault{{Status: 429, RetryAfter: "60"}, {Status: 503, RetryAfter: "60"}} {
		ups[0].Reset()
		ups[0].Enqueue(fault)
		require.Equal(t, "bbb", s.targets(t, 3))
		require.Equal(t, 1, ups[0].Count())
		clock.forward(50 * time.Second)
		require.Equal(t, "b", s.target(t))
		clock.forward(11 * time.Second)
		require.Equal(t, "aa", s.targets(t, 2))
	}
}

// The route's timeouts, each with its code, and another candidate where that helps.
func TestRouteTimeouts(t *testing.T) {
	stall := llmtest.Fault{Break: llmtest.Stall, After: 2}
	route := func(timeouts, targets string) string {
		return targets + "\n  policy: {timeouts: {" + timeouts + "}}"
	}
	one := `{model_targets: [{name: m, candidates: [{provider_id: a, upstream_model: ma}]}]}`
	tests := map[string]struct {
		timeouts string
		fault    llmtest.Fault
		body     string
	}{
		"first byte":                      {"first_byte_seconds: 0.05", llmtest.Fault{Delay: time.Minute}, chatBody},
		"first byte of a stream":          {"first_byte_seconds: 0.05", llmtest.Fault{Delay: time.Minute}, chatStream},
		"first byte behind headers":       {"first_byte_seconds: 0.05", llmtest.Fault{Break: llmtest.Stall}, chatStream},
		"idle":                            {"idle_seconds: 0.05", stall, chatStream},
		"idle at once":                    {"idle_seconds: 0.05", llmtest.Fault{Break: llmtest.Stall}, chatStream},
		"total, headers":                  {"total_seconds: 0.05", llmtest.Fault{Delay: time.Minute}, chatBody},
		"total, in a stream":              {"total_seconds: 0.05", stall, chatStream},
		"total, a stream that never ends": {"total_seconds: 0.05, idle_seconds: 60", llmtest.Fault{EventDelay: 20 * time.Millisecond, Chunks: 1000}, chatStream},
	}
	for name, tt := range tests {
		for _, translated := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " translated=", translated), func(t *testing.T) {
				ups := several(t, 1)
				policy := one
				if translated {
					policy = strings.Replace(policy, "provider_id: a", "provider_id: ant-a", 1)
				}
				s := newGateway(t, logical("openai", route(tt.timeouts, policy), ups))
				ups[0].Enqueue(tt.fault)
				got := s.do(t, "POST", "/v1/chat/completions", tt.body)
				require.NoError(t, got.err)
				e := s.event(t)
				require.Equal(t, "upstream_timeout", e.ErrorType, got.Body)
				require.False(t, e.Success)
				if got.Status == 200 {
					require.Contains(t, requireBroken(t, "/v1/chat/completions", got.Body, "[DONE]"), "timeout")
				} else {
					require.Equal(t, 504, got.Status, got.Body)
					requireError(t, "openai", got, "timeout")
				}
				require.NoError(t, ups[0].WaitIdle(t.Context()))
			})
		}
	}

	// A first byte that does not come is another candidate's chance.
	ups := several(t, 3)
	s := newGateway(t, logical("openai", route("first_byte_seconds: 0.05", priorityOf("")), ups))
	ups[0].Enqueue(llmtest.Fault{Delay: time.Minute})
	ups[1].Enqueue(llmtest.Fault{Break: llmtest.Stall})
	got := s.do(t, "POST", "/v1/chat/completions", chatStream)
	require.Contains(t, got.Body, "[DONE]")
	e := s.event(t)
	require.Equal(t, "c", e.LLM.ProviderID)
	for _, try := range e.LLM.Tries[:2] {
		require.Equal(t, "upstream_timeout", try.ErrorType)
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

// What is bound to the provider that made it goes back there.
func TestAffinity(t *testing.T) {
	turn := func(model, id, state string) string {
		return fmt.Sprintf(`{"model":"%s","max_tokens":9,"messages":[{"role":"system","content":"s"},{"role":"user","content":"%s"}%s]}`, model, id, state)
	}
	input := func(id, state string) string {
		return fmt.Sprintf(`{"model":"m","input":[{"role":"user","content":"%s"}%s]}`, id, state)
	}
	tests := map[string]struct {
		protocol, path string
		first, later   string
	}{
		"signature":          {"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"ID"}]}`, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"ID"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"}]},{"role":"user","content":"b"}]}`},
		"redacted thinking":  {"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"ID"}]}`, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"ID"},{"role":"assistant","content":[{"type":"redacted_thinking","data":"d"}]},{"role":"user","content":"b"}]}`},
		"cache_control":      {"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"ID"}]}`, `{"model":"m","max_tokens":9,"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"ID"},{"role":"assistant","content":"a"},{"role":"user","content":"b"}]}`},
		"encrypted content":  {"openai", "/v1/responses", input("ID", ""), input("ID", `,{"type":"reasoning","id":"r","summary":[],"encrypted_content":"e"},{"role":"user","content":"b"}`)},
		"prompt_cache_key":   {"openai", "/v1/responses", `{"model":"m","prompt_cache_key":"ID","input":"one"}`, `{"model":"m","prompt_cache_key":"ID","input":"two"}`},
		"thought signature":  {"openai", "/v1/chat/completions", turn("m", "ID", ""), turn("m", "ID", `,{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"x"}}}]},{"role":"tool","tool_call_id":"1","content":"ok"}`)},
		"a pattern's target": {"openai", "/v1/chat/completions", turn("w-1", "ID", ""), turn("w-1", "ID", `,{"role":"assistant","content":"a","thinking_blocks":[{}]},{"role":"user","content":"b"}`)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ups := several(t, 2)
			policy := `{model_targets: [{name: m, strategy: round_robin, candidates: [{provider_id: a, upstream_model: ma}, {provider_id: b, upstream_model: mb}]}, {name: "w-*", strategy: round_robin, candidates: [{provider_id: a, upstream_model: "x-*"}, {provider_id: b, upstream_model: "x-*"}]}]}`
			if tt.protocol == "anthropic" {
				policy = strings.ReplaceAll(policy, "provider_id: ", "provider_id: ant-")
			}
			s := newGateway(t, logical(tt.protocol, policy, ups))
			ask := func(body, id string) string {
				got := s.do(t, "POST", tt.path, strings.ReplaceAll(body, "ID", id))
				require.Equal(t, 200, got.Status, got.Body)
				return s.event(t).LLM.ProviderID
			}
			made := map[string]string{}
			for _, id := range []string{"one", "two", "three", "four"} {
				made[id] = ask(tt.first, id)
			}
			require.NotEqual(t, made["one"], made["two"], "the first turns are spread")
			for range 3 {
				for id, target := range made {
					require.Equal(t, target, ask(tt.later, id), id)
				}
			}
		})
	}
}

// A stored response is continued where it is stored, streamed or not.
func TestAffinityOfStoredResponses(t *testing.T) {
	ups := several(t, 2)
	s := newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: round_robin, `+twoCandidates+`}]}`, ups))
	// The fakes number their responses alike: one of them is to count from elsewhere.
	for range 20 {
		require.Equal(t, 200, s.do(t, "POST", ups[1].URL+"/v1/responses", `{"model":"m","input":"x"}`, "Authorization", "Bearer "+upstreamKey).Status)
	}
	for _, stream := range []string{"", `,"stream":true`} {
		made := map[string]string{}
		for i := range 4 {
			got := s.do(t, "POST", "/v1/responses", fmt.Sprintf(`{"model":"m","input":"hello %d"%s}`, i, stream))
			require.Equal(t, 200, got.Status, got.Body)
			id := gjson.Get(got.Body, "id").Str
			if stream != "" {
				id = gjson.Get(dataOf(t, got.Body)[0], "response.id").Str
			}
			require.NotEmpty(t, id, got.Body)
			made[id] = s.event(t).LLM.ProviderID
		}
		require.Len(t, made, 4)
		for range 3 {
			for id, target := range made {
				got := s.do(t, "POST", "/v1/responses", `{"model":"m","previous_response_id":"`+id+`","input":"go on"}`)
				require.Equal(t, target, s.event(t).LLM.ProviderID, got.Body)
			}
		}
	}
}

// Nobody joins another key's conversation, and a target that is down is not waited for.
func TestAffinityIsBounded(t *testing.T) {
	ups := several(t, 2)
	clock := new(movable)
	s := newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: round_robin, `+twoCandidates+`}]}`, ups), gateway.WithClock(clock.now))
	body := `{"model":"m","prompt_cache_key":"k","messages":[{"role":"user","content":"hi"}]}`
	ask := func() string {
		got := s.do(t, "POST", "/v1/chat/completions", body)
		require.Equal(t, 200, got.Status, got.Body)
		return s.event(t).LLM.ProviderID
	}
	require.Equal(t, "a", ask())
	require.Equal(t, "a", ask())
	ups[0].Enqueue(llmtest.Fault{Status: 429, RetryAfter: "60"})
	require.Equal(t, "b", ask(), "it is taken over")
	clock.forward(time.Hour)
	require.Equal(t, "b", ask(), "and stays there")
}

// Many callers at once, candidates that fail, and nothing that is left behind.
func TestLogicalUnderLoad(t *testing.T) {
	ups := several(t, 3)
	s := newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: least_busy, candidates: [{provider_id: a, upstream_model: ma}, {provider_id: b, upstream_model: mb}, {provider_id: ant-c, upstream_model: mc}]}]}`, ups))
	var n atomic.Int64
	ups[0].Script(func(llmtest.Recorded) *llmtest.Fault {
		switch n.Add(1) % 4 {
		case 0:
			return &llmtest.Fault{Status: 503}
		case 1:
			return &llmtest.Fault{Break: llmtest.BeforeHeaders}
		}
		return nil
	})
	const calls = 200
	var wg sync.WaitGroup
	var failed atomic.Int64
	for worker := range 10 {
		wg.Go(func() {
			for range calls / 10 {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				body := chatBody
				if worker%2 == 0 {
					body = chatStream
				}
				req, err := newRequest(ctx, s.URL+"/v1/chat/completions", body)
				if err == nil {
					var resp *http.Response
					if resp, err = s.client.Do(req); err == nil {
						if got := read(resp); got.err != nil || got.Status != 200 {
							failed.Add(1)
						}
					}
				}
				if err != nil {
					failed.Add(1)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	require.Zero(t, failed.Load(), "another candidate answers")
	for range calls {
		require.True(t, s.event(t).Success)
	}
}

// listedModels asks for the models in a dialect and returns their ids.
func (s *stack) listedModels(t *testing.T, path string, headers ...string) []string {
	t.Helper()
	got := s.do(t, "GET", path, "", headers...)
	require.Equal(t, 200, got.Status, got.Body)
	s.event(t)
	ids := []string{}
	for _, list := range [][2]string{{"data", "id"}, {"models", "name"}} {
		for _, m := range gjson.Get(got.Body, list[0]).Array() {
			ids = append(ids, strings.TrimPrefix(m.Get(list[1]).Str, "models/"))
		}
	}
	return ids
}

// A caller is shown the models that it may use, no more, in its dialect.
func TestLogicalModelsAreListed(t *testing.T) {
	const some = "vk-some-0123456789abcdef"
	up := newUpstream(t)
	policy := `{model_targets: [{name: claude-zeta, candidates: [{provider_id: P, upstream_model: u1}]}, {name: claude-alpha, candidates: [{provider_id: P, upstream_model: u2}]}, {name: "wild-*", candidates: [{provider_id: P, upstream_model: "*"}]}]}`
	for _, tt := range []struct {
		protocol, provider, path string
		headers                  []string
	}{
		{"openai", "a", "/v1/models", nil},
		{"openai", "ant-a", "/models", nil},
		{"anthropic", "ant-a", "/v1/models", []string{"Anthropic-Version", "2023-06-01"}},
		{"cc", "a", "/v1/models", []string{"Anthropic-Version", "2023-06-01"}},
		{"gemini", "a", "/v1beta/models", []string{"X-Goog-Api-Client", "x"}},
	} {
		t.Run(tt.protocol+" "+tt.provider, func(t *testing.T) {
			s := newGateway(t, logical(tt.protocol, strings.ReplaceAll(policy, "provider_id: P", "provider_id: "+tt.provider), []*llmtest.Upstream{up},
				"virtualKeys:", `- {id: some, key: `+some+`, allowed_route_ids: [r], allowed_models: [claude-alpha, wild-7, not-here]}`, `- {id: all, key: `+virtualKey+`, allowed_route_ids: [r]}`))
			restricted := append([]string{"X-Api-Key", some}, tt.headers...)
			require.Equal(t, []string{"claude-alpha", "claude-zeta"}, s.listedModels(t, tt.path, append([]string{"X-Api-Key", virtualKey}, tt.headers...)...))
			require.Equal(t, []string{"claude-alpha"}, s.listedModels(t, tt.path, restricted...))

			for model, want := range map[string]int{"claude-alpha": 200, "wild-7": 200, "claude-zeta": 403, "not-here": 404} {
				got := s.do(t, "GET", tt.path+"/"+model, "", restricted...)
				require.Equal(t, want, got.Status, "%s: %s", model, got.Body)
				s.event(t)
				id := gjson.Get(got.Body, "id").Str
				if tt.protocol == "gemini" {
					id = strings.TrimPrefix(gjson.Get(got.Body, "name").Str, "models/")
				}
				if want == 200 {
					require.Equal(t, model, id)
				} else {
					require.True(t, gjson.Get(got.Body, "error.message").Exists(), got.Body)
				}
			}
			require.Zero(t, up.Count(), "nobody else is asked")
		})
	}
}

// A provider that lists models in the caller's own protocol is asked; what the caller may
// not use, and what is not offered, is cut out of its answer.
func TestRelayedModelsAreCut(t *testing.T) {
	const some = "vk-some-0123456789abcdef"
	gemini := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"models":[{"name":"models/g-1","x":1e2},{"name":"models/g-2"},{"name":"models/g-3"}],"nextPageToken":"n"}`))
	}))
	t.Cleanup(gemini.Close)
	up := newUpstream(t)
	s := newGateway(t, strings.NewReplacer("UP", up.URL, "GEM", gemini.URL, "KEY", upstreamKey, "SOME", some).Replace(`
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
- {id: ant, provider_type: anthropic, api_key: KEY, base_url: "UP"}
- {id: gem, provider_type: gemini, api_key: KEY, base_url: "GEM"}
managedModels:
- {provider_id: gem, upstream_model: g-3, enabled: false}
- {provider_id: ant, upstream_model: claude-test-mini, enabled: false}
llmRoutes:
- {id: gem, protocol: gemini, match_policy: {path_prefix: /}, target_policy: {provider_target: {provider_id: gem}}}
- {id: ant, protocol: anthropic, match_policy: {path_prefix: /}, target_policy: {provider_target: {provider_id: ant}}}
virtualKeys:
- {id: some, key: SOME, allowed_route_ids: ["*"], allowed_models: [g-1, g-3, claude-test, claude-test-mini]}
`))
	require.Equal(t, []string{"g-1", "g-2"}, s.listedModels(t, "/v1beta/models"))
	require.Equal(t, []string{"g-1"}, s.listedModels(t, "/v1beta/models", "X-Goog-Api-Key", some))
	got := s.do(t, "GET", "/v1beta/models", "", "X-Goog-Api-Key", some)
	require.Equal(t, `{"models":[{"name":"models/g-1","x":1e2}],"nextPageToken":"n"}`, got.Body)
	s.event(t)
	require.Equal(t, []string{"claude-test"}, s.listedModels(t, "/v1/models", "Anthropic-Version", "2023-06-01"))
	for path, want := range map[string]int{"/v1beta/models/g-3": 404, "/v1beta/models/g-1": 200} {
		require.Equal(t, want, s.do(t, "GET", path, "").Status, path)
		s.event(t)
	}
	require.Equal(t, 403, s.do(t, "GET", "/v1beta/models/g-2", "", "X-Goog-Api-Key", some).Status)
	s.event(t)
}
