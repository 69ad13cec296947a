package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// listedModels asks for the models in a dialect and returns their ids.
func (s *stack) listedModels(t *testing.T, path string, headers ...string) []string {
	t.Helper()
	got := s.do(t, "GET", path, "", headers...)
	require.Equal(t, 200, got.Status, got.Body)
	s.event(t)
	ids := []string{}
	for _, list := range [][2]string{{"data", "id"}, {"models", "name"}} {
		for _, m := range gjson.Get(got.Body, list[0]).Array() {
			ids = append(ids, strings.TrimPrefix(m.Get(list[1]).Str, "models/"))
		}
	}
	return ids
}

// A caller is shown the models that it may use, no more, in its dialect.
func TestLogicalModelsAreListed(t *testing.T) {
	const some = "vk-some-0123456789abcdef"
	up := newUpstream(t)
	policy := `{model_targets: [{name: claude-zeta, candidates: [{provider_id: P, upstream_model: u1}]}, {name: claude-alpha, candidates: [{provider_id: P, upstream_model: u2}]}, {name: "wild-*", candidates: [{provider_id: P, upstream_model: "*"}]}]}`
	for _, tt := range []struct {
		protocol, provider, path string
		headers                  []string
	}{
		{"openai", "a", "/v1/models", nil},
		{"openai", "ant-a", "/models", nil},
		{"anthropic", "ant-a", "/v1/models", []string{"Anthropic-Version", "2023-06-01"}},
		{"cc", "a", "/v1/models", []string{"Anthropic-Version", "2023-06-01"}},
		{"gemini", "a", "/v1beta/models", []string{"X-Goog-Api-Client", "x"}},
	} {
		t.Run(tt.protocol+" "+tt.provider, func(t *testing.T) {
			s := newGateway(t, logical(tt.protocol, strings.ReplaceAll(policy, "provider_id: P", "provider_id: "+tt.provider), []*llmtest.Upstream{up},
				"virtualKeys:", `- {id: some, key: `+some+`, allowed_route_ids: [r], allowed_models: [claude-alpha, wild-7, not-here]}`, `- {id: all, key: `+virtualKey+`, allowed_route_ids: [r]}`))
			restricted := append([]string{"X-Api-Key", some}, tt.headers...)
			require.Equal(t, []string{"claude-alpha", "claude-zeta"}, s.listedModels(t, tt.path, append([]string{"X-Api-Key", virtualKey}, tt.headers...)...))
			require.Equal(t, []string{"claude-alpha"}, s.listedModels(t, tt.path, restricted...))

			for model, want := range map[string]int{"claude-alpha": 200, "wild-7": 200, "claude-zeta": 403, "not-here": 404} {
				got := s.do(t, "GET", tt.path+"/"+model, "", restricted...)
				require.Equal(t, want, got.Status, "%s: %s", model, got.Body)
				s.event(t)
				id := gjson.Get(got.Body, "id").Str
				if tt.protocol == "gemini" {
					id = strings.TrimPrefix(gjson.Get(got.Body, "name").Str, "models/")
				}
				if want == 200 {
					require.Equal(t, model, id)
				} else {
					require.True(t, gjson.Get(got.Body, "error.message").Exists(), got.Body)
				}
			}
			require.Zero(t, up.Count(), "nobody else is asked")
		})
	}
}

// A provider that lists models in the caller's own protocol is asked; what the caller may
// not use, and what is not offered, is cut out of its answer.
func TestRelayedModelsAreCut(t *testing.T) {
	const some = "vk-some-0123456789abcdef"
	gemini := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"models":[{"name":"models/g-1","x":1e2},{"name":"models/g-2"},{"name":"models/g-3"}],"nextPageToken":"n"}`))
	}))
	t.Cleanup(gemini.Close)
	up := newUpstream(t)
	s := newGateway(t, strings.NewReplacer("UP", up.URL, "GEM", gemini.URL, "KEY", upstreamKey, "SOME", some).Replace(`
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
- {id: ant, provider_type: anthropic, api_key: KEY, base_url: "UP"}
- {id: gem, provider_type: gemini, api_key: KEY, base_url: "GEM"}
managedModels:
- {provider_id: gem, upstream_model: g-3, enabled: false}
- {provider_id: ant, upstream_model: claude-test-mini, enabled: false}
llmRoutes:
- {id: gem, protocol: gemini, match_policy: {path_prefix: /}, target_policy: {provider_target: {provider_id: gem}}}
- {id: ant, protocol: anthropic, match_policy: {path_prefix: /}, target_policy: {provider_target: {provider_id: ant}}}
virtualKeys:
- {id: some, key: SOME, allowed_route_ids: ["*"], allowed_models: [g-1, g-3, claude-test, claude-test-mini]}
`))
	require.Equal(t, []string{"g-1", "g-2"}, s.listedModels(t, "/v1beta/models"))
	require.Equal(t, []string{"g-1"}, s.listedModels(t, "/v1beta/models", "X-Goog-Api-Key", some))
	got := s.do(t, "GET", "/v1beta/models", "", "X-Goog-Api-Key", some)
	require.Equal(t, `{"models":[{"name":"models/g-1","x":1e2}],"nextPageToken":"n"}`, got.Body)
	s.event(t)
	require.Equal(t, []string{"claude-test"}, s.listedModels(t, "/v1/models", "Anthropic-Version", "2023-06-01"))
	for path, want := range map[string]int{"/v1beta/models/g-3": 404, "/v1beta/models/g-1": 200} {
		require.Equal(t, want, s.do(t, "GET", path, "").Status, path)
		s.event(t)
	}
	require.Equal(t, 403, s.do(t, "GET", "/v1beta/models/g-2", "", "X-Goog-Api-Key", some).Status)
	s.event(t)
}
