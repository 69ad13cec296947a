package gateway_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

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
