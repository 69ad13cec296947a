package gateway_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A thousand at once on a key with a budget for ten, whichever way they go.
func TestBudgetUnderRush(t *testing.T) {
	for _, way := range []struct{ name, provider, stream string }{
		{"relayed", "oai", ""},
		{"relayed as a stream", "oai", `"stream":true,`},
		{"translated", "ant", ""},
		{"translated as a stream", "ant", `"stream":true,`},
	} {
		t.Run(way.name, func(t *testing.T) { rush(t, way.provider, way.stream) })
	}
}

func rush(t *testing.T, provider, stream string) {
	const calls = 1000
	for name, tt := range map[string]struct {
		budget, edit string
		most         int64
	}{
		// No call takes more than it was estimated at, so the budget is not overspent.
		"estimates hold": {"tokens: 1200, period: total", `"max_tokens":100`, 1200},
		// Each takes more: what it takes beyond is the overspend, of those that were in
		// flight together when the budget ended.
		"estimates are exceeded": {"tokens: 1200, period: total", `"max_tokens":1`, 1200 + 1200/9*(perCall-9)}, // its prompt is taken for 8
		"dollars":                {"usd: 1.2, period: total", `"max_tokens":100`, 1200},
	} {
		t.Run(name, func(t *testing.T) {
			up := newUpstream(t)
			bundle := limited(up, "openai", ", budget: {"+tt.budget+"}", "")
			s := newGateway(t, strings.Replace(bundle, "provider_target: {provider_id: oai}", "provider_target: {provider_id: "+provider+"}", 1))
			body := strings.Replace(generation["openai"][1], `"max_tokens":100`, stream+tt.edit, 1)
			var wg sync.WaitGroup
			var ok, refused atomic.Int64
			gate := make(chan struct{})
			for range calls {
				wg.Go(func() {
					<-gate
					req, err := newRequest(t.Context(), s.URL+"/v1/chat/completions", body)
					if err != nil {
						return
					}
					req.Header.Set("X-Api-Key", virtualKey)
					resp, err := s.client.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					switch got := read(resp); got.Status {
					case 200:
						ok.Add(1)
						if stream != "" && !strings.Contains(got.Body, "[DONE]") {
							t.Error("a call that was let in is not completed", got.Body)
						}
					case 429:
						refused.Add(1)
					default:
						t.Error(got.Status, got.Body)
					}
				})
			}
			close(gate)
			wg.Wait()
			for range calls {
				s.event(t)
			}
			require.EqualValues(t, calls, ok.Load()+refused.Load())
			require.EqualValues(t, ok.Load(), up.Count())
			require.Equal(t, map[string]string{"oai": "/v1/chat/completions", "ant": "/v1/messages"}[provider], up.Last().Path)
			require.GreaterOrEqual(t, ok.Load(), int64(10))
			require.LessOrEqual(t, ok.Load()*perCall, tt.most)
			u := s.usage(t)["budget_tokens"]
			used := u.Get("used").Num
			if name == "dollars" {
				used = 1000 * s.usage(t)["budget_usd"].Get("used").Num
			}
			require.InDelta(t, float64(ok.Load()*perCall), used, 1e-6, "each is counted once")
		})
	}
}
