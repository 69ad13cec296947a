package gateway_test

import (
	"fmt"
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

const stormers = 100

// storm makes a hundred calls at once, which all must have the status. final is how many
// of the callers were told not to try again themselves.
func (s *stack) storm(t *testing.T, path, body string, status int) (final int) {
	t.Helper()
	var wg sync.WaitGroup
	var told atomic.Int64
	for range stormers {
		wg.Go(func() {
			req, err := newRequest(t.Context(), s.URL+path, body)
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := s.client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			got := read(resp)
			if got.Status != status || status >= 400 && gjson.Get(got.Body, kindOfError(path)).Str == "" {
				t.Error(got.Status, got.Body)
			}
			if got.Header.Get("X-Should-Retry") == "false" {
				told.Add(1)
			}
		})
	}
	wg.Wait()
	for range stormers {
		require.Equal(t, status < 400, s.event(t).Success)
	}
	return int(told.Load())
}

// jam does the same to all calls, but not before so many are there: nobody learns from the
// fate of another.
func jam(at int, fault llmtest.Fault, ups ...*llmtest.Upstream) {
	var here atomic.Int64
	full := make(chan struct{})
	for _, up := range ups {
		up.Reset()
		up.Script(func(llmtest.Recorded) *llmtest.Fault {
			if here.Add(1) == int64(at) {
				close(full)
			}
			<-full
			return &fault
		})
	}
}

// borne is how many calls the upstreams got.
func borne(ups ...*llmtest.Upstream) (total int) {
	for _, up := range ups {
		total += up.Count()
	}
	return total
}

const eager = ", network: {max_retries: 3, retry_delay_seconds: 0.001}"

// A hundred callers whose calls all fail do not multiply what the upstream has to bear.
func TestFaultStorm(t *testing.T) {
	for _, c := range crossings() {
		t.Run(c.String(), func(t *testing.T) {
			up := newUpstream(t)
			s := newGateway(t, c.bundle(up.URL, eager))
			jam(stormers, llmtest.Fault{Status: 429}, up)
			path, body := c.ask(true)
			require.Positive(t, s.storm(t, path, body, 429))
			require.LessOrEqual(t, up.Count(), stormers*12/10)
			require.Greater(t, up.Count(), stormers, "some are tried again")
		})
	}
}

// Nor do they where a logical model has several targets: none has to bear more. Who comes
// when all of them rest is sent to one, and no further.
func TestFaultStormOfLogicalModel(t *testing.T) {
	for _, targets := range [][]string{{"a", "b"}, {"ant-a", "b", "ant-c"}} {
		for _, strategy := range []string{"weighted", "priority", "round_robin", "least_latency", "least_busy"} {
			t.Run(fmt.Sprint(strings.Join(targets, " "), " ", strategy), func(t *testing.T) {
				ups := several(t, len(targets))
				candidates := ""
				for i, id := range targets {
					candidates += fmt.Sprintf("{provider_id: %s, upstream_model: m%d, priority: %d}, ", id, i, 9-i)
				}
				bundle := logical("openai", `{model_targets: [{name: m, strategy: `+strategy+`, candidates: [`+candidates+`]}]}`, ups)
				for _, up := range ups {
					bundle = strings.NewReplacer(up.URL+"/v1}", up.URL+"/v1"+eager+"}", up.URL+"}", up.URL+eager+"}").Replace(bundle)
				}
				now := time.Now() // it stands, so that nobody has rested enough
				s := newGateway(t, bundle, gateway.WithClock(func() time.Time { return now }))
				jam(stormers, llmtest.Fault{Status: 429}, ups...)
				require.Positive(t, s.storm(t, "/v1/chat/completions", chatStream, 429))
				require.LessOrEqual(t, borne(ups...), stormers*12/10)
				jam(1, llmtest.Fault{Status: 429, RetryAfter: "3600"}, ups...)
				s.storm(t, "/v1/chat/completions", chatStream, 429)
				require.Equal(t, stormers, borne(ups...))
			})
		}
	}
}

// Where one target is well, all are served there, though they come together.
func TestFaultStormOnOneOfSeveral(t *testing.T) {
	for _, fault := range []llmtest.Fault{{Status: 429}, {Status: 503}, {Break: llmtest.BeforeHeaders}} {
		for _, targets := range []string{"a, b", "a, ant-b"} {
			ids := strings.Split(targets, ", ")
			ups := several(t, len(ids))
			candidates := ""
			for i, id := range ids {
				candidates += fmt.Sprintf("{provider_id: %s, upstream_model: m, priority: %d}, ", id, 9-i)
			}
			s := newGateway(t, logical("openai", `{model_targets: [{name: m, strategy: priority, candidates: [`+candidates+`]}]}`, ups))
			jam(stormers, fault, ups[0])
			require.Zero(t, s.storm(t, "/v1/chat/completions", chatStream, 200))
			require.Equal(t, stormers, ups[0].Count())
			require.Equal(t, stormers, borne(ups[1:]...))
		}
	}
}
