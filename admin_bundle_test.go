package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.yaml.in/yaml/v4"

	"github.com/agent-gateway/agent-gateway/configstore"
)

const quickstart = `apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
  - {id: p, provider_type: openai, api_key: sk-secret-1, base_url: "http://127.0.0.1:9/v1"}
credentials:
  - {id: c, provider_id: p, attributes: {api_key: sk-secret-2}}
llmRoutes:
  - {id: r, protocol: openai, match_policy: {path_prefix: /}, auth_policy: {require_virtual_key: true}, target_policy: {provider_target: {provider_id: p}}}
virtualKeys:
  - {id: k, allowed_route_ids: [r]}
`

func (s *stack) apply(t *testing.T, want int, query, bundle string) gjson.Result {
	t.Helper()
	return s.admin(t, want, "POST", "/bundle"+query, bundle, "Content-Type", "application/yaml")
}

func counts(t *testing.T, r gjson.Result) [4]int64 {
	t.Helper()
	c := r.Get("counts")
	return [4]int64{c.Get("create").Int(), c.Get("update").Int(), c.Get("skip").Int(), c.Get("error").Int()}
}

func TestBundleApply(t *testing.T) {
	s := newAdmin(t)
	planned := s.apply(t, 200, "?dry_run=1", quickstart)
	require.Equal(t, [4]int64{4, 0, 0, 0}, counts(t, planned))
	for _, k := range adminKinds {
		require.Empty(t, s.admin(t, 200, "GET", k.path, "").Get("items").Array(), "a dry run changes nothing")
	}
	applied := s.apply(t, 200, "", quickstart)
	require.Equal(t, "ok", applied.Get("status").Str)
	require.Equal(t, `["provider p create","credential c create","llm_route r create","virtual_key k create"]`, actions(applied))
	key := s.VirtualKey("k")
	require.NotEmpty(t, key)

	again := s.apply(t, 200, "?dry_run=0", quickstart)
	require.Equal(t, [4]int64{0, 0, 4, 0}, counts(t, again))
	require.Equal(t, key, s.VirtualKey("k"), "a made key stays")

	changed := s.apply(t, 200, "", strings.Replace(quickstart, "sk-secret-2", "sk-secret-3", 1))
	require.Equal(t, [4]int64{0, 1, 3, 0}, counts(t, changed), "a changed secret is a change")
	changed = s.apply(t, 200, "", strings.Replace(quickstart, "api_key: sk-secret-2", "api_key: '********', priority: '1'", 1))
	require.Equal(t, [4]int64{0, 1, 3, 0}, counts(t, changed), "a masked one is none")

	// What the bundle does not name stays.
	require.Equal(t, [4]int64{0, 0, 0, 0}, counts(t, s.apply(t, 200, "", "apiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\n")))
	s.admin(t, 200, "GET", "/llm/routes/r", "")
}

func actions(r gjson.Result) string {
	var list []string
	for _, a := range r.Get("actions").Array() {
		list = append(list, `"`+a.Get("kind").Str+" "+a.Get("id").Str+" "+a.Get("action").Str+`"`)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// With any fault nothing is applied.
func TestBundleIsAllOrNothing(t *testing.T) {
	s := newAdmin(t)
	tests := []struct{ name, bundle, kind, id, says string }{
		{"missing reference", strings.Replace(quickstart, "provider_id: p}}", "provider_id: nope}}", 1), "llm_route", "r", `"nope"`},
		{"unknown field", strings.Replace(quickstart, "protocol:", "protocl:", 1), "llm_route", "r", "protocol"},
		{"unknown section", quickstart + "llmRoute: []\n", "", "", "llmRoutes"},
		{"unknown type", strings.Replace(quickstart, "type: openai", "type: nope", 1), "provider", "p", "nope"},
		{"twice", strings.Replace(quickstart, "llmRoutes:", "  - {id: c, provider_id: p}\nllmRoutes:", 1), "credential", "c", ""},
		{"ambiguous", strings.Replace(quickstart, "llmRoutes:", "llmRoutes:\n  - {id: a, protocol: openai, match_policy: {path_prefix: /}, target_policy: {provider_target: {provider_id: p}}}", 1), "llm_route", "*", `"a"`},
		{"masked, nothing stored", strings.Replace(quickstart, "sk-secret-2", "'********'", 1), "credential", "c", "masked"},
		{"wrong kind", strings.Replace(quickstart, "kind: GatewayBundle", "kind: Secret", 1), "", "", "GatewayBundle"},
		{"wrong version", strings.Replace(quickstart, "v1alpha1", "v9", 1), "", "", "v1alpha1"},
		{"no YAML", "a: [", "", "", ""},
		{"empty", "", "", "", ""},
		{"two documents", quickstart + "---\n" + quickstart, "", "", ""},
		{"an alias bomb", quickstart + "x: &x [1,1]\ny: [*x,*x]\n", "", "", ""},
	}
	for _, tt := range tests {
		for _, query := range []string{"?dry_run=1", ""} {
			got := s.apply(t, 400, query, tt.bundle)
			require.Equal(t, "error", got.Get("status").Str, tt.name)
			require.Positive(t, got.Get("counts.error").Int(), tt.name)
			require.Zero(t, got.Get("counts.create").Int(), tt.name)
			first := got.Get("actions.0")
			require.Equal(t, "error", first.Get("action").Str)
			require.Equal(t, tt.kind, first.Get("kind").Str, "%s: %s", tt.name, got.Raw)
			if tt.id != "*" { // either of the two may be blamed
				require.Equal(t, tt.id, first.Get("id").Str, tt.name)
			}
			require.NotEmpty(t, first.Get("error").Str, tt.name)
			require.Contains(t, got.Raw, strings.ReplaceAll(tt.says, `"`, `\"`), tt.name)
			require.NotContains(t, got.Raw, "sk-secret")
		}
		for _, k := range adminKinds {
			require.Empty(t, s.admin(t, 200, "GET", k.path, "").Get("items").Array(), tt.name)
		}
	}
	s.admin(t, 400, "POST", "/bundle?dryrun=1", quickstart, "Content-Type", "application/yaml")
	s.admin(t, 400, "POST", "/bundle?dry_run=maybe", quickstart, "Content-Type", "application/yaml")
	s.admin(t, 415, "POST", "/bundle", quickstart, "Content-Type", "text/plain")
	s.admin(t, 413, "POST", "/bundle", strings.Repeat("#", 16<<20+1), "Content-Type", "application/yaml")
}

// ${VAR} is the client's to expand: the server leaves it.
func TestBundleIsNotExpanded(t *testing.T) {
	t.Setenv("AGW_TEST_HOME", "leaked")
	s := newAdmin(t)
	got := s.do(t, "POST", s.AdminURL+"/bundle", strings.Replace(quickstart, "id: p, provider_type", "id: p, default_model: '${AGW_TEST_HOME}', provider_type", 1), "Content-Type", "application/yaml")
	require.NotContains(t, got.Body, "leaked")
	if got.Status == 200 {
		require.Equal(t, "${AGW_TEST_HOME}", s.admin(t, 200, "GET", "/llm/providers/p", "").Get("default_model").Str)
	}
}

// An export applies to the gateway that it came from, changes nothing, and holds
// no secret.
func TestBundleExport(t *testing.T) {
	s := newAdmin(t)
	s.apply(t, 200, "", quickstart)
	key := s.VirtualKey("k")
	text := s.do(t, "GET", s.AdminURL+"/bundle", "")
	require.Equal(t, 200, text.Status)
	require.Equal(t, "application/yaml", text.Header.Get("Content-Type"))
	var doc map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text.Body), &doc))
	require.Equal(t, configstore.APIVersion, doc["apiVersion"])
	for _, secret := range []string{"sk-secret", key} {
		require.NotContains(t, text.Body, secret)
	}
	require.Contains(t, text.Body, ":-********}")

	parsed, faults := configstore.ParseBundle([]byte(text.Body), configstore.YAML, func(string) (string, bool) { return "", false })
	for _, f := range faults {
		require.True(t, f.Warning, f)
	}
	expanded, err := parsed.JSON()
	require.NoError(t, err)
	again := s.admin(t, 200, "POST", "/bundle", string(expanded), "Content-Type", "application/json")
	require.Equal(t, [4]int64{0, 0, 4, 0}, counts(t, again), again.Raw)
	require.Equal(t, key, s.VirtualKey("k"))

	asJSON := s.do(t, "GET", s.AdminURL+"/bundle", "", "Accept", "application/json")
	require.Equal(t, "application/json", asJSON.Header.Get("Content-Type"))
	require.Equal(t, "p", gjson.Get(asJSON.Body, "providers.0.id").Str)
}

// A static object may stand in a bundle as it is, and not otherwise.
func TestBundleAndStatic(t *testing.T) {
	up := newUpstream(t)
	bundle := oneProvider(up)
	s := newGateway(t, bundle)
	require.Equal(t, [4]int64{0, 0, 4, 0}, counts(t, s.apply(t, 200, "", bundle)))
	got := s.apply(t, 400, "", strings.Replace(bundle, "path_prefix: /}", "path_prefix: /x}", 1)+"virtualKeys: [{id: new}]\n")
	require.Contains(t, got.Get("actions.0.error").Str, "read-only")
	s.admin(t, 404, "GET", "/virtual_keys/new", "")
}

// The metrics of the Admin API, without a reader and with one.
func TestAdminMetricsWithoutReader(t *testing.T) {
	s := newAdmin(t)
	for _, path := range []string{"/metrics", "/metrics/prometheus", "/metrics/llm/events"} {
		s.admin(t, http.StatusNotImplemented, "GET", path, "")
	}
	require.Equal(t, "nope", s.admin(t, 400, "GET", "/metrics/llm/events?nope=1", "").Get("field").Str)
}
