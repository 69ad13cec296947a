package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
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
