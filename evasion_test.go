package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// bounded is a bundle with a key that may use the model "cheap" only and has a budget
// of 1000 tokens, and one that may use everything.
func bounded(protocol, provider, base string) string {
	return fmt.Sprintf(`
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
- {id: up, provider_type: %s, base_url: "%s", api_key: %s}
llmRoutes:
- {id: r, protocol: %s, match_policy: {path_prefix: /}, auth_policy: {require_virtual_key: true}, target_policy: {provider_target: {provider_id: up}}}
- {id: l, protocol: %s, match_policy: {path_prefix: /l}, auth_policy: {require_virtual_key: true}, target_policy: {model_targets: [{name: cheap, candidates: [{provider_id: up, upstream_model: gemini-test}]}]}}
virtualKeys:
- {id: narrow, key: vk-narrow-0123456789, allowed_route_ids: ["*"], allowed_models: [cheap], budget: {tokens: 1000, period: day}}
- {id: wide, key: vk-wide-0123456789ab, allowed_route_ids: ["*"]}
`, provider, base, upstreamKey, protocol, protocol)
}

const (
	narrow = "Bearer vk-narrow-0123456789"
	wide   = "Bearer vk-wide-0123456789ab"
)

// A budget is reserved for what the upstream may be made to answer, however the
// request says it.
func TestEstimatesAreNotEvaded(t *testing.T) {
	for name, tt := range map[string]struct{ protocol, provider, base, path, body string }{
		"the other spelling":        {"gemini", "gemini", "", "/v1beta/models/cheap:generateContent", `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"maxOutputTokens":1},"generation_config":{"max_output_tokens":60000}}`},
		"another spelling inside":   {"gemini", "gemini", "", "/v1beta/models/cheap:generateContent", `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"max_output_tokens":60000}}`},
		"candidates":                {"gemini", "gemini", "", "/v1beta/models/cheap:generateContent", `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"maxOutputTokens":500,"candidate_count":8}}`},
		"an exponent":               {"openai", "openai_compatible", "/v1", "/v1/chat/completions", `{"model":"cheap","messages":[],"max_tokens":1e5}`},
		"answers with an exponent":  {"openai", "openai_compatible", "/v1", "/v1/chat/completions", `{"model":"cheap","messages":[],"max_tokens":100,"n":1e2}`},
		"answers in quotes":         {"openai", "openai_compatible", "/v1", "/v1/chat/completions", `{"model":"cheap","messages":[],"max_tokens":100,"n":"100"}`},
		"the best of":               {"openai", "openai_compatible", "/v1", "/v1/completions", `{"model":"cheap","prompt":"x","max_tokens":100,"best_of":20}`},
		"many prompts":              {"openai", "openai_compatible", "/v1", "/v1/completions", `{"model":"cheap","prompt":[` + strings.Repeat(`"a",`, 99) + `"a"],"max_tokens":100}`},
		"an answer that comes late": {"openai", "openai_compatible", "/v1", "/v1/responses", `{"model":"cheap","input":"x","max_output_tokens":9,"background":true}`},
	} {
		up := newCanned(t)
		s := newGateway(t, bounded(tt.protocol, tt.provider, up.URL+tt.base))
		got := s.do(t, "POST", tt.path, tt.body, "Authorization", narrow)
		require.Contains(t, []int{403, 429}, got.Status, "%s: %s", name, got.Body)
		require.Zero(t, up.calls.Load(), name)
		s.event(t)
	}
	up := newUpstream(t)
	s := newGateway(t, bounded("anthropic", "anthropic", up.URL))
	require.Equal(t, 403, s.do(t, "POST", "/v1/messages/batches", `{"requests":[]}`, "Authorization", narrow).Status)
	s.event(t)
}

// Numbers that cannot be are unknown, and spend no budget for good.
func TestAbsurdUsage(t *testing.T) {
	for _, n := range []string{"1e308", "-5", "9223372036854775807"} {
		for from, caller := range wires {
			up := newCanned(t)
			s := newGateway(t, strings.Replace(bounded(caller.protocol, "anthropic", up.URL), "[cheap]", "[m]", 1))
			up.answer = strings.ReplaceAll(wires["messages"].plain, `"output_tokens":5`, `"output_tokens":`+n)
			body := strings.Replace(fmt.Sprintf(caller.request, ""), `"model":"m"`, `"model":"m","max_tokens":50`, 1)
			if from != "chat" {
				body = fmt.Sprintf(caller.request, map[string]string{"responses": `,"max_output_tokens":50`, "gemini": `,"generationConfig":{"maxOutputTokens":50}`}[from])
			}
			got := s.do(t, "POST", caller.path, body, "Authorization", narrow)
			require.Equal(t, 200, got.Status, got.Body)
			if from != "messages" { // which is relayed
				require.NotContains(t, got.Body, ":-")
				require.NotContains(t, got.Body, "92233720")
			}
			e := s.event(t)
			require.Less(t, e.LLM.TotalTokens.N, int64(1000))
			used := s.admin(t, 200, "GET", "/virtual_keys/narrow/usage", "").Get("items.0.used").Int()
			require.Positive(t, used, "%s: what is not counted is not free", from)
			require.Less(t, used, int64(1000))
		}
	}
}

// Models that a request names inside are checked as well.
func TestInnerModels(t *testing.T) {
	up := newCanned(t)
	s := newGateway(t, bounded("gemini", "gemini", up.URL))
	for _, tt := range [][2]string{
		{"/v1beta/models/cheap:batchEmbedContents", `{"requests":[{"model":"models/cheap","content":{}},{"model":"models/secret","content":{}}]}`},
		{"/v1beta/models/cheap:countTokens", `{"generateContentRequest":{"model":"models/secret","contents":[]}}`},
		{"/v1beta/models/cheap:generateContent", `{"contents":[],"tools":[{"x":{}, "model":"secret"}]}`},
		{"/v1beta/models/cheap:generateContent", `{"contents":[],"fallback_models":["secret"]}`},
	} {
		got := s.do(t, "POST", tt[0], tt[1], "Authorization", narrow)
		require.Equal(t, 403, got.Status, "%s: %s", tt[1], got.Body)
		s.event(t)
	}
	require.Zero(t, up.calls.Load())

	// What a logical model is called upstream stands inside too.
	up.answer = `{"embeddings":[]}`
	got := s.do(t, "POST", "/l/v1beta/models/cheap:batchEmbedContents", `{"requests":[{"model":"models/cheap","content":{}},{"content":{}, "model" : "models/cheap"}], "x":1}`, "Authorization", wide)
	require.Equal(t, 200, got.Status, got.Body)
	require.Equal(t, "/v1beta/models/gemini-test:batchEmbedContents", up.path)
	require.Equal(t, `{"requests":[{"model":"models/gemini-test","content":{}},{"content":{}, "model" : "models/gemini-test"}], "x":1}`, up.body)
	s.event(t)
}

// What would take the usage out of an answer does not go upstream.
func TestAnswersAreNotRestyled(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, bounded("gemini", "gemini", up.URL))
	s.do(t, "POST", "/v1beta/models/gemini-test:generateContent?fields=candidates&$fields=x&alt=proto&$alt=json&callback=f&quotaUser=q", `{"contents":[{"parts":[{"text":"x"}]}]}`, "Authorization", wide)
	require.Equal(t, "quotaUser=q", up.Last().Query.Encode())
	s.event(t)
}

// An upload that is refused before it is sent leaves its connection in order.
func TestRefusedUploads(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, bounded("openai", "openai_compatible", up.URL+"/v1"))
	for range 3 {
		got := s.do(t, "POST", "/l/v1/files", "--x\r\n\r\n--x--", "Authorization", wide, "Content-Type", "multipart/form-data; boundary=x")
		require.Equal(t, http.StatusNotImplemented, got.Status, got.Body)
		s.event(t)
		require.Equal(t, 200, s.do(t, "GET", "/v1/models", "", "Authorization", wide).Status)
		s.event(t)
	}
	require.NotContains(t, s.log.String(), "panic")
	up.Enqueue(llmtest.Fault{Status: 500, Early: true})
	require.Equal(t, 500, s.do(t, "POST", "/v1/files", "--x\r\n\r\n--x--", "Authorization", wide, "Content-Type", "multipart/form-data; boundary=x").Status)
	s.event(t)
}
