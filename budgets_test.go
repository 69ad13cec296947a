package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
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

// perCall is what each answer of the fake upstream is counted at.
const perCall = llmtest.InputTokens + llmtest.CacheReadTokens + llmtest.CacheWriteTokens + llmtest.OutputTokens

// limited is a bundle with a route of one protocol, and a key for it. The model m costs
// a dollar for a thousand tokens of any kind, the model free nothing, others nobody knows.
func limited(up *llmtest.Upstream, protocol, ofKey, ofRoute string) string {
	provider := map[string]string{"openai": "oai", "anthropic": "ant", "cc": "ant", "gemini": "oai"}[protocol]
	text := oneProvider(up)
	text = text[:strings.Index(text, "llmRoutes:")]
	text += "managedModels:\n"
	for _, p := range []string{"oai", "ant"} {
		text += "- {provider_id: " + p + ", upstream_model: m, price: {input_per_mtok: 1000, output_per_mtok: 1000}}\n"
		text += "- {provider_id: " + p + ", upstream_model: free, price: {input_per_mtok: 0, output_per_mtok: 0}}\n"
	}
	return text + fmt.Sprintf(`
llmRoutes:
- {id: r, protocol: %s, match_policy: {path_prefix: /}, auth_policy: {require_virtual_key: true}, target_policy: {provider_target: {provider_id: %s}}, policy: {%s}}
virtualKeys:
- {id: k, key: %s, allowed_route_ids: ["*"]%s}
`, protocol, provider, ofRoute, virtualKey, ofKey)
}

// generation is a call in each dialect for at most 100 tokens.
var generation = map[string][2]string{
	"openai":    {"/v1/chat/completions", `{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"hi"}]}`},
	"anthropic": {"/v1/messages", `{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"hi"}]}`},
	"cc":        {"/v1/messages", `{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"hi"}]}`},
	"gemini":    {"/v1beta/models/m:generateContent", `{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"maxOutputTokens":100}}`},
}

// call is an answer and the event of it.
type call struct {
	answer
	event *metrics.Event
}

// keyed makes the dialect's call with the key.
func (s *stack) keyed(t *testing.T, protocol string, edits ...string) call {
	t.Helper()
	g := generation[protocol]
	got := s.do(t, "POST", g[0], strings.NewReplacer(edits...).Replace(g[1]), "X-Api-Key", virtualKey)
	return call{got, s.event(t)}
}

// usage is how the key's limits stand, by their names.
func (s *stack) usage(t *testing.T) map[string]gjson.Result {
	t.Helper()
	all := s.admin(t, 200, "GET", "/virtual_keys/k/usage", "")
	require.Equal(t, "k", all.Get("id").Str)
	limits := map[string]gjson.Result{}
	for _, item := range all.Get("items").Array() {
		limits[item.Get("limit").Str] = item
	}
	return limits
}

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

// A budget is new with each period, and never with the one that has no end.
func TestBudgetPeriods(t *testing.T) {
	up := newUpstream(t)
	for period, next := range map[string]func(time.Time) time.Time{
		"hour": func(t time.Time) time.Time { return t.Truncate(time.Hour).Add(time.Hour) },
		"day":  func(t time.Time) time.Time { return t.Truncate(24 * time.Hour).Add(24 * time.Hour) },
		"week": func(t time.Time) time.Time {
			day := t.Truncate(24 * time.Hour)
			return day.AddDate(0, 0, 8-map[bool]int{true: 7, false: int(day.Weekday())}[day.Weekday() == 0])
		},
		"month": func(t time.Time) time.Time { return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC) },
		"total": nil,
	} {
		for _, amount := range []string{"usd: 0.13", "tokens: 130", "usd: 0.13, tokens: 500"} {
			clock := new(movable)
			clock.forward(time.Until(time.Now().UTC().Truncate(24 * time.Hour).Add(36*time.Hour + 30*time.Minute))) // nowhere near an end
			s := newGateway(t, limited(up, "openai", ", budget: {"+amount+", period: "+period+"}", ""), gateway.WithClock(clock.now))
			require.Equal(t, 200, s.keyed(t, "openai").Status)
			require.Equal(t, 429, s.keyed(t, "openai").Status, "%s %s", amount, period)
			limit := map[bool]string{true: "budget_usd", false: "budget_tokens"}[strings.HasPrefix(amount, "usd")]
			u := s.usage(t)[limit]
			used, unit := float64(perCall), 1.0
			if limit == "budget_usd" {
				unit = 1000
			}
			require.InDelta(t, used/unit, u.Get("used").Num, 1e-9)
			require.InDelta(t, (130-used)/unit, u.Get("remaining").Num, 1e-9)
			require.InDelta(t, 130/unit, u.Get("max").Num, 1e-9)
			if next == nil {
				require.Equal(t, "null", u.Get("reset_at").Raw)
				clock.forward(20 * 365 * 24 * time.Hour)
				require.Equal(t, 429, s.keyed(t, "openai").Status)
				continue
			}
			end := next(clock.now().UTC())
			require.Equal(t, end.Format(time.RFC3339), u.Get("reset_at").Str, period)
			clock.forward(end.Sub(clock.now()) - time.Minute)
			require.Equal(t, 429, s.keyed(t, "openai").Status)
			clock.forward(time.Minute + time.Second)
			require.Equal(t, 200, s.keyed(t, "openai").Status, "%s %s", amount, period)
			require.InDelta(t, used/unit, s.usage(t)[limit].Get("used").Num, 1e-9)
		}
	}
}

// The key's limits and the route's hold together, and a refusal by one takes nothing
// from the other.
func TestKeyAndRouteLimits(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, limited(up, "openai", ", rate_limit: {rpm: 9}, budget: {tokens: 100000, period: total}", "rate_limit: {rpm: 2}"))
	require.Equal(t, 200, s.keyed(t, "openai").Status)
	require.Equal(t, 200, s.keyed(t, "openai").Status)
	for range 3 {
		got := s.keyed(t, "openai")
		require.Equal(t, 429, got.Status)
		require.Contains(t, got.Body, "this route")
		require.Equal(t, "2", got.Header.Get("X-Ratelimit-Limit-Requests"))
	}
	u := s.usage(t)
	require.EqualValues(t, 2, u["requests_per_minute"].Get("used").Int())
	require.EqualValues(t, 2*perCall, u["budget_tokens"].Get("used").Int())
	// The upstream's own limits are not the caller's business here.
	other := newGateway(t, limited(up, "openai", ", rate_limit: {rpm: 9}", ""))
	up.Enqueue(llmtest.Fault{Header: http.Header{"X-Ratelimit-Limit-Requests": {"77"}, "X-Other": {"1"}}})
	got := other.keyed(t, "openai")
	require.Empty(t, got.Header.Get("X-Ratelimit-Limit-Requests"))
	require.Equal(t, "1", got.Header.Get("X-Other"))
}

// A thousand at once on a key with a budget for ten.
func TestBudgetUnderRush(t *testing.T) {
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
			s := newGateway(t, limited(up, "openai", ", budget: {"+tt.budget+"}", ""))
			body := strings.Replace(generation["openai"][1], `"max_tokens":100`, tt.edit, 1)
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

// Whatever way a call ends, what it held is given back, once, and what it took is booked.
func TestReservationsEnd(t *testing.T) {
	up := newUpstream(t)
	const budget = ", rate_limit: {concurrency: 3, tpm: 100000000}, budget: {tokens: 100000000, usd: 100000, period: total}"
	s := newGateway(t, strings.Replace(limited(up, "openai", budget, "timeouts: {first_byte_seconds: 0.2}"), "\nllmRoutes:", "\nllmRoutes:\n- {id: t, protocol: openai, match_policy: {path_prefix: /t}, auth_policy: {require_virtual_key: true}, target_policy: {provider_target: {provider_id: ant}}, policy: {timeouts: {first_byte_seconds: 0.2}}}", 1),
		gateway.WithLimits(gateway.Limits{Answer: 4096, Event: 64 << 10}))
	faults := map[string]struct {
		fault  llmtest.Fault
		stream bool
		body   string // "" for the usual one
		billed bool   // tokens are booked
	}{
		"a good answer":           {llmtest.Fault{}, false, "", true},
		"a good stream":           {llmtest.Fault{}, true, "", true},
		"no upstream":             {llmtest.Fault{Break: llmtest.BeforeHeaders}, false, "", false},
		"refused":                 {llmtest.Fault{Status: 400}, false, "", false},
		"its key is refused":      {llmtest.Fault{Status: 401}, false, "", false},
		"busy":                    {llmtest.Fault{Status: 503}, true, "", false},
		"a page":                  {llmtest.Fault{Status: 500, Body: llmtest.BodyHTML}, false, "", false},
		"too slow":                {llmtest.Fault{Delay: time.Minute}, true, "", false},
		"a redirect":              {llmtest.Fault{Redirect: "http://127.0.0.1:9/"}, false, "", false},
		"an answer breaks":        {llmtest.Fault{Break: llmtest.MidEvent, Size: 1 << 20}, false, "", false},
		"a stream breaks at once": {llmtest.Fault{Break: llmtest.AfterHeaders}, true, "", false},
		"a stream breaks":         {llmtest.Fault{Break: llmtest.Cut, After: 3}, true, "", true},
		"a stream fails":          {llmtest.Fault{Break: llmtest.ErrorEvent, After: 3}, true, "", true},
		"a stream has no end":     {llmtest.Fault{Break: llmtest.End, After: 3}, true, "", true},
		"an event is too long":    {llmtest.Fault{HugeLine: 1 << 20, After: 3}, true, "", true},
		"the answer is too long":  {llmtest.Fault{Size: 64 << 10}, false, "", false},
		"not JSON":                {*llmtest.Raw(200, http.Header{"Content-Type": {"application/json"}}, []byte(`{"a":`)), false, "", false},
		"cannot be said":          {llmtest.Fault{}, false, `{"model":"m","n":3,"messages":[{"role":"user","content":"hi"}]}`, false},
		"nonsense":                {llmtest.Fault{}, false, `{"model":"m","messages":7}`, false},
	}
	for name, tt := range faults {
		for _, prefix := range []string{"", "/t"} {
			if prefix == "" && (name == "the answer is too long" || name == "not JSON" || tt.body != "") {
				continue // these are what only a translation minds
			}
			t.Run(name+strings.ReplaceAll(prefix, "/", " "), func(t *testing.T) {
				up.Reset()
				up.Enqueue(tt.fault)
				body := tt.body
				if body == "" {
					body = map[bool]string{true: chatStream, false: chatBody}[tt.stream]
				}
				before := s.usage(t)
				req, err := newRequest(t.Context(), s.URL+prefix+"/v1/chat/completions", body)
				require.NoError(t, err)
				req.Header.Set("X-Api-Key", virtualKey)
				if resp, err := s.client.Do(req); err == nil {
					read(resp)
				}
				e := s.event(t)
				after := s.usage(t)
				require.Zero(t, after["concurrency"].Get("used").Int(), "%+v", e)
				took := after["budget_tokens"].Get("used").Int() - before["budget_tokens"].Get("used").Int()
				cost := after["budget_usd"].Get("used").Num - before["budget_usd"].Get("used").Num
				// The half of an answer that is no stream is kept back where it is translated,
				// and else it may have gone out before the break was seen, or not.
				billed := tt.billed || name == "an answer breaks" && e.LLM.TimeToFirstByte > 0
				require.Equal(t, billed, took > 0, "%d tokens: %+v", took, e.LLM)
				require.Equal(t, e.LLM.TotalTokens.N, took, "what the event says is what is booked")
				require.InDelta(t, float64(took)/1000, cost, 1e-9)
				if e.LLM.TotalTokens.Known {
					require.InDelta(t, float64(took)/1000, *e.LLM.CostUSD, 1e-9)
				}
			})
		}
	}
}

// A caller that goes away pays for what was made for it, and holds nothing any more.
func TestAbortedCallsAreSettled(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, limited(up, "openai", ", rate_limit: {concurrency: 3}, budget: {tokens: 1000000, period: total}", ""))
	leave := func(t *testing.T, body string, lines int) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		req, err := newRequest(ctx, s.URL+"/v1/chat/completions", body)
		require.NoError(t, err)
		req.Header.Set("X-Api-Key", virtualKey)
		if lines == 0 {
			before := up.Count()
			go func() { _ = up.WaitCount(t.Context(), before+1); cancel() }()
			_, err = s.client.Do(req)
			require.ErrorIs(t, err, context.Canceled)
			return
		}
		resp, err := s.client.Do(req)
		require.NoError(t, err)
		in := bufio.NewReader(resp.Body)
		for range lines {
			_, err := in.ReadString('\n')
			require.NoError(t, err)
		}
		cancel()
		_, _ = io.Copy(io.Discard, in)
		_ = resp.Body.Close()
	}
	total := int64(0)
	up.Enqueue(llmtest.Fault{Break: llmtest.Stall, After: 4})
	leave(t, chatStream, 6)
	e := s.event(t)
	require.Equal(t, "canceled", e.ErrorType)
	require.True(t, e.LLM.TotalTokens.Known)
	require.False(t, e.LLM.UsageFinalized)
	total += e.LLM.TotalTokens.N
	require.Positive(t, total)
	require.Equal(t, total, s.usage(t)["budget_tokens"].Get("used").Int())

	up.Enqueue(llmtest.Fault{Delay: time.Minute})
	leave(t, chatBody, 0)
	require.Equal(t, "canceled", s.event(t).ErrorType)
	used := s.usage(t)["budget_tokens"].Get("used").Int()
	require.Greater(t, used, total, "who leaves before the first byte pays for the prompt")
	require.Less(t, used, total+20)
	require.Zero(t, s.usage(t)["concurrency"].Get("used").Int())
	require.NoError(t, up.WaitIdle(t.Context()))
}

// Where there is a budget in dollars, what nobody knows the price of is refused; what is
// free passes even an empty one.
func TestUnknownPrice(t *testing.T) {
	up := newUpstream(t)
	for _, protocol := range []string{"openai", "anthropic", "cc"} {
		s := newGateway(t, limited(up, protocol, ", budget: {usd: 0.13, period: total}", ""))
		up.Reset()
		got := s.keyed(t, protocol, `"m"`, `"who-knows"`)
		require.Equal(t, 403, got.Status, got.Body)
		require.Contains(t, gjson.Get(got.Body, "error.message").Str, "price")
		require.Equal(t, "false", got.Header.Get("X-Should-Retry"))
		require.Nil(t, got.event.LLM.CostUSD)
		require.Zero(t, up.Count())
		got = s.keyed(t, protocol)
		require.Equal(t, 200, got.Status)
		require.InDelta(t, perCall/1000.0, *got.event.LLM.CostUSD, 1e-9)
		require.Equal(t, 429, s.keyed(t, protocol).Status)
		got = s.keyed(t, protocol, `"m"`, `"free"`)
		require.Equal(t, 200, got.Status)
		require.Zero(t, *got.event.LLM.CostUSD)

		// Without one, it is served, and nobody says what it cost.
		s = newGateway(t, limited(up, protocol, ", budget: {tokens: 1000, period: total}", ""))
		got = s.keyed(t, protocol, `"m"`, `"who-knows"`)
		require.Equal(t, 200, got.Status)
		require.Nil(t, got.event.LLM.CostUSD)
		text, err := got.event.MarshalJSON()
		require.NoError(t, err)
		require.Contains(t, string(text), `"cost_usd":null`)
	}
	// Of a logical model's candidates each may be asked, so each must have a price; the
	// highest is held.
	ups := several(t, 2)
	price := "managedModels: [{provider_id: a, upstream_model: x-1, price: {input_per_mtok: 1, output_per_mtok: 1}}%s]\nvirtualKeys: [{id: k, key: " + virtualKey + ", allowed_route_ids: [r], budget: {usd: 1, period: total}}]"
	policy := `{model_targets: [{name: "m-*", candidates: [{provider_id: a, upstream_model: "x-*"}, {provider_id: b, upstream_model: "y-*"}]}]}`
	body := `{"model":"m-1","max_tokens":100,"messages":[{"role":"user","content":"hi"}]}`
	for more, want := range map[string]int{"": 403, ", {provider_id: b, upstream_model: y-1, price: {input_per_mtok: 2, output_per_mtok: 2}}": 200, ", {provider_id: b, upstream_model: y-1, price: {input_per_mtok: 100000, output_per_mtok: 100000}}": 429} {
		s := newGateway(t, logical("openai", policy, ups, fmt.Sprintf(price, more)))
		require.Equal(t, want, s.do(t, "POST", "/v1/chat/completions", body, "X-Api-Key", virtualKey).Status, more)
		s.event(t)
	}
}

// Of a call that several candidates were asked for, the one that answered is paid, once.
func TestFallbackIsBookedOnce(t *testing.T) {
	ups := several(t, 2)
	policy := `{credential_selector: round_robin, model_targets: [{name: m, strategy: priority, candidates: [{provider_id: a, upstream_model: dear, priority: 1}, {provider_id: ant-b, upstream_model: cheap}]}]}`
	s := newGateway(t, logical("openai", policy, ups, `
managedModels:
- {provider_id: a, upstream_model: dear, price: {input_per_mtok: 100000, output_per_mtok: 100000}}
- {provider_id: ant-b, upstream_model: cheap, price: {input_per_mtok: 1000, output_per_mtok: 1000}}
credentials:
- {id: more, provider_id: a, attributes: {api_key: `+upstreamKey+`}}
virtualKeys:
- {id: k, key: `+virtualKey+`, allowed_route_ids: [r], rate_limit: {concurrency: 1, rpm: 100}, budget: {usd: 1000, tokens: 100000, period: total}}
`))
	calls := 0
	for _, body := range []string{chatBody, chatStream} {
		for _, fault := range []llmtest.Fault{{Status: 429, RetryAfter: "0"}, {Status: 503}, {Break: llmtest.BeforeHeaders}} {
			// Both of the first one's credentials fail where that is tried, and its connection.
			ups[0].Script(func(llmtest.Recorded) *llmtest.Fault { return &fault })
			got := s.do(t, "POST", "/v1/chat/completions", body, "X-Api-Key", virtualKey)
			require.Equal(t, 200, got.Status, got.Body)
			calls++
			e := s.event(t)
			require.Equal(t, "ant-b", e.LLM.ProviderID)
			require.InDelta(t, perCall/1000.0, *e.LLM.CostUSD, 1e-9)
			u := s.usage(t)
			require.InDelta(t, float64(calls*perCall)/1000, u["budget_usd"].Get("used").Num, 1e-9)
			require.EqualValues(t, calls*perCall, u["budget_tokens"].Get("used").Int())
			require.EqualValues(t, calls, u["requests_per_minute"].Get("used").Int())
			require.Zero(t, u["concurrency"].Get("used").Int())
		}
	}
}

// What a key has used is there for those who ask, also when it has no limit.
func TestKeyUsage(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, limited(up, "openai", ", rate_limit: {rpm: 5, tpm: 1000, concurrency: 2}, budget: {usd: 2, tokens: 3000, period: month}", "")+"- {id: none, allowed_route_ids: [r]}\n")
	require.Equal(t, 200, s.keyed(t, "openai").Status)
	all := s.admin(t, 200, "GET", "/virtual_keys/k/usage", "")
	require.Equal(t, "month", all.Get("budget_period").Str)
	require.Equal(t, `["requests_per_minute","tokens_per_minute","concurrency","budget_usd","budget_tokens"]`, all.Get("items.#.limit").Raw)
	require.Equal(t, `[5,1000,2,2,3000]`, all.Get("items.#.max").Raw)
	u := s.usage(t)
	require.EqualValues(t, 1, u["requests_per_minute"].Get("used").Int())
	require.EqualValues(t, perCall, u["budget_tokens"].Get("used").Int())
	require.InDelta(t, perCall/1000.0, u["budget_usd"].Get("used").Num, 1e-9)
	require.InDelta(t, 2-perCall/1000.0, u["budget_usd"].Get("remaining").Num, 1e-9)
	require.Equal(t, `[]`, s.admin(t, 200, "GET", "/virtual_keys/none/usage", "").Get("items").Raw)
	s.admin(t, 404, "GET", "/virtual_keys/nobody/usage", "")
}
