package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

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
