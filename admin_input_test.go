package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/configstore"
)

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
		{"/llm/providers", `{"id":"x","provider_type":"openai_compatible"}`, "base_url", "required"},
		{"/llm/providers", `{"id":7,"provider_type":"openai"}`, "id", ""},
		{"/llm/providers", `{"id":"x","id":"y","provider_type":"openai"}`, "", "id"},
		{"/llm/providers", `[]`, "", ""},
		{"/llm/providers", `{"id":"x"`, "", "JSON"},
		{"/llm/providers", ``, "", ""},
		{"/llm/routes", strings.Replace(routeJSON, `"openai"`, `"gemin"`, 1), "protocol", "openai"},
		{"/llm/routes", strings.Replace(routeJSON, `"/r/"`, `"r"`, 1), "match_policy.path_prefix", "/"},
		{"/llm/routes", strings.Replace(routeJSON, `"/r/"`, `"/a/../b"`, 1), "match_policy.path_prefix", ".."},
		{"/llm/routes", strings.Replace(routeJSON, `"post"`, `"fetch"`, 1), "match_policy.methods[0]", "FETCH"},
		{"/llm/routes", strings.Replace(routeJSON, `"type":"direct-provider",`, `"model_targets":[{"name":"m","candidates":[]}],`, 1), "target_policy", "both"},
		{"/llm/routes", strings.Replace(routeJSON, `"type":"direct-provider",`, `"type":"logical-model",`, 1), "target_policy.type", "logical-model"},
		{"/credentials", `{"id":"x"}`, "provider_id", "provider_type"},
		{"/credentials", `{"id":"x","provider_id":"p","scope":"id:q"}`, "scope", "id:p"},
		{"/credentials", `{"id":"x","provider_id":"p","attributes":{"priority":"high"}}`, "attributes.priority", "high"},
		{"/virtual_keys", `{"id":"x","key":"short"}`, "key", "short"},
		{"/virtual_keys", `{"id":"x","key":"has a space in it"}`, "key", ""},
		{"/virtual_keys", `{"id":"x","expires_at":"tomorrow"}`, "expires_at", ""},
		{"/virtual_keys", `{"id":"x","allowed_route_ids":["nope"]}`, "allowed_route_ids[0]", "nope"},
		{"/virtual_keys", `{"id":"x","budget":{"usd":1}}`, "budget.period", "hour"},
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
