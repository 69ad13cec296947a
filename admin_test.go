package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

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

func TestAdminCRUD(t *testing.T) {
	s := newAdmin(t)
	for _, k := range adminKinds {
		require.Equal(t, `{"items":[]}`, strings.TrimSpace(s.admin(t, 200, "GET", k.path, "").Raw))
		s.admin(t, 404, "GET", k.path+"/"+k.id, "")
	}
	for _, k := range adminKinds {
		begun := time.Now().Add(-time.Second)
		made := s.admin(t, 201, "POST", k.path, k.json)
		require.Equal(t, k.id, made.Get("id").Str)
		require.Equal(t, "store", made.Get("source").Str)
		require.False(t, made.Get("read_only").Bool())
		require.True(t, made.Get("read_only").Exists())
		require.WithinRange(t, made.Get("created_at").Time(), begun, time.Now())
		require.Equal(t, made.Get("created_at").Str, made.Get("updated_at").Str)

		one := s.admin(t, 200, "GET", k.path+"/"+k.id, "")
		require.JSONEq(t, made.Raw, one.Raw)
		list := s.admin(t, 200, "GET", k.path, "").Get("items")
		require.Len(t, list.Array(), 1)
		if k.secret != "" {
			require.Equal(t, configstore.Mask, list.Get("0."+k.secret).Str, "lists never show a secret")
			want := configstore.Mask
			if k.shown {
				want = gjson.Get(k.json, k.secret).Str
			}
			require.Equal(t, want, one.Get(k.secret).Str)
		}

		conflict := s.admin(t, 409, "POST", k.path, k.json)
		require.Contains(t, conflict.Get("error").Str, k.id+" exists already")
		require.Equal(t, "id", conflict.Get("field").Str)

		// What was got can be put back as it is, and edited.
		same := s.admin(t, 200, "PUT", k.path+"/"+k.id, one.Raw)
		require.JSONEq(t, one.Raw, same.Raw, "nothing has changed, not even the time")
		if k.edit != "" {
			edited, err := sjson.Set(one.Raw, k.edit, "edited")
			require.NoError(t, err)
			after := s.admin(t, 200, "PUT", k.path+"/"+k.id, edited)
			require.Equal(t, "edited", after.Get(k.edit).Str)
			require.Equal(t, one.Get("created_at").Str, after.Get("created_at").Str)
			require.False(t, after.Get("updated_at").Time().Before(one.Get("updated_at").Time()))
			if k.shown {
				require.Equal(t, one.Get(k.secret).Str, after.Get(k.secret).Str)
			}
		}

		require.True(t, s.admin(t, 200, "POST", k.path+"/"+k.id+"/disable", "").Get("disabled").Bool())
		require.True(t, s.admin(t, 200, "GET", k.path+"/"+k.id, "").Get("disabled").Bool())
		require.False(t, s.admin(t, 200, "POST", k.path+"/"+k.id+"/enable", "").Get("disabled").Bool())
		s.admin(t, 404, "POST", k.path+"/nothing/enable", "")

		mismatch := s.admin(t, 400, "PUT", k.path+"/"+k.id, strings.Replace(k.json, `"id":"`+k.id+`"`, `"id":"other"`, 1))
		require.Equal(t, "id", mismatch.Get("field").Str)
		require.Contains(t, s.admin(t, 404, "PUT", k.path+"/nothing", strings.Replace(k.json, `"id":"`+k.id+`"`, `"id":"nothing"`, 1)).Get("error").Str, `"nothing"`)
		s.admin(t, 200, "PUT", k.path+"/"+k.id, strings.Replace(k.json, `"id":"`+k.id+`",`, "", 1))
		require.Contains(t, s.admin(t, 404, "DELETE", k.path+"/nothing", "").Get("error").Str, `"nothing"`)
		s.admin(t, 405, "PATCH", k.path+"/"+k.id, "{}")
	}
	for i := len(adminKinds) - 1; i >= 0; i-- {
		k := adminKinds[i]
		require.JSONEq(t, `{"status":"deleted","id":"`+k.id+`"}`, s.admin(t, 200, "DELETE", k.path+"/"+k.id, "").Raw)
		s.admin(t, 404, "GET", k.path+"/"+k.id, "")
	}
}

// A reference keeps what it names, and nothing may name what is not there.
func TestAdminReferences(t *testing.T) {
	s := newAdmin(t)
	dangling := s.admin(t, 400, "POST", "/llm/routes", routeJSON)
	require.Equal(t, "target_policy.provider_target.provider_id", dangling.Get("field").Str)
	require.Contains(t, dangling.Get("error").Str, `provider "p"`)
	createAll(t, s)
	inUse := s.admin(t, 409, "DELETE", "/llm/providers/p", "")
	require.Contains(t, inUse.Get("error").Str, "llm_route r")
	require.Contains(t, inUse.Get("error").Str, "credential c")
	require.NotEmpty(t, inUse.Get("field").Str)
	inUse = s.admin(t, 409, "DELETE", "/llm/routes/r", "")
	require.Contains(t, inUse.Get("error").Str, "virtual_key k")
	require.Equal(t, "allowed_route_ids[0]", inUse.Get("field").Str)

	ambiguous := s.admin(t, 409, "POST", "/llm/routes", strings.Replace(routeJSON, `"id":"r"`, `"id":"r2"`, 1))
	require.Contains(t, ambiguous.Get("error").Str, `"r"`)
	require.Equal(t, "match_policy", ambiguous.Get("field").Str)
	twice := s.admin(t, 409, "POST", "/virtual_keys", strings.Replace(keyJSON, `"id":"k"`, `"id":"k2"`, 1))
	require.Equal(t, "key", twice.Get("field").Str)
	require.NotContains(t, twice.Raw, "vk-secret-3")
	for name, r := range map[string]string{
		"method":   strings.Replace(routeJSON, `["post"]`, `["GET"]`, 1),
		"host":     strings.Replace(routeJSON, `"path_prefix"`, `"host":"a.example","path_prefix"`, 1),
		"wildcard": strings.Replace(routeJSON, `"path_prefix"`, `"host":"*.example","path_prefix"`, 1),
		"prefix":   strings.Replace(routeJSON, `"/r/"`, `"/r/r"`, 1),
	} {
		s.admin(t, 201, "POST", "/llm/routes", strings.Replace(r, `"id":"r"`, `"id":"`+name+`"`, 1))
	}
	s.admin(t, 409, "POST", "/llm/routes", strings.Replace(strings.Replace(routeJSON, `["post"]`, `[]`, 1), `"id":"r"`, `"id":"all-methods"`, 1))
	wrong := s.admin(t, 400, "POST", "/llm/routes", `{"id":"w","protocol":"anthropic","match_policy":{"path_prefix":"/"},"target_policy":{"provider_target":{"provider_id":"p"}}}`)
	require.Contains(t, wrong.Get("error").Str, "does not speak")
}

// Absent and masked secrets keep what is stored; "" clears it.
func TestAdminSecrets(t *testing.T) {
	up := newUpstream(t)
	s := newAdmin(t)
	provider := func(fields string) string {
		return `{"id":"p","provider_type":"openai","base_url":"` + up.URL + `/v1"` + fields + `}`
	}
	route := `{"id":"r","protocol":"openai","match_policy":{"path_prefix":"/"},"target_policy":{"provider_target":{"provider_id":"p"}}}`
	s.admin(t, 201, "POST", "/llm/providers", provider(`,"api_key":"`+upstreamKey+`"`))
	s.admin(t, 201, "POST", "/llm/routes", route)
	upstreamSees := func() string {
		up.Reset()
		up.Enqueue() // nothing
		s.do(t, "POST", "/v1/chat/completions", chatBody)
		s.event(t)
		return up.Last().Header.Get("Authorization")
	}
	for _, fields := range []string{"", `,"api_key":"` + configstore.Mask + `"`, `,"default_model":"m"`} {
		got := s.admin(t, 200, "PUT", "/llm/providers/p", provider(fields))
		require.Equal(t, configstore.Mask, got.Get("api_key").Str)
		require.Equal(t, "Bearer "+upstreamKey, upstreamSees())
	}
	cleared := s.admin(t, 200, "PUT", "/llm/providers/p", provider(`,"api_key":""`))
	require.Empty(t, cleared.Get("api_key").Str)
	require.Empty(t, upstreamSees())
	masked := s.admin(t, 400, "PUT", "/llm/providers/p", provider(`,"api_key":"`+configstore.Mask+`"`))
	require.Equal(t, "api_key", masked.Get("field").Str)
	masked = s.admin(t, 400, "POST", "/credentials", `{"id":"c","provider_id":"p","attributes":{"api_key":"********"}}`)
	require.Equal(t, "attributes.api_key", masked.Get("field").Str)
	masked = s.admin(t, 400, "PUT", "/llm/providers/p", provider(`,"network":{"extra_headers":{"X-New":"********"}}`))
	require.Contains(t, masked.Get("field").Str, "X-New")
	s.admin(t, 404, "GET", "/credentials/c", "")

	// A key is made when none is given, can be read back, and is not lost.
	made := s.admin(t, 201, "POST", "/virtual_keys", `{"id":"k","allowed_route_ids":["*"]}`)
	key := made.Get("key").Str
	require.Regexp(t, `^vk-[A-Za-z0-9_-]{43}$`, key)
	require.Equal(t, key, s.VirtualKey("k"))
	require.Empty(t, s.VirtualKey("nothing"))
	require.Equal(t, key, s.admin(t, 200, "PUT", "/virtual_keys/k", `{"allowed_route_ids":["*"],"tag":"t"}`).Get("key").Str)
	require.Equal(t, "key", s.admin(t, 400, "PUT", "/virtual_keys/k", `{"key":""}`).Get("field").Str)

	// Rotation ends the old key at once.
	s.admin(t, 200, "PUT", "/llm/routes/r", strings.Replace(route, `"match_policy"`, `"auth_policy":{"require_virtual_key":true},"match_policy"`, 1))
	s.admin(t, 200, "PUT", "/llm/providers/p", provider(`,"api_key":"`+upstreamKey+`"`))
	require.Equal(t, 200, s.do(t, "GET", "/v1/models", "", "X-Api-Key", key).Status)
	rotated := s.admin(t, 200, "POST", "/virtual_keys/k/rotate", "").Get("key").Str
	require.NotEqual(t, key, rotated)
	require.Equal(t, 401, s.do(t, "GET", "/v1/models", "", "X-Api-Key", key).Status)
	require.Equal(t, 200, s.do(t, "GET", "/v1/models", "", "X-Api-Key", rotated).Status)
	s.admin(t, 404, "POST", "/virtual_keys/nothing/rotate", "")
	require.Equal(t, 403, func() int {
		s.admin(t, 200, "POST", "/virtual_keys/k/disable", "")
		return s.do(t, "GET", "/v1/models", "", "X-Api-Key", rotated).Status
	}())
	for range 4 {
		s.event(t)
	}
	require.NotContains(t, s.log.String(), key)
	require.NotContains(t, s.log.String(), rotated)
}

// What is wrong with a body is named, with what was probably meant.
func TestAdminBadBodies(t *testing.T) {
	s := newAdmin(t)
	createAll(t, s)
	tests := []struct{ path, body, field, says string }{
		{"/llm/providers", `{"id":"x","provider_typ":"openai"}`, "provider_typ", "provider_type"},
		{"/llm/providers", `{"id":"x","provider_type":"openai","API_KEY":"s"}`, "API_KEY", "api_key"},
		{"/llm/providers", `{"id":"x","provider_type":"openai","network":{"max_retry":1}}`, "network.max_retry", "max_retries"},
		{"/llm/providers", `{"id":"x","provider_type":"nope"}`, "provider_type", "openai_compatible"},
		{"/llm/providers", `{"id":"x","provider_type":"custom"}`, "provider_type", "custom"},
		{"/llm/providers", `{"id":"x"}`, "provider_type", "required"},
		{"/llm/providers", `{"provider_type":"openai"}`, "id", "required"},
		{"/llm/providers", `{"id":"a/b","provider_type":"openai"}`, "id", "a/b"},
		{"/llm/providers", `{"id":"..","provider_type":"openai"}`, "id", ".."},
		{"/llm/providers", `{"id":"x","provider_type":"openai","base_url":"ftp://x"}`, "base_url", "http"},
		{"/llm/providers", `{"id":"x","provider_type":"openai","base_url":"http://u:sekret@x"}`, "base_url", "user name"},
		{"/llm/providers", `{"id":"x","provider_type":"openai","network":{"max_retries":-1}}`, "network.max_retries", "negative"},
		{"/llm/providers", `{"id":"x","provider_type":"openai","network":{"max_retries":1.5}}`, "network.max_retries", ""},
		{"/llm/providers", `{"id":"x","provider_type":"openai","network":{"extra_headers":{"Host":"h"}}}`, "network.extra_headers.Host", "gateway"},
		{"/llm/providers", `{"id":"x","provider_type":"openai_compatible"}`, "", "base_url"},
		{"/llm/providers", `{"id":7,"provider_type":"openai"}`, "id", ""},
		{"/llm/providers", `{"id":"x","id":"y","provider_type":"openai"}`, "", "id"},
		{"/llm/providers", `[]`, "", ""},
		{"/llm/providers", `{"id":"x"`, "", "JSON"},
		{"/llm/providers", ``, "", ""},
		{"/llm/routes", strings.Replace(routeJSON, `"openai"`, `"gemin"`, 1), "protocol", "openai"},
		{"/llm/routes", strings.Replace(routeJSON, `"/r/"`, `"r"`, 1), "match_policy.path_prefix", "/"},
		{"/llm/routes", strings.Replace(routeJSON, `"/r/"`, `"/a/../b"`, 1), "match_policy.path_prefix", ".."},
		{"/llm/routes", strings.Replace(routeJSON, `"post"`, `"fetch"`, 1), "match_policy.methods[0]", "FETCH"},
		{"/llm/routes", strings.Replace(routeJSON, `"type":"direct-provider",`, `"model_targets":[],`, 1), "target_policy.model_targets", ""},
		{"/credentials", `{"id":"x"}`, "provider_id", "provider_type"},
		{"/credentials", `{"id":"x","provider_id":"p","scope":"id:q"}`, "scope", "id:p"},
		{"/credentials", `{"id":"x","provider_id":"p","attributes":{"priority":"high"}}`, "attributes.priority", "high"},
		{"/virtual_keys", `{"id":"x","key":"short"}`, "key", "short"},
		{"/virtual_keys", `{"id":"x","key":"has a space in it"}`, "key", ""},
		{"/virtual_keys", `{"id":"x","expires_at":"tomorrow"}`, "expires_at", ""},
		{"/virtual_keys", `{"id":"x","allowed_route_ids":["nope"]}`, "allowed_route_ids[0]", "nope"},
		{"/virtual_keys", `{"id":"x","budget":{"usd":1}}`, "budget", ""},
	}
	for _, tt := range tests {
		got := s.admin(t, 400, "POST", tt.path, tt.body)
		require.Equal(t, tt.field, got.Get("field").Str, "%s: %s", tt.body, got.Raw)
		require.Contains(t, got.Get("error").Str, tt.says, tt.body)
		require.NotContains(t, got.Raw, "sekret")
	}
	s.admin(t, 413, "POST", "/llm/providers", `{"id":"`+strings.Repeat("x", 1<<20)+`"}`)
	s.admin(t, 404, "GET", "/llm/providers/x", "")
	s.admin(t, 404, "GET", "/llm/nothing", "")
	// What the server says of an object is taken back without a word.
	s.admin(t, 201, "POST", "/llm/providers", `{"id":"x","provider_type":"echo","source":"static","read_only":true,"created_at":"2001-01-01T00:00:00Z","updated_at":"x"}`)
	require.Equal(t, "store", s.admin(t, 200, "GET", "/llm/providers/x", "").Get("source").Str)
}

func TestAdminLists(t *testing.T) {
	s := newAdmin(t)
	createAll(t, s)
	s.admin(t, 201, "POST", "/llm/providers", `{"id":"b","provider_type":"anthropic"}`)
	s.admin(t, 201, "POST", "/llm/providers", `{"id":"a","provider_type":"openai"}`)
	s.admin(t, 201, "POST", "/virtual_keys", `{"id":"k0","tag":"u&v"}`)
	for path, want := range map[string]string{
		"/llm/providers":                                     "a b p",
		"/llm/providers?provider_type=openai":                "a p",
		"/llm/providers?provider_type=none":                  "",
		"/credentials?provider_id=p":                         "c",
		"/credentials?provider_id=q":                         "",
		"/credentials?type=api_key&provider_id=p":            "c",
		"/virtual_keys?tag=t":                                "k",
		"/virtual_keys?tag=" + url.QueryEscape("u&v"):        "k0",
		"/virtual_keys?tag=":                                 "",
		"/llm/routes":                                        "r",
		"/llm/providers?provider_type=openai&provider_type=": "a p",
	} {
		var ids []string
		for _, id := range s.admin(t, 200, "GET", path, "").Get("items.#.id").Array() {
			ids = append(ids, id.Str)
		}
		require.Equal(t, want, strings.Join(ids, " "), path)
	}
	for _, path := range []string{"/llm/providers?tag=t", "/llm/routes?protocol=openai", "/virtual_keys?Tag=t"} {
		got := s.admin(t, 400, "GET", path, "")
		require.NotEmpty(t, got.Get("field").Str)
	}
}

// Ids are one segment of a path, escaped or not.
func TestAdminIDs(t *testing.T) {
	s := newAdmin(t)
	for _, id := range []string{"mcp:main", "ü", "a+b", "a@b", "a&b=c", "-", "...", "日本", "a;b", "a'b\"c", "{x}"} {
		quoted, err := json.Marshal(id)
		require.NoError(t, err)
		made := s.admin(t, 201, "POST", "/llm/providers", `{"id":`+string(quoted)+`,"provider_type":"echo"}`)
		require.Equal(t, id, made.Get("id").Str)
		every := ""
		for _, b := range []byte(id) {
			every += fmt.Sprintf("%%%02x", b)
		}
		for _, escaped := range []string{url.PathEscape(id), every} {
			require.Equal(t, id, s.admin(t, 200, "GET", "/llm/providers/"+escaped, "").Get("id").Str, escaped)
			require.True(t, s.admin(t, 200, "POST", "/llm/providers/"+escaped+"/disable", "").Get("disabled").Bool())
			s.admin(t, 200, "PUT", "/llm/providers/"+escaped, `{"id":`+string(quoted)+`,"provider_type":"echo"}`)
		}
		s.admin(t, 200, "DELETE", "/llm/providers/"+every, "")
	}
	require.Contains(t, s.admin(t, 404, "GET", "/llm/providers/a%2Fb", "").Get("error").Str, `"a/b"`)
}

// Static objects are shown among the others, and cannot be changed.
func TestAdminStatic(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, withKeys(up))
	for path, id := range map[string]string{"/llm/providers": "oai", "/llm/routes": "o", "/virtual_keys": "all"} {
		one := s.admin(t, 200, "GET", path+"/"+id, "")
		require.Equal(t, "static", one.Get("source").Str)
		require.True(t, one.Get("read_only").Bool())
		for _, c := range [][2]string{{"PUT", ""}, {"DELETE", ""}, {"POST", "/disable"}, {"POST", "/enable"}} {
			body := ""
			if c[0] == "PUT" {
				body = one.Raw
			}
			got := s.admin(t, 409, c[0], path+"/"+id+c[1], body)
			require.Contains(t, got.Get("error").Str, id)
			require.Contains(t, got.Get("error").Str, "read-only")
		}
		require.Contains(t, s.admin(t, 409, "POST", path, strings.ReplaceAll(one.Raw, configstore.Mask, "sk-given")).Get("error").Str, "read-only")
	}
	s.admin(t, 409, "POST", "/virtual_keys/all/rotate", "")
	// Stored objects may name static ones.
	s.admin(t, 201, "POST", "/llm/routes", `{"id":"mine","protocol":"openai","match_policy":{"path_prefix":"/mine"},"target_policy":{"provider_target":{"provider_id":"oai"}}}`)
	require.Equal(t, 200, s.do(t, "POST", "/mine/v1/chat/completions", chatBody).Status)
	s.event(t)
	require.Equal(t, "store", s.admin(t, 200, "GET", "/llm/routes/mine", "").Get("source").Str)
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
		for path, methods := range map[string][]string{base: {"get", "post"}, base + "/{id}": {"get", "put", "delete"}, base + "/{id}/enable": {"post"}, base + "/{id}/disable": {"post"}} {
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
	require.Equal(t, map[string]bool{"openai": true, "echo": true, "anthropic": false, "openai_compatible": false, "openrouter": false, "deepseek": false, "zhipu": false}, enabled)
	require.Contains(t, s.admin(t, 400, "POST", "/llm/providers", `{"id":"x","provider_type":"anthropic"}`).Get("error").Str, "echo, openai")
	require.JSONEq(t, `{"items":[{"llm_api_handler_type":"openai"},{"llm_api_handler_type":"anthropic"}]}`, s.admin(t, 200, "GET", "/llm/api_handler_types", "").Raw)
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
