package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
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
