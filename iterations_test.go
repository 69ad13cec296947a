package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// iterationRoutes are a route of Anthropic's protocol and one that translates from
// OpenAI's, with a key whose budgets are far. The model m costs a dollar for a thousand
// tokens and a dollar for each call, the model adviser ten for a thousand.
func iterationRoutes(up *llmtest.Upstream) string {
	text := oneProvider(up)
	return text[:strings.Index(text, "llmRoutes:")] + `
managedModels:
- {provider_id: ant, upstream_model: m, price: {input_per_mtok: 1000, output_per_mtok: 1000, per_request: 1}}
- {provider_id: ant, upstream_model: adviser, price: {input_per_mtok: 10000, output_per_mtok: 10000}}
llmRoutes:
- {id: messages, protocol: anthropic, match_policy: {path_prefix: /}, auth_policy: {require_virtual_key: true}, target_policy: {provider_target: {provider_id: ant}}}
- {id: chat, protocol: openai, match_policy: {path_prefix: /}, auth_policy: {require_virtual_key: true}, target_policy: {provider_target: {provider_id: ant}}}
virtualKeys:
- {id: k, key: ` + virtualKey + `, allowed_route_ids: ["*"], rate_limit: {tpm: 1000000}, budget: {usd: 100000, tokens: 100000000, period: total}}
`
}

const (
	compacted = `[{"input_tokens":60385,"output_tokens":592,"cache_read_input_tokens":0,"cache_creation_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"type":"compaction"}, {"input_tokens":682,"output_tokens":1320,"type":"message"}]`
	advised   = `[{"input_tokens":282,"output_tokens":20,"type":"message"},{"type":"advisor_message","model":"adviser","input_tokens":2728,"output_tokens":872,"cache_read_input_tokens":400},{"input_tokens":400,"output_tokens":1300,"type":"message"}]`
)

// What is billed within a call beyond the counts of its message is in the event, its
// cost and the budgets, whichever way the answer takes; the caller gets what the
// upstream said.
func TestIterationsAreBilled(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, iterationRoutes(up))
	count := func(n int64) metrics.Count { return metrics.Count{N: n, Known: true} }
	many := strings.Repeat(`{"type":"compaction","input_tokens":2,"output_tokens":1},`, 7000)
	for name, c := range map[string]struct {
		iterations           string
		input, output, cache int64
		cost                 float64 // 0: unknown
	}{
		"none":                    {`null`, 682, 1320, 0, 3.002},
		"compaction":              {compacted, 682 + 60385, 1320 + 592, 0, 63.979},
		"adviser":                 {advised, 682 + 3128, 1320 + 872, 400, 3.002 + 40},
		"an adviser nobody knows": {strings.Replace(advised, "adviser", "x", 1), 682 + 3128, 1320 + 872, 400, 0},
		"no array":                {`{"type":"compaction","input_tokens":9}`, 682, 1320, 0, 3.002},
		"not counted":             {`[{"type":"compaction","input_tokens":-9,"output_tokens":1e99}]`, 682, 1320, 0, 0},
		"many":                    {`[` + many + `{"type":"message","input_tokens":682,"output_tokens":1320}]`, 682 + 14000, 1320 + 7000, 0, 24.002},
	} {
		usage := `{"input_tokens":682,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"iterations":` + c.iterations + `,"output_tokens":1320,"service_tier":"standard"}`
		whole := `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":` + usage + `}`
		stream := "event: message_start\ndata: " + `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":682,"output_tokens":1,"iterations":[]}}}` + "\n\n" +
			"event: content_block_start\ndata: " + `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}` + "\n\n" +
			"event: content_block_delta\ndata: " + `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}` + "\n\n" +
			"event: content_block_stop\ndata: " + `{"type":"content_block_stop","index":0}` + "\n\n" +
			"event: message_delta\ndata: " + `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":` + usage + `}` + "\n\n" +
			"event: message_stop\ndata: " + `{"type":"message_stop"}` + "\n\n"
		for _, way := range []string{"relayed", "relayed stream", "translated", "translated stream"} {
			t.Run(name+" "+way, func(t *testing.T) {
				streamed, translated := strings.Contains(way, "stream"), strings.Contains(way, "translated")
				answer, kind := whole, "application/json"
				if streamed {
					answer, kind = stream, "text/event-stream"
				}
				up.Enqueue(*llmtest.Raw(200, http.Header{"Content-Type": {kind}}, []byte(answer)))
				path, body := "/v1/messages", `{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}`
				if translated {
					path = "/v1/chat/completions"
				}
				if streamed {
					body = strings.Replace(body, `"max`, `"stream":true,"stream_options":{"include_usage":true},"max`, 1)
				}
				before := spent(t, s)
				got := s.do(t, "POST", path, body, "X-Api-Key", virtualKey)
				require.Equal(t, 200, got.Status, got.Body)
				e := s.event(t).LLM
				if translated {
					text := got.Body
					if streamed {
						_, text, _ = strings.Cut(text, `"usage":{`)
						text, _, _ = strings.Cut(`{"usage":{`+text, "\n")
					}
					require.Equal(t, int64(682), gjson.Get(text, "usage.prompt_tokens").Int(), "a client takes it for the context's size")
				} else {
					require.Equal(t, answer, got.Body)
				}
				require.Equal(t, count(c.input), e.InputTokens)
				require.Equal(t, count(c.output), e.OutputTokens)
				require.Equal(t, count(c.input+c.output), e.TotalTokens)
				require.Equal(t, count(c.cache), e.CacheRead)
				require.True(t, e.UsageFinalized)
				if after := spent(t, s); c.cost == 0 {
					require.Nil(t, e.CostUSD)
					require.InDelta(t, 1.012, after["budget_usd"]-before["budget_usd"], 0.01, "what was reserved stays charged")
				} else {
					require.InDelta(t, c.cost, *e.CostUSD, 1e-9)
					require.InDelta(t, c.cost, after["budget_usd"]-before["budget_usd"], 1e-6)
					require.InDelta(t, c.input+c.output, after["budget_tokens"]-before["budget_tokens"], 0)
				}
			})
		}
	}
}

// spent is what the key's limits have used, by their names.
func spent(t *testing.T, s *stack) map[string]float64 {
	t.Helper()
	used := map[string]float64{}
	for _, item := range s.admin(t, 200, "GET", "/virtual_keys/k/usage", "").Get("items").Array() {
		used[item.Get("limit").Str] = item.Get("used").Float()
	}
	return used
}

// A budget in dollars covers no model without a price, whether it is asked or advises.
func TestOtherModelsNeedAPrice(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, iterationRoutes(up))
	tools := func(list string) string { return `"tools":[` + list + `]` }
	adviser := func(model string) string {
		return `{"type":"advisor_20260301","name":"advisor","model":"` + model + `"}`
	}
	for name, c := range map[string]struct {
		member string
		status int
	}{
		"known adviser":    {tools(adviser("adviser")), 200},
		"unknown adviser":  {tools(adviser("adviser") + "," + adviser("nobody-knows")), 403},
		"too many":         {tools(strings.Repeat(adviser("adviser")+",", 16) + adviser("adviser")), 403},
		"another tool":     {tools(`{"name":"f","model":"nobody-knows","input_schema":{"type":"object"}}`), 200},
		"known fallback":   {`"fallbacks":[{"model":"adviser"}]`, 200},
		"unknown fallback": {`"fallbacks":[{"model":"nobody-knows"}]`, 403},
		"the default one":  {`"fallbacks":"default"`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.do(t, "POST", "/v1/messages", `{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"hi"}],`+c.member+`}`, "X-Api-Key", virtualKey)
			require.Equal(t, c.status, got.Status, got.Body)
			s.event(t)
		})
	}
}
