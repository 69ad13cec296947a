package gateway_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/configstore"
)

// admin asks the Admin API and checks the status.
func (s *stack) admin(t *testing.T, want int, method, path, body string, headers ...string) gjson.Result {
	t.Helper()
	got := s.do(t, method, s.AdminURL+path, body, headers...)
	require.NoError(t, got.err)
	require.Equal(t, want, got.Status, "%s %s: %s", method, path, got.Body)
	require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
	require.True(t, gjson.Valid(got.Body), got.Body)
	r := gjson.Parse(got.Body)
	if want >= 400 && !strings.HasPrefix(path, "/bundle") {
		require.NotEmpty(t, r.Get("error").Str, got.Body)
	}
	return r
}

func newAdmin(t *testing.T, opts ...gateway.Option) *stack {
	t.Helper()
	return newStack(t, func(gw *gateway.Gateway) http.Handler { return gw }, opts...)
}

// What the tests of the Admin API begin with.
const (
	providerJSON   = `{"id":"p","provider_type":"openai","api_key":"sk-secret-1","base_url":"http://127.0.0.1:9/v1","network":{"max_retries":1,"extra_headers":{"X-A":"secret-a"}}}`
	credentialJSON = `{"id":"c","provider_id":"p","label":"l","attributes":{"api_key":"sk-secret-2","priority":"3"},"metadata":{"k":"v"}}`
	routeJSON      = `{"id":"r","protocol":"openai","match_policy":{"path_prefix":"/r/","methods":["post"]},"auth_policy":{"require_virtual_key":true},"target_policy":{"type":"direct-provider","provider_target":{"provider_id":"p"}}}`
	keyJSON        = `{"id":"k","key":"vk-secret-3-0123456789","tag":"t","allowed_route_ids":["r"],"allowed_models":["m"],"expires_at":"2030-01-02T03:04:05+02:00"}`
)

var adminKinds = []struct {
	path, id, json string
	secret         string // the path of a secret
	shown          bool   // which a single object shows
	edit           string // a path that is set to "edited"
}{
	{"/llm/providers", "p", providerJSON, "api_key", false, "default_model"},
	{"/credentials", "c", credentialJSON, "attributes.api_key", false, "label"},
	{"/llm/routes", "r", routeJSON, "", false, ""},
	{"/virtual_keys", "k", keyJSON, "key", true, "tag"},
}

// createAll makes one object of each kind.
func createAll(t *testing.T, s *stack) {
	t.Helper()
	for _, k := range adminKinds {
		s.admin(t, 201, "POST", k.path, k.json)
	}
}

// An Admin API that nobody has said who may use is closed.
func TestAdminIsClosed(t *testing.T) {
	gw, err := gateway.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gw.Shutdown(t.Context())) })
	srv := httptest.NewServer(gw.Admin())
	t.Cleanup(srv.Close)
	s := &stack{AdminURL: srv.URL + "/admin", client: srv.Client()}
	for _, path := range []string{"/llm/providers", "/virtual_keys", "/bundle", "/health", "/openapi.json"} {
		got := s.do(t, "GET", s.AdminURL+path, "")
		require.Equal(t, 403, got.Status)
		require.Contains(t, got.Body, "WithAdminAuth")
	}

	auth := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, pass, ok := r.BasicAuth(); !ok || user != "admin" || pass != "pw" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	open, err := gateway.New(gateway.WithAdminAuth(auth))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, open.Shutdown(t.Context())) })
	guarded := httptest.NewServer(open.Admin())
	t.Cleanup(guarded.Close)
	s = &stack{AdminURL: guarded.URL + "/admin", client: guarded.Client()}
	require.Equal(t, 401, s.do(t, "GET", s.AdminURL+"/llm/providers", "").Status)
	require.Equal(t, 200, s.do(t, "GET", s.AdminURL+"/llm/providers", "", "Authorization", "Basic YWRtaW46cHc=").Status)
}

// Pages of other sites, and names that DNS was made to point here, stay out.
func TestAdminGuard(t *testing.T) {
	s := newAdmin(t, gateway.WithAdminOrigins("https://admin.example.org"))
	own := host(s.AdminURL)
	tests := []struct {
		name, method string
		headers      []string
		status       int
	}{
		{"curl", "GET", nil, 200},
		{"localhost", "GET", []string{"Host", "localhost:8019"}, 200},
		{"IPv6", "GET", []string{"Host", "[::1]:8019"}, 200},
		{"rebound name", "GET", []string{"Host", "evil.example"}, 403},
		{"a name that begins like one", "GET", []string{"Host", "localhost.evil.example"}, 403},
		{"the operator's name", "GET", []string{"Host", "admin.example.org"}, 200},
		{"own origin", "GET", []string{"Origin", "http://" + own}, 200},
		{"allowed origin", "GET", []string{"Origin", "https://admin.example.org"}, 200},
		{"allowed origin, other scheme", "GET", []string{"Origin", "http://admin.example.org"}, 403},
		{"foreign origin", "GET", []string{"Origin", "https://evil.example"}, 403},
		{"null origin", "GET", []string{"Origin", "null"}, 403},
		{"another port", "GET", []string{"Origin", "http://127.0.0.1:1"}, 403},
		{"form of another site", "POST", []string{"Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"}, 403},
		{"preflight", "OPTIONS", []string{"Origin", "https://admin.example.org"}, 204},
		{"foreign preflight", "OPTIONS", []string{"Origin", "https://evil.example"}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := ""
			if tt.method == "POST" {
				body = providerJSON
			}
			got := s.do(t, tt.method, s.AdminURL+"/llm/providers", body, tt.headers...)
			require.Equal(t, tt.status, got.Status, got.Body)
			allowed := got.Header.Get("Access-Control-Allow-Origin")
			if tt.name == "allowed origin" || tt.name == "preflight" {
				require.Equal(t, "https://admin.example.org", allowed)
				require.Contains(t, got.Header.Get("Vary"), "Origin")
			} else {
				require.Empty(t, allowed)
			}
		})
	}
	s.admin(t, 404, "GET", "/llm/providers/p", "")
}

// The documents tell of every kind.
func TestAdminDocuments(t *testing.T) {
	s := newAdmin(t, gateway.WithProviderTypes("openai", "echo"))
	api := s.admin200(t, "/openapi.json")
	schema := s.admin200(t, "/schema/bundle.json")
	require.Regexp(t, `^3\.1`, api.Get("openapi").Str)
	for _, k := range configstore.Kinds {
		base := "/admin/" + k.Path
		item := base + "/{" + strings.Join(k.Fields(), "}/{") + "}"
		paths := map[string][]string{base: {"get", "post"}, item: {"get", "put", "delete"}}
		if configstore.SetDisabled(k.New(), true) {
			paths[item+"/enable"], paths[item+"/disable"] = []string{"post"}, []string{"post"}
		}
		for path, methods := range paths {
			for _, m := range methods {
				require.True(t, api.Get("paths").Map()[path].Get(m).Exists(), "%s %s", m, path)
			}
		}
		require.True(t, api.Get("components.schemas."+k.Name).Exists(), k.Name)
		require.Contains(t, schema.Raw, `"`+k.Section+`"`)
	}
	// Every reference in the document leads somewhere.
	var refs func(v gjson.Result)
	refs = func(v gjson.Result) {
		v.ForEach(func(key, v gjson.Result) bool {
			if key.Str == "$ref" && strings.HasPrefix(v.Str, "#/components/") {
				require.True(t, api.Get(strings.ReplaceAll(strings.TrimPrefix(v.Str, "#/"), "/", ".")).Exists(), v.Str)
			}
			if v.IsObject() || v.IsArray() {
				refs(v)
			}
			return true
		})
	}
	refs(api)

	enabled := map[string]bool{}
	for _, item := range s.admin(t, 200, "GET", "/llm/provider_types", "").Get("items").Array() {
		enabled[item.Get("provider_type").Str] = item.Get("enabled").Bool()
	}
	for name, on := range map[string]bool{"openai": true, "echo": true, "anthropic": false, "openai_compatible": false, "openrouter": false, "deepseek": false, "zhipu": false, "gemini": false} {
		got, known := enabled[name]
		require.True(t, known, name)
		require.Equal(t, on, got, name)
	}
	require.Contains(t, s.admin(t, 400, "POST", "/llm/providers", `{"id":"x","provider_type":"anthropic"}`).Get("error").Str, "echo, openai")
	require.JSONEq(t, `{"items":[{"llm_api_handler_type":"openai"},{"llm_api_handler_type":"anthropic"},{"llm_api_handler_type":"cc"},{"llm_api_handler_type":"gemini"}]}`, s.admin(t, 200, "GET", "/llm/api_handler_types", "").Raw)
	require.Equal(t, "ok", s.admin(t, 200, "GET", "/health", "").Get("status").Str)
	require.Equal(t, "ready", s.admin(t, 200, "GET", "/ready", "").Get("status").Str)
}

func (s *stack) admin200(t *testing.T, path string) gjson.Result {
	t.Helper()
	got := s.do(t, "GET", s.AdminURL+path, "")
	require.Equal(t, 200, got.Status, got.Body)
	require.True(t, gjson.Valid(got.Body))
	return gjson.Parse(got.Body)
}

// Many may write at once; nobody's write is lost.
func TestAdminConcurrentWrites(t *testing.T) {
	s := newAdmin(t)
	const n = 20
	var wg sync.WaitGroup
	statuses := make([]int, n)
	for i := range n {
		wg.Go(func() {
			resp, err := s.client.Post(s.AdminURL+"/llm/providers", "application/json", strings.NewReader(fmt.Sprintf(`{"id":"p%d","provider_type":"echo"}`, i)))
			if err == nil {
				statuses[i] = resp.StatusCode
				_ = resp.Body.Close()
			}
		})
	}
	wg.Wait()
	for i, status := range statuses {
		require.Equal(t, 201, status, i)
	}
	require.Len(t, s.admin(t, 200, "GET", "/llm/providers", "").Get("items").Array(), n)
}

// Two gateways on one store follow each other, and both may write at once.
func TestAdminTwoGatewaysOneStore(t *testing.T) {
	store := configstore.NewMemory()
	t.Cleanup(func() { _ = store.Close() })
	key := gateway.WithMasterKey([]byte(strings.Repeat("k", 32)))
	a, b := newAdmin(t, gateway.WithStore(store), key), newAdmin(t, gateway.WithStore(store), key)
	const n = 20
	var wg sync.WaitGroup
	statuses := make([]int, n)
	for i := range n {
		s := []*stack{a, b}[i%2]
		wg.Go(func() {
			resp, err := s.client.Post(s.AdminURL+"/llm/providers", "application/json", strings.NewReader(fmt.Sprintf(`{"id":"p%02d","provider_type":"echo"}`, i)))
			if err == nil {
				statuses[i] = resp.StatusCode
				_ = resp.Body.Close()
			}
		})
	}
	wg.Wait()
	for i, status := range statuses {
		require.Equal(t, 201, status, i)
	}
	made := a.admin(t, 201, "POST", "/llm/routes", strings.Replace(routeJSON, `"provider_id":"p"`, `"provider_id":"p00"`, 1))
	require.Equal(t, "r", made.Get("id").Str)
	follows := func(s *stack, ok func() bool) {
		t.Helper()
		require.Eventually(t, ok, patience, time.Millisecond)
	}
	for _, s := range []*stack{a, b} {
		follows(s, func() bool { return s.do(t, "GET", s.AdminURL+"/llm/routes/r", "").Status == 200 })
		require.Len(t, s.admin(t, 200, "GET", "/llm/providers", "").Get("items").Array(), n)
	}
	secret := b.admin(t, 201, "POST", "/virtual_keys", `{"id":"k","allowed_route_ids":["r"]}`).Get("key").Str
	follows(a, func() bool { return a.VirtualKey("k") == secret })
	require.Equal(t, 200, a.do(t, "POST", "/r/v1/chat/completions", chatBody, "X-Api-Key", secret).Status)
	a.event(t)
	// One deletes what the other one's object needs: one of the two loses.
	a.admin(t, 409, "DELETE", "/llm/providers/p00", "")
	b.admin(t, 409, "DELETE", "/llm/providers/p00", "")
}
