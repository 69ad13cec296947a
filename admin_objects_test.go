package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/agent-gateway/agent-gateway/configstore"
)

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
	wrong := s.admin(t, 400, "POST", "/llm/routes", `{"id":"w","protocol":"opera","match_policy":{"path_prefix":"/"},"target_policy":{"provider_target":{"provider_id":"p"}}}`)
	require.Contains(t, wrong.Get("error").Str, "opera")
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
