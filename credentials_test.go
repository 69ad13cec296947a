package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// pool is a bundle with one OpenAI provider without a key of its own, its credentials,
// one flow mapping a line, and a route on / with a target policy's other members.
func pool(up *llmtest.Upstream, policy, more string, credentials ...string) string {
	text := "\napiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\nproviders:\n- {id: p, provider_type: openai, base_url: " + up.URL + "/v1" + more + "}\ncredentials:\n"
	for _, c := range credentials {
		text += "- {" + c + "}\n"
	}
	return text + "llmRoutes:\n- {id: r, protocol: openai, match_policy: {path_prefix: /}, target_policy: {provider_target: {provider_id: p}" + policy + "}}\n"
}

func of(id, rest string) string {
	return "id: " + id + ", provider_id: p, attributes: {api_key: sk-" + id + rest + "}"
}

// used asks n times and returns which credentials the upstream saw, by their ids.
func used(t *testing.T, s *stack, up *llmtest.Upstream, n int) (list []string) {
	t.Helper()
	before := up.Count()
	for range n {
		got := s.do(t, "POST", "/v1/chat/completions", chatBody)
		require.Equal(t, 200, got.Status, got.Body)
		s.event(t)
	}
	for _, r := range up.Requests()[before:] {
		list = append(list, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer sk-"))
	}
	return list
}

func TestCredentialSelectors(t *testing.T) {
	three := []string{of("a", `, priority: "1"`), of("b", `, priority: "5"`), of("c", `, priority: "5"`)}
	for selector, want := range map[string]string{
		"":            "b c b c b c", // turns among those of one priority
		"priority":    "b c b c b c",
		"round_robin": "b c a b c a",
		"least_used":  "b c a b c a",
		"fill_first":  "b b b b b b",
	} {
		up := llmtest.NewUpstream(t)
		policy := ""
		if selector != "" {
			policy = ", credential_selector: " + selector
		}
		s := newGateway(t, pool(up, policy, "", three...))
		require.Equal(t, want, strings.Join(used(t, s, up, 6), " "), selector)
	}

	// fill_first goes to the next when the first has had enough, and comes back.
	up := llmtest.NewUpstream(t)
	clock := new(movable)
	s := newGateway(t, pool(up, ", credential_selector: fill_first", "", three...), gateway.WithClock(clock.now))
	up.Enqueue(llmtest.Fault{Status: 429, RetryAfter: "60"})
	require.Equal(t, "b c c c", strings.Join(used(t, s, up, 3), " "))
	clock.forward(61 * time.Second)
	require.Equal(t, "b b", strings.Join(used(t, s, up, 2), " "))
}

// The route says which kinds of credentials come first.
func TestCredentialOrder(t *testing.T) {
	all := []string{of("own", ""), "id: shared, provider_type: openai, attributes: {api_key: sk-shared, priority: \"9\"}"}
	for policy, want := range map[string]string{
		"": "key", // the provider's own key
		", credential_scope_order: [provider_id, provider_type]":         "key",
		", credential_scope_order: [provider_type, provider_id]":         "shared",
		", credential_type_order: [api_key, cliauth_token]":              "key",
		", credential_scope_order: [provider_type], ":                    "shared",
		", credential_scope_order: [model_custom, provider_id]":          "key",
		", credential_selector: fill_first, credential_scope_order: []":  "key",
		", credential_selector: round_robin, credential_scope_order: []": "key",
	} {
		up := llmtest.NewUpstream(t)
		s := newGateway(t, pool(up, strings.TrimSuffix(policy, ", "), ", api_key: sk-key", all...))
		require.Equal(t, want, used(t, s, up, 1)[0], policy)
	}
}

// How long a credential rests, by what the upstream said.
func TestCredentialCooldown(t *testing.T) {
	for _, tt := range []struct {
		fault llmtest.Fault
		rests time.Duration
	}{
		{llmtest.Fault{Status: 401}, 5 * time.Minute},
		{llmtest.Fault{Status: 402}, 10 * time.Minute},
		{llmtest.Fault{Status: 403}, time.Minute},
		{llmtest.Fault{Status: 429}, 2 * time.Second},
		{llmtest.Fault{Status: 429, RetryAfter: "90"}, 90 * time.Second},
		{llmtest.Fault{Status: 429, Header: http.Header{"Retry-After-Ms": {"1500"}}}, 1500 * time.Millisecond},
		{llmtest.Fault{Status: 429, RetryAfter: "86400"}, time.Hour},
	} {
		up := llmtest.NewUpstream(t)
		clock := new(movable)
		s := newGateway(t, pool(up, ", credential_selector: fill_first", "", of("a", ""), of("b", "")), gateway.WithClock(clock.now))
		up.Enqueue(tt.fault)
		require.Equal(t, "a b b", strings.Join(used(t, s, up, 2), " "), "%+v", tt.fault)
		clock.forward(tt.rests - time.Second)
		require.Equal(t, "b", used(t, s, up, 1)[0], "%+v", tt.fault)
		clock.forward(time.Second)
		require.Equal(t, "a", used(t, s, up, 1)[0], "%+v", tt.fault)
	}
	// What is no fault of the credential rests none.
	up := llmtest.NewUpstream(t)
	s := newGateway(t, pool(up, ", credential_selector: fill_first", "", of("a", ""), of("b", "")))
	for _, status := range []int{400, 404, 500, 503} {
		up.Enqueue(llmtest.Fault{Status: status})
		require.Equal(t, status, s.do(t, "POST", "/v1/chat/completions", chatBody).Status)
		s.event(t)
		require.Equal(t, "a", used(t, s, up, 1)[0])
	}
}

// A key that was revoked leaves the rotation, the Admin API says why, and it comes back
// when it is taken again. All of this is the server's to say.
func TestRevokedCredential(t *testing.T) {
	up := llmtest.NewUpstream(t)
	clock := new(movable)
	s := newAdmin(t, gateway.WithClock(clock.now))
	s.admin(t, 201, "POST", "/llm/providers", `{"id":"p","provider_type":"openai","base_url":"`+up.URL+`/v1"}`)
	for _, id := range []string{"a", "b"} {
		made := s.admin(t, 201, "POST", "/credentials", fmt.Sprintf(`{"id":%q,"provider_id":"p","attributes":{"api_key":"sk-%s"}}`, id, id))
		require.False(t, made.Get("unavailable").Bool())
		require.True(t, made.Get("unavailable").Exists() && made.Get("auth_invalid").Exists(), made.Raw)
	}
	s.admin(t, 201, "POST", "/llm/routes", `{"id":"r","protocol":"openai","match_policy":{"path_prefix":"/"},"target_policy":{"provider_target":{"provider_id":"p"},"credential_selector":"round_robin"}}`)

	up.Script(func(r llmtest.Recorded) *llmtest.Fault {
		if r.Header.Get("Authorization") == "Bearer sk-a" {
			return &llmtest.Fault{Status: 401, Message: "revoked sk-a"}
		}
		return nil
	})
	require.Equal(t, "a b b b b", strings.Join(used(t, s, up, 4), " "))
	shown := s.admin(t, 200, "GET", "/credentials/a", "")
	require.True(t, shown.Get("unavailable").Bool(), shown.Raw)
	require.True(t, shown.Get("auth_invalid").Bool())
	require.Equal(t, "the upstream answered 401", shown.Get("last_error").Str)
	until, err := time.Parse(time.RFC3339, shown.Get("next_retry_after").Str)
	require.NoError(t, err)
	require.WithinDuration(t, clock.now().Add(5*time.Minute), until, time.Minute)
	list := s.admin(t, 200, "GET", "/credentials", "")
	require.Equal(t, `[true,false]`, list.Get("items.#.unavailable").Raw)
	require.Equal(t, `[true,false]`, list.Get("items.#.auth_invalid").Raw)
	require.False(t, s.admin(t, 200, "GET", "/credentials/b", "").Get("last_error").Exists())

	// GET, edit, PUT works, and what the server says is not taken over.
	edited := strings.Replace(shown.Raw, `"disabled":false`, `"disabled":false,"label":"edited"`, 1)
	put := s.admin(t, 200, "PUT", "/credentials/a", edited)
	require.Equal(t, "edited", put.Get("label").Str)
	require.True(t, put.Get("unavailable").Bool(), "how it fares outlives a change of something else")
	require.False(t, s.admin(t, 200, "PUT", "/credentials/b", `{"provider_id":"p","unavailable":true,"auth_invalid":true,"last_error":"x","next_retry_after":"2030-01-01T00:00:00Z"}`).Get("unavailable").Bool())
	require.Equal(t, "********", s.admin(t, 200, "GET", "/credentials/b", "").Get("attributes.api_key").Str, "the key stayed")
	require.Contains(t, s.admin(t, 400, "PUT", "/credentials/b", `{"provider_id":"p","unavailabel":true}`).Get("error").Str, "unavailabel")
	require.NotContains(t, s.do(t, "GET", s.AdminURL+"/bundle", "").Body, "unavailable")
	require.Equal(t, "b b", strings.Join(used(t, s, up, 2), " "))

	// It is tried again when its rest is over, and rests for twice as long.
	clock.forward(5 * time.Minute)
	require.Contains(t, used(t, s, up, 2), "a")
	clock.forward(6 * time.Minute)
	require.True(t, s.admin(t, 200, "GET", "/credentials/a", "").Get("unavailable").Bool())
	clock.forward(5 * time.Minute)
	require.False(t, s.admin(t, 200, "GET", "/credentials/a", "").Get("unavailable").Bool())
	require.True(t, s.admin(t, 200, "GET", "/credentials/a", "").Get("auth_invalid").Bool(), "nobody has seen it work yet")
	up.Script(nil)
	require.Contains(t, used(t, s, up, 2), "a")
	for _, field := range []string{"unavailable", "auth_invalid"} {
		require.False(t, s.admin(t, 200, "GET", "/credentials/a", "").Get(field).Bool())
	}
	require.False(t, s.admin(t, 200, "GET", "/credentials/a", "").Get("last_error").Exists())

	// A new key begins anew.
	up.Enqueue(llmtest.Fault{Status: 401}, llmtest.Fault{Status: 401})
	require.Equal(t, 502, s.do(t, "POST", "/v1/chat/completions", chatBody).Status)
	s.event(t)
	require.Equal(t, `[true,true]`, s.admin(t, 200, "GET", "/credentials", "").Get("items.#.unavailable").Raw)
	require.False(t, s.admin(t, 200, "PUT", "/credentials/a", `{"provider_id":"p","attributes":{"api_key":"sk-new"}}`).Get("unavailable").Bool())
	require.Equal(t, "new new", strings.Join(used(t, s, up, 2), " "))

	// The document says that these are the server's.
	require.True(t, s.admin200(t, "/openapi.json").Get("components.schemas.credential.properties.auth_invalid.readOnly").Bool())
	require.False(t, s.admin200(t, "/schema/bundle.json").Get(`$defs.credential.properties.auth_invalid`).Exists())
}

// A managed model's scope narrows what its calls are made with; the route's order may
// add others.
func TestModelScopeOfCredentials(t *testing.T) {
	up := llmtest.NewUpstream(t)
	const custom = "\nmanagedModels:\n- {provider_id: p, upstream_model: vip, credential_scope: team-vip}\n- {provider_id: p, upstream_model: typed, credential_scope: \"type:openai\"}\n- {provider_id: p, upstream_model: own, credential_scope: \"id:p\"}\n- {provider_id: p, upstream_model: none, credential_scope: nobody}\n"
	credentials := []string{
		of("own", ""), "id: vip, provider_id: p, scope: team-vip, attributes: {api_key: sk-vip}", "id: shared, provider_type: openai, attributes: {api_key: sk-shared}",
		"id: other, provider_type: anthropic, scope: team-vip, attributes: {api_key: sk-other}",
	}
	keys := func(s *stack, model string) (list []string) {
		up.Reset()
		up.Script(func(llmtest.Recorded) *llmtest.Fault { return &llmtest.Fault{Status: 403} })
		require.Equal(t, 502, s.do(t, "POST", "/v1/chat/completions", strings.Replace(chatBody, `"m"`, `"`+model+`"`, 1)).Status)
		s.event(t)
		for _, r := range up.Requests() {
			list = append(list, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer sk-"))
		}
		return list
	}
	for model, want := range map[string][]string{"m": {"key", "own", "shared"}, "vip": {"vip"}, "typed": {"shared"}, "own": {"key", "own"}, "none": {""}} {
		s := newGateway(t, pool(up, ", credential_scope_order: [provider_id, provider_type]", ", api_key: sk-key", credentials...)+custom)
		require.Equal(t, want, keys(s, model), model)
	}
	s := newGateway(t, pool(up, ", credential_scope_order: [model_custom, provider_id]", ", api_key: sk-key", credentials...)+custom)
	require.Equal(t, []string{"vip", "key", "own"}, keys(s, "vip"))
	require.Contains(t, gjson.Parse(newAdmin(t).admin(t, 400, "POST", "/credentials", `{"id":"x","provider_id":"p","scope":"id:q"}`).Raw).Get("error").Str, "credential_scope")
}

// So is counting of tokens in another protocol than the caller's.
func TestModelScopeOfCountedTokens(t *testing.T) {
	up := llmtest.NewUpstream(t)
	s := newGateway(t, `
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
- {id: g, provider_type: gemini, api_key: sk-key, base_url: "`+up.URL+`"}
managedModels:
- {provider_id: g, upstream_model: vip, credential_scope: team-vip}
credentials:
- {id: vip, provider_id: g, scope: team-vip, attributes: {api_key: sk-vip}}
llmRoutes:
- {id: direct, protocol: anthropic, match_policy: {path_prefix: /direct}, target_policy: {provider_target: {provider_id: g}}}
- {id: logical, protocol: anthropic, match_policy: {path_prefix: /logical}, target_policy: {model_targets: [{name: "my-*", candidates: [{provider_id: g, upstream_model: "*"}]}]}}
`)
	for _, tt := range [][4]string{
		{"/direct", "m", "sk-key", ""}, {"/direct", "vip", "sk-vip", "vip"}, {"/logical", "my-m", "sk-key", ""}, {"/logical", "my-vip", "sk-vip", "vip"},
	} {
		got := s.do(t, "POST", tt[0]+"/v1/messages/count_tokens", `{"model":"`+tt[1]+`","messages":[{"role":"user","content":"hi"}]}`)
		require.Equal(t, 200, got.Status, got.Body)
		require.Empty(t, got.Header.Get("X-Agw-Estimated"), tt)
		require.Equal(t, tt[2], up.Last().Header.Get("X-Goog-Api-Key"), tt)
		require.Equal(t, tt[3], s.event(t).LLM.CredentialID, tt)
	}
}
