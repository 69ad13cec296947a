package runtime

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// What is wrong with a set, and that nothing of it is kept.
func TestCompileRefuses(t *testing.T) {
	anthropic := route("r", "/", "p")
	anthropic.Protocol = "anthropic"
	broken := provider("broken")
	broken.BaseURL = "http://broken"
	hosted := func(id, host string, methods ...string) *configstore.LLMRoute {
		r := route(id, "/", "p")
		r.MatchPolicy.Host, r.MatchPolicy.Methods = host, methods
		return r
	}
	tests := []struct {
		name     string
		objects  []configstore.Object
		problem  string // "" none
		conflict bool
	}{
		{"empty", nil, "", false},
		{"whole", []configstore.Object{provider("p"), route("r", "/", "p"), key("k", "0123456789abcdef", "r", "*")}, "", false},
		{"unknown type", []configstore.Object{&configstore.Provider{ID: "p", ProviderType: "nope"}}, `provider p: provider_type is "nope"; this gateway has fake`, false},
		{"factory fails", []configstore.Object{broken}, "provider broken: cannot be made: broken", false},
		{"missing provider", []configstore.Object{route("r", "/", "p")}, `llm_route r: target_policy.provider_target.provider_id refers to provider "p", which does not exist`, false},
		{"missing route", []configstore.Object{key("k", "0123456789abcdef", "*", "r")}, `virtual_key k: allowed_route_ids[1] refers to llm_route or mcp_route "r", which does not exist`, false},
		{"same match", []configstore.Object{provider("p"), route("a", "/x", "p"), route("b", "/x/", "p")}, `llm_route b: match_policy takes the same requests as llm_route "a"`, true},
		{"same host", []configstore.Object{provider("p"), hosted("a", "H.example"), hosted("b", "h.EXAMPLE")}, "llm_route b: match_policy", true},
		{"same wildcard", []configstore.Object{provider("p"), hosted("a", "*.example"), hosted("b", "*.example", "GET")}, "llm_route b: match_policy", true},
		{"wildcard and host", []configstore.Object{provider("p"), hosted("a", "*.example"), hosted("b", "h.example")}, "", false},
		{"other methods", []configstore.Object{provider("p"), hosted("a", "", "GET"), hosted("b", "", "POST")}, "", false},
		{"overlapping methods", []configstore.Object{provider("p"), hosted("a", "", "GET", "POST"), hosted("b", "", "POST")}, "llm_route b: match_policy", true},
		{"two protocols", []configstore.Object{provider("p"), route("o", "/", "p"), anthropic}, "", false},
		{"same key", []configstore.Object{key("k1", "0123456789abcdef"), key("k2", "0123456789abcdef")}, `virtual_key k2: key is the key of virtual_key "k1" too`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &factory{}
			store := memory(t)
			rt := open(t, store, f)
			rev := rt.Set().Rev
			err := rt.Apply(t.Context(), false, write(tt.objects...))
			if tt.problem == "" {
				require.NoError(t, err)
				require.NoError(t, rt.Ready())
				return
			}
			var problems Problems
			require.ErrorAs(t, err, &problems)
			found := 1
			if tt.conflict { // told from both sides
				found = 2
			}
			require.Len(t, problems, found)
			require.True(t, slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.Error(), tt.problem) && p.Conflict == tt.conflict }), err)
			require.NoError(t, rt.Ready(), "the set before it is served")
			require.Equal(t, rev, rt.Set().Rev)
			require.Empty(t, f.open(), "what was opened is closed")
			stored, err := store.Load(t.Context())
			require.NoError(t, err)
			require.Equal(t, rev, stored.Rev)
		})
	}
}

// Credentials are tried in a fixed order: the provider's own key, then by
// priority, then by id.
func TestCredentialOrder(t *testing.T) {
	rt := open(t, memory(t), &factory{})
	p := provider("p")
	p.APIKey = configstore.NewSecret("own")
	cred := func(id, priority string, mutate ...func(*configstore.Credential)) *configstore.Credential {
		c := &configstore.Credential{ID: id, ProviderID: "p", Attributes: configstore.CredentialAttributes{APIKey: configstore.NewSecret("key-" + id), Priority: priority}}
		for _, m := range mutate {
			m(c)
		}
		return c
	}
	require.NoError(t, rt.Apply(t.Context(), false, write(p, provider("bare"), provider("other"), route("r", "/", "p"), route("b", "/b", "bare"),
		cred("z", "2"), cred("a", ""), cred("m", "2"), cred("low", "-5"),
		cred("off", "9", func(c *configstore.Credential) { c.Disabled = true }),
		cred("other", "9", func(c *configstore.Credential) { c.ProviderID = "other" }),
		cred("typed", "1", func(c *configstore.Credential) { c.ProviderID, c.ProviderType = "", "fake" }))))
	ids := func(path string) (list []string) {
		m, _, ok := rt.Snapshot().Match(httptest.NewRequest("POST", path+"/v1/chat/completions", nil), nil)
		require.True(t, ok)
		for _, c := range m.Route.plan.Direct.Credentials.All() {
			list = append(list, c.ID+"="+c.APIKey)
		}
		return list
	}
	require.Equal(t, []string{"=own", "m=key-m", "z=key-z", "typed=key-typed", "a=key-a", "low=key-low"}, ids(""))
	require.Equal(t, []string{"typed=key-typed"}, ids("/b"))
}
