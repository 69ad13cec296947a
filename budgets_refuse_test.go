package gateway_test

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// Each limit, on a key and on a route, refuses in each dialect what its clients understand.
func TestLimitsRefuse(t *testing.T) {
	up := newUpstream(t)
	limits := map[string]struct {
		policy string
		first  bool // a call is made before
		budget bool
		what   string // in the headers
		max    string
	}{
		"requests":         {"rate_limit: {rpm: 1}", true, false, "requests", "1"},
		"tokens":           {"rate_limit: {tpm: 130}", true, false, "tokens", "130"},
		"one large call":   {"rate_limit: {tpm: 50}", false, false, "tokens", "50"},
		"tokens of budget": {"budget: {tokens: 130, period: day}", true, true, "tokens", "130"},
		"dollars":          {"budget: {usd: 0.13, period: day}", true, true, "", ""},
		"a whole budget":   {"budget: {usd: 0.01, period: total}", false, true, "", ""},
	}
	for _, protocol := range []string{"openai", "anthropic", "cc", "gemini"} {
		for name, tt := range limits {
			for _, where := range []string{"key", "route"} {
				t.Run(protocol+" "+name+" "+where, func(t *testing.T) {
					ofKey, ofRoute := ", "+tt.policy, ""
					if where == "route" {
						ofKey, ofRoute = "", tt.policy
					}
					clock := new(movable)
					clock.forward(time.Until(time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour))) // noon
					s := newGateway(t, limited(up, protocol, ofKey, ofRoute), gateway.WithClock(clock.now))
					up.Reset()
					if tt.first {
						require.Equal(t, 200, s.keyed(t, protocol).Status)
					}
					got := s.keyed(t, protocol)
					require.Equal(t, 429, got.Status, got.Body)
					require.Equal(t, map[bool]int{true: 1}[tt.first], up.Count(), "nobody is asked")
					e := gjson.Get(got.Body, "error")
					kind := map[string][2]string{"openai": {"rate_limit_exceeded", "insufficient_quota"}, "anthropic": {"rate_limit_error", "billing_error"}, "cc": {"rate_limit_error", "billing_error"}, "gemini": {"RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"}}[protocol]
					field := map[string]string{"openai": "type", "anthropic": "type", "cc": "type", "gemini": "status"}[protocol]
					require.Equal(t, kind[map[bool]int{true: 1}[tt.budget]], e.Get(field).Str, got.Body)
					require.Contains(t, e.Get("message").Str, map[string]string{"key": "this virtual key", "route": "this route"}[where])
					require.Equal(t, map[bool]string{true: "budget_exhausted", false: "rate_limited"}[tt.budget], got.event.ErrorType)
					require.Equal(t, map[bool]string{true: "false"}[tt.budget || !tt.first], got.Header.Get("X-Should-Retry"))
					if tt.first {
						after, err := strconv.Atoi(got.Header.Get("Retry-After"))
						require.NoError(t, err)
						if tt.budget {
							require.InDelta(t, 12*3600, after, 60, "until midnight")
						} else {
							require.True(t, after > 0 && after <= 60, after)
						}
					} else {
						require.Empty(t, got.Header.Get("Retry-After"), "to wait does not help")
					}
					h := got.Header
					if wire := protocol == "anthropic" || protocol == "cc"; wire {
						require.Equal(t, tt.budget, h.Get("Anthropic-Ratelimit-Unified-Status") == "rejected")
						if tt.what != "" {
							require.Equal(t, tt.max, h.Get("Anthropic-Ratelimit-"+tt.what+"-Limit"))
							require.NotEmpty(t, h.Get("Anthropic-Ratelimit-"+tt.what+"-Remaining"))
							_, err := time.Parse(time.RFC3339, h.Get("Anthropic-Ratelimit-"+tt.what+"-Reset"))
							require.NoError(t, err)
						}
						if tt.budget && tt.first {
							reset, err := strconv.ParseInt(h.Get("Anthropic-Ratelimit-Unified-Reset"), 10, 64)
							require.NoError(t, err)
							require.InDelta(t, clock.now().Add(12*time.Hour).Unix(), reset, 60)
						}
					} else if tt.what != "" {
						require.Equal(t, tt.max, h.Get("X-Ratelimit-Limit-"+tt.what))
						require.NotEmpty(t, h.Get("X-Ratelimit-Remaining-"+tt.what))
						_, err := time.ParseDuration(h.Get("X-Ratelimit-Reset-" + tt.what))
						require.NoError(t, err)
					}
					if protocol == "gemini" && tt.first {
						require.Contains(t, e.Get("details").Raw, "RetryInfo")
					}
				})
			}
		}
	}
}

// Calls at once are counted while they are under way, and no longer.
func TestConcurrencyLimit(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, limited(up, "openai", ", rate_limit: {concurrency: 2}", ""))
	step := make(chan struct{})
	held := make(chan answer, 2)
	for range 2 {
		up.Enqueue(llmtest.Fault{Step: step})
		go func() {
			req, err := newRequest(t.Context(), s.URL+"/v1/chat/completions", chatStream)
			if err != nil {
				held <- answer{err: err}
				return
			}
			req.Header.Set("X-Api-Key", virtualKey)
			resp, err := s.client.Do(req)
			if err != nil {
				held <- answer{err: err}
				return
			}
			held <- read(resp)
		}()
	}
	require.NoError(t, up.WaitCount(t.Context(), 2))
	require.EqualValues(t, 2, s.usage(t)["concurrency"].Get("used").Int())
	got := s.keyed(t, "openai")
	require.Equal(t, 429, got.Status)
	require.Equal(t, "1", got.Header.Get("Retry-After"))
	require.Contains(t, got.Body, "2 calls at once")
	close(step)
	for range 2 {
		require.NoError(t, (<-held).err)
		s.event(t)
	}
	require.Zero(t, s.usage(t)["concurrency"].Get("used").Int())
	require.Equal(t, 200, s.keyed(t, "openai").Status)
}

// Who has the whole answer comes with the next call before the connection of the last one
// is done with: its place is free by then.
func TestConcurrencyNextCallAtOnce(t *testing.T) {
	for name, tt := range map[string]struct{ protocol, path, body, last string }{
		"chat":              {"openai", "/v1/chat/completions", chatBody, ""},
		"chat stream":       {"openai", "/v1/chat/completions", chatStream, "data: [DONE]\n"},
		"messages stream":   {"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}`, "event: message_stop\n"},
		"translated":        {"gemini", "/v1beta/models/m:generateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`, ""},
		"translated stream": {"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}`, "event: message_stop\n"},
	} {
		t.Run(name, func(t *testing.T) {
			up := newUpstream(t)
			up.Script(func(llmtest.Recorded) *llmtest.Fault { return &llmtest.Fault{Size: 20_000} })
			bundle := limited(up, tt.protocol, ", rate_limit: {concurrency: 1}", "")
			if name == "translated stream" {
				bundle = strings.Replace(bundle, "provider_target: {provider_id: ant}", "provider_target: {provider_id: oai}", 1)
			}
			s := newGateway(t, bundle)
			for i := range 200 {
				resp := s.start(t, t.Context(), "POST", tt.path, tt.body, "X-Api-Key", virtualKey)
				require.Equal(t, 200, resp.StatusCode, i)
				r := bufio.NewReader(resp.Body)
				for line := ""; tt.last == "" || !strings.Contains(line, tt.last); {
					var err error
					if line, err = r.ReadString('\n'); err == io.EOF && tt.last == "" {
						break
					}
					require.NoError(t, err)
				}
				t.Cleanup(func() { _ = resp.Body.Close() })
				s.drain()
			}
		})
	}
}
