package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/configstore/sqlite"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

const managedPath = "/llm/models/managed/p/vendor%2Fm%3A1"

func providerAt(id, kind, url string) string {
	return fmt.Sprintf(`{"id":%q,"provider_type":%q,"api_key":%q,"base_url":%q}`, id, kind, upstreamKey, url)
}

func routeTo(id, protocol, prefix, provider string) string {
	return fmt.Sprintf(`{"id":%q,"protocol":%q,"match_policy":{"path_prefix":%q},"target_policy":{"provider_target":{"provider_id":%q}}}`, id, protocol, prefix, provider)
}

// Managed models are objects like others, but for an id of two parts.
func TestManagedModelObjects(t *testing.T) {
	s := newAdmin(t)
	s.admin(t, 201, "POST", "/llm/providers", providerAt("p", "openai", "http://127.0.0.1:9/v1"))
	s.admin(t, 201, "POST", "/llm/providers", providerAt("q", "openai", "http://127.0.0.1:9/v1"))
	const body = `{"provider_id":"p","upstream_model":"vendor/m:1","enabled":true,"credential_scope":"vip","capability_overrides":{"rejects_sampling":true},"price":{"input_per_mtok":1.5,"output_per_mtok":6}}`
	made := s.admin(t, 201, "POST", "/llm/models/managed", body)
	require.Equal(t, "store", made.Get("source").Str)
	for _, field := range []string{"provider_id", "upstream_model", "enabled", "credential_scope", "capability_overrides", "price"} {
		require.JSONEq(t, gjson.Get(body, field).Raw, made.Get(field).Raw)
	}
	s.admin(t, 409, "POST", "/llm/models/managed", body)
	s.admin(t, 201, "POST", "/llm/models/managed", `{"provider_id":"q","upstream_model":"vendor/m:1"}`)
	require.JSONEq(t, made.Raw, s.admin(t, 200, "GET", managedPath, "").Raw)
	require.Len(t, s.admin(t, 200, "GET", "/llm/models/managed", "").Get("items").Array(), 2)
	require.Equal(t, `["q"]`, s.admin(t, 200, "GET", "/llm/models/managed?provider_id=q", "").Get("items.#.provider_id").Raw)

	require.True(t, s.admin(t, 200, "PUT", managedPath, made.Raw).Get("enabled").Bool())
	put := s.admin(t, 200, "PUT", managedPath, `{"enabled":false}`)
	require.Equal(t, "vendor/m:1", put.Get("upstream_model").Str)
	require.False(t, put.Get("enabled").Bool())
	require.False(t, put.Get("price").Exists())
	require.Equal(t, "upstream_model", s.admin(t, 400, "PUT", managedPath, `{"upstream_model":"other"}`).Get("field").Str)
	require.Equal(t, "provider_id", s.admin(t, 400, "PUT", managedPath, `{"provider_id":"q"}`).Get("field").Str)

	for _, tt := range []struct {
		status     int
		body, text string
	}{
		{400, `{"upstream_model":"x"}`, "provider_id"},
		{400, `{"provider_id":"p"}`, "upstream_model"},
		{400, `{"provider_id":"nobody","upstream_model":"x"}`, "nobody"},
		{400, `{"provider_id":"p","upstream_model":"x","capability_overrides":{"rejects_smapling":true}}`, "rejects_smapling"},
		{400, `{"provider_id":"p","upstream_model":"x","price":{"input_per_mtok":1}}`, "output_per_mtok"},
		{400, `{"provider_id":"p","upstream_model":"x","price":{"input_per_mtok":-1,"output_per_mtok":1}}`, "input_per_mtok"},
		{400, `{"provider_id":"p","upstream_model":"x","enabeld":true}`, "enabled"},
	} {
		require.Contains(t, s.admin(t, tt.status, "POST", "/llm/models/managed", tt.body).Get("error").Str, tt.text)
	}
	s.admin(t, 409, "DELETE", "/llm/providers/p", "")
	require.Equal(t, "p/vendor/m:1", s.admin(t, 200, "DELETE", managedPath, "").Get("id").Str)
	s.admin(t, 404, "GET", managedPath, "")
	s.admin(t, 404, "PUT", managedPath, `{}`)
	s.admin(t, 404, "DELETE", managedPath, "")
	s.admin(t, 404, "GET", "/llm/models/managed/p", "")
	s.admin(t, 200, "DELETE", "/llm/models/managed/q/vendor%2Fm%3A1", "")
	s.admin(t, 200, "DELETE", "/llm/providers/p", "")
}

// The section of a bundle is applied, exported, and applied again without a change.
func TestManagedModelsInBundle(t *testing.T) {
	s := newAdmin(t)
	const text = `
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
managedModels:
- {provider_id: p, upstream_model: "vendor/m:1", enabled: false, capability_overrides: {max_output_tokens: 5, efforts: [low, high]}, price: {input_per_mtok: 0.1, output_per_mtok: 0}}
providers:
- {id: p, provider_type: echo}
`
	post := func(body string) gjson.Result {
		return s.admin(t, 200, "POST", "/bundle", body, "Content-Type", "application/yaml")
	}
	r := post(text)
	require.Equal(t, `["provider","managed_model"]`, r.Get("actions.#.kind").Raw)
	require.Equal(t, "p/vendor/m:1", r.Get("actions.1.id").Str)
	require.EqualValues(t, 2, post(text).Get("counts.skip").Int())
	exported := s.do(t, "GET", s.AdminURL+"/bundle", "").Body
	require.Contains(t, exported, "managedModels:")
	require.Contains(t, exported, "enabled: false", "it is not what it would be without being said")
	require.EqualValues(t, 2, post(exported).Get("counts.skip").Int(), exported)
	require.EqualValues(t, 1, post(strings.Replace(text, "enabled: false", "enabled: true", 1)).Get("counts.update").Int())
	other := newAdmin(t)
	require.EqualValues(t, 2, other.admin(t, 200, "POST", "/bundle", exported, "Content-Type", "application/yaml").Get("counts.create").Int())
}

// What is not enabled is neither listed nor served by a route with a direct provider.
func TestDisabledModel(t *testing.T) {
	up := newUpstream(t)
	s := newAdmin(t)
	s.admin(t, 201, "POST", "/llm/providers", providerAt("oai", "openai", up.URL+"/v1"))
	s.admin(t, 201, "POST", "/llm/providers", providerAt("ant", "anthropic", up.URL))
	for _, r := range [][3]string{{"openai", "/", "oai"}, {"anthropic", "/", "ant"}, {"gemini", "/", "oai"}, {"anthropic", "/translated", "oai"}} {
		s.admin(t, 201, "POST", "/llm/routes", routeTo(strings.ReplaceAll(r[0]+r[1], "/", "-"), r[0], r[1], r[2]))
	}
	s.admin(t, 201, "POST", "/llm/routes", `{"id":"logical","protocol":"openai","match_policy":{"path_prefix":"/logical"},"target_policy":{"model_targets":[{"name":"m","candidates":[{"provider_id":"oai","upstream_model":"gpt-test"}]}]}}`)
	for _, p := range []string{"oai", "ant"} {
		for _, m := range []string{"gpt-test", "claude-test"} {
			s.admin(t, 201, "POST", "/llm/models/managed", fmt.Sprintf(`{"provider_id":%q,"upstream_model":%q,"enabled":false}`, p, m))
		}
	}
	const version = "Anthropic-Version"
	for _, tt := range []struct {
		path, body, kind string
		headers          []string
	}{
		{"/v1/chat/completions", strings.Replace(chatBody, `"m"`, `"gpt-test"`, 1), "error.code", nil},
		{"/v1/responses", `{"model":"gpt-test","input":"hi","stream":true}`, "error.code", nil},
		{"/v1/embeddings", `{"model":"gpt-test","input":"hi"}`, "error.code", nil},
		{"/v1/messages", strings.Replace(messageBody, `"m"`, `"claude-test"`, 1), "error.type", nil},
		{"/translated/v1/messages", strings.Replace(messageBody, `"m"`, `"gpt-test"`, 1), "error.type", nil},
		{"/v1beta/models/gpt-test:generateContent", `{"contents":[{"parts":[{"text":"hi"}]}]}`, "error.status", nil},
		{"/v1/models/gpt-test", "", "error.code", nil},
		{"/v1/models/claude-test", "", "error.type", []string{version, "2023-06-01"}},
		{"/v1beta/models/gpt-test", "", "error.status", nil},
	} {
		method := "POST"
		if tt.body == "" {
			method = "GET"
		}
		got := s.do(t, method, tt.path, tt.body, tt.headers...)
		require.Equal(t, 404, got.Status, "%s: %s", tt.path, got.Body)
		want := map[string]string{"error.code": "model_not_found", "error.type": "not_found_error", "error.status": "NOT_FOUND"}[tt.kind]
		require.Equal(t, want, gjson.Get(got.Body, tt.kind).Str, got.Body)
		s.event(t)
	}
	for _, r := range up.Requests() {
		require.Equal(t, "/v1/models", r.Path, "nobody asks for anything but the list")
	}
	require.Equal(t, []string{"gpt-test-mini", "text-embedding-test"}, s.listedModels(t, "/v1/models"))
	require.Equal(t, []string{"claude-test-mini"}, s.listedModels(t, "/v1/models", version, "2023-06-01"))
	require.NotContains(t, s.listedModels(t, "/translated/v1/models", version, "2023-06-01"), "gpt-test")
	require.NotContains(t, s.listedModels(t, "/v1beta/models"), "gpt-test")

	// Its name in a logical model is the operator's own choice.
	require.Equal(t, 200, s.do(t, "POST", "/logical/v1/chat/completions", chatBody).Status)
	s.event(t)
	// Others are served, and so is it once it is enabled.
	require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", chatBody).Status)
	s.event(t)
	s.admin(t, 200, "PUT", "/llm/models/managed/oai/gpt-test", `{"enabled":true}`)
	require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", strings.Replace(chatBody, `"m"`, `"gpt-test"`, 1)).Status)
	s.event(t)
	require.Contains(t, s.listedModels(t, "/v1/models"), "gpt-test")
}

// What the operator says of a model counts: its price in the event, its capabilities in
// what is sent.
func TestModelOverrides(t *testing.T) {
	up := newUpstream(t)
	s := newAdmin(t)
	s.admin(t, 201, "POST", "/llm/providers", providerAt("oai", "openai_compatible", up.URL+"/v1"))
	s.admin(t, 201, "POST", "/llm/providers", providerAt("ant", "anthropic", up.URL))
	s.admin(t, 201, "POST", "/llm/routes", routeTo("direct", "openai", "/", "oai"))
	s.admin(t, 201, "POST", "/llm/routes", routeTo("translated", "openai", "/translated", "ant"))
	body := `{"model":"m","temperature":0.5,"messages":[{"role":"user","content":"hi"}]}`
	cost := func(path, body string) *float64 {
		got := s.do(t, "POST", path, body)
		require.Equal(t, 200, got.Status, got.Body)
		return s.event(t).LLM.CostUSD
	}
	require.Nil(t, cost("/v1/chat/completions", body), "nobody knows what it costs")
	s.admin(t, 201, "POST", "/llm/models/managed", `{"provider_id":"oai","upstream_model":"m","price":{"input_per_mtok":100000,"output_per_mtok":200000,"cache_read_per_mtok":10000,"cache_write_per_mtok":300000,"per_request":0.5}}`)
	const want = 0.1*llmtest.InputTokens + 0.01*llmtest.CacheReadTokens + 0.3*llmtest.CacheWriteTokens + 0.2*llmtest.OutputTokens + 0.5
	require.InDelta(t, want, *cost("/v1/chat/completions", body), 1e-6)
	require.InDelta(t, want, *cost("/v1/chat/completions", strings.Replace(body, "{", `{"stream":true,`, 1)), 1e-6)
	require.Nil(t, cost("/v1/chat/completions", strings.Replace(body, `"m"`, `"n"`, 1)))

	require.Nil(t, cost("/translated/v1/chat/completions", body))
	require.Equal(t, 0.5, gjson.GetBytes(up.Last().Body, "temperature").Num)
	s.admin(t, 201, "POST", "/llm/models/managed", `{"provider_id":"ant","upstream_model":"m","capability_overrides":{"rejects_sampling":true,"max_output_tokens":77},"price":{"input_per_mtok":0,"output_per_mtok":0}}`)
	free := cost("/translated/v1/chat/completions", body)
	require.NotNil(t, free)
	require.Zero(t, *free)
	require.False(t, gjson.GetBytes(up.Last().Body, "temperature").Exists(), string(up.Last().Body))
	require.EqualValues(t, 77, gjson.GetBytes(up.Last().Body, "max_tokens").Int())
	got := s.do(t, "POST", "/translated/v1/chat/completions", body)
	require.Equal(t, "temperature", got.Header.Get("X-Agw-Dropped"))
	require.Contains(t, s.event(t).LLM.Dropped, "temperature")
	// In its own protocol a request is the caller's business.
	require.NotNil(t, cost("/v1/chat/completions", body))
	require.Equal(t, 0.5, gjson.GetBytes(up.Last().Body, "temperature").Num)
}

// A provider is asked for its models, and what it said is remembered, also when it does
// not say it again, and over a restart.
func TestDiscovery(t *testing.T) {
	up := newUpstream(t)
	file := filepath.Join(t.TempDir(), "store.db")
	start := func(t *testing.T) *stack {
		store, err := sqlite.Open(t.Context(), file)
		require.NoError(t, err)
		t.Cleanup(func() { _ = store.Close() })
		return newAdmin(t, gateway.WithStore(store), gateway.WithMasterKey([]byte(strings.Repeat("k", 32))))
	}
	const discovered, refresh = "/llm/models/providers/p/discovered", "/llm/models/providers/p/refresh"
	ids := func(r gjson.Result) string { return r.Get("items.#.upstream_model").Raw }
	t.Run("first", func(t *testing.T) {
		s := start(t)
		s.admin(t, 404, "GET", discovered, "")
		s.admin(t, 404, "POST", refresh, "")
		s.admin(t, 201, "POST", "/llm/providers", providerAt("p", "openai", up.URL+"/v1"))
		s.admin(t, 201, "POST", "/llm/routes", routeTo("r", "anthropic", "/", "p"))
		require.Equal(t, `[]`, s.admin(t, 200, "GET", discovered, "").Get("items").Raw)

		got := s.admin(t, 200, "POST", refresh, "")
		require.Equal(t, "p", got.Get("provider_id").Str)
		require.Equal(t, `["gpt-test","gpt-test-mini","text-embedding-test"]`, ids(got))
		first := got.Get("items.0")
		for field, want := range map[string]string{"provider_id": "p", "provider_type": "openai", "status": "ok", "last_error": ""} {
			require.Equal(t, want, first.Get(field).String())
		}
		for _, field := range []string{"display_name", "description", "capabilities", "fetched_at"} {
			require.True(t, first.Get(field).Exists(), field)
		}
		require.Equal(t, "Bearer "+upstreamKey, up.Last().Header.Get("Authorization"))
		require.JSONEq(t, got.Get("items").Raw, s.admin(t, 200, "GET", discovered, "").Get("items").Raw)
		require.Equal(t, []string{"gpt-test", "gpt-test-mini", "text-embedding-test"}, s.listedModels(t, "/v1/models", "Anthropic-Version", "2023-06-01"))

		for _, fault := range []llmtest.Fault{{Status: 503, Message: "not now " + upstreamKey}, {Break: llmtest.MidEvent}, {Body: llmtest.BodyHTML, Status: 200}, {Status: 401}} {
			up.Enqueue(fault)
			failed := s.admin(t, 502, "POST", refresh, "").Get("error").Str
			require.NotContains(t, failed, upstreamKey)
			kept := s.admin(t, 200, "GET", discovered, "")
			require.Equal(t, ids(got), ids(kept))
			require.Equal(t, `["error","error","error"]`, kept.Get("items.#.status").Raw)
			require.NotEmpty(t, kept.Get("items.0.last_error").Str)
			require.Equal(t, first.Get("fetched_at").Str, kept.Get("items.0.fetched_at").Str, "that of the last list")
		}
		require.Equal(t, 200, s.do(t, "GET", "/v1/models/gpt-test", "", "Anthropic-Version", "2023-06-01").Status)
		s.event(t)
	})
	t.Run("after a restart", func(t *testing.T) {
		s := start(t)
		before := up.Count()
		kept := s.admin(t, 200, "GET", discovered, "")
		require.Equal(t, `["gpt-test","gpt-test-mini","text-embedding-test"]`, ids(kept))
		require.Equal(t, "error", kept.Get("items.0.status").Str)
		require.Equal(t, before, up.Count())
		require.Equal(t, `["ok","ok","ok"]`, s.admin(t, 200, "POST", refresh, "").Get("items.#.status").Raw)
	})
}

// Many ask at once, while others are served, and a provider that lists nothing says so.
func TestDiscoveryAtOnce(t *testing.T) {
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"object":"list","data":[]}`))
	}))
	t.Cleanup(empty.Close)
	up := newUpstream(t)
	s := newAdmin(t)
	s.admin(t, 201, "POST", "/llm/providers", providerAt("p", "openai", up.URL+"/v1"))
	s.admin(t, 201, "POST", "/llm/providers", providerAt("none", "openai_compatible", empty.URL+"/v1"))
	s.admin(t, 201, "POST", "/llm/providers", `{"id":"e","provider_type":"echo"}`)
	s.admin(t, 201, "POST", "/credentials", `{"id":"c","provider_id":"p","attributes":{"api_key":"sk-c"}}`)
	require.Equal(t, `[]`, s.admin(t, 200, "POST", "/llm/models/providers/none/refresh", "").Get("items").Raw)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			method, path := "POST", "/llm/models/providers/p/refresh"
			if i%2 == 0 {
				method, path = "GET", "/credentials/c"
			}
			req, _ := http.NewRequestWithContext(t.Context(), method, s.AdminURL+path, nil)
			resp, err := s.client.Do(req)
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("%s %s: %v", method, path, err)
				return
			}
			if got := read(resp); !json.Valid([]byte(got.Body)) {
				t.Error(got.Body)
			}
		})
	}
	wg.Wait()
}
