package configstore_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/configstore"
)

const canary = "sk-canary-0123456789"

func sealer(t *testing.T, key string) *configstore.Sealer {
	t.Helper()
	s, err := configstore.NewSealer([]byte(key + strings.Repeat("-", configstore.MinMasterKey)))
	require.NoError(t, err)
	return s
}

func provider() *configstore.Provider {
	p := &configstore.Provider{ID: "main", ProviderType: "openai", APIKey: configstore.NewSecret(canary), BaseURL: "https://example.org/v1"}
	p.Network.ExtraHeaders = map[string]configstore.Secret{"X-Org": configstore.NewSecret(canary + "h"), "X-Empty": configstore.NewSecret("")}
	return p
}

func kindOf(t *testing.T, o configstore.Object) configstore.Kind {
	t.Helper()
	k, ok := configstore.KindOf(o)
	require.True(t, ok)
	return k
}

func TestEncodeSealsAndDecodeOpens(t *testing.T) {
	p, s := provider(), sealer(t, "a")
	k := kindOf(t, p)
	configstore.SetMeta(p, &configstore.Meta{Source: "store"})
	data, err := k.Encode(p, s)
	require.NoError(t, err)
	require.NotContains(t, string(data), canary)
	require.NotContains(t, string(data), `"source"`)
	require.Equal(t, canary, p.APIKey.Reveal(), "the object itself is not changed")

	o, err := k.Decode(configstore.Record{Kind: k.Name, ID: "main", Data: data}, s)
	require.NoError(t, err)
	require.Equal(t, canary, o.(*configstore.Provider).APIKey.Reveal())
	require.Equal(t, canary+"h", o.(*configstore.Provider).Network.ExtraHeaders["X-Org"].Reveal())
	require.True(t, configstore.Same(o, configstore.Clone(o)))
}

// A sealed value opens nowhere but where it was sealed, and with no other key.
func TestSealedValuesAreBound(t *testing.T) {
	p, s := provider(), sealer(t, "a")
	k := kindOf(t, p)
	data, err := k.Encode(p, s)
	require.NoError(t, err)
	_, err = k.Decode(configstore.Record{Kind: k.Name, ID: "main", Data: data}, sealer(t, "b"))
	require.ErrorIs(t, err, configstore.ErrWrongKey)
	_, err = k.Decode(configstore.Record{Kind: k.Name, ID: "other", Data: data}, s)
	require.ErrorIs(t, err, configstore.ErrWrongKey)

	var raw map[string]any
	require.NoError(t, json.Unmarshal(data, &raw))
	header := raw["network"].(map[string]any)["extra_headers"].(map[string]any)["X-Org"]
	raw["api_key"] = header // moved to another field
	moved, err := json.Marshal(raw)
	require.NoError(t, err)
	_, err = k.Decode(configstore.Record{Kind: k.Name, ID: "main", Data: moved}, s)
	require.ErrorIs(t, err, configstore.ErrWrongKey)
	require.NotContains(t, err.Error(), canary)

	for _, bad := range []string{"", "plain", "sealed:v1:", "sealed:v1:!!", "sealed:v1:AAAA"} {
		_, err := s.Open("x", bad)
		require.ErrorIs(t, err, configstore.ErrWrongKey, bad)
	}
	_, err = configstore.NewSealer([]byte("short"))
	require.ErrorContains(t, err, "at least 32")
}

func TestSealIsNotDeterministicAndHashIs(t *testing.T) {
	s := sealer(t, "a")
	require.NotEqual(t, s.Seal("x", "y"), s.Seal("x", "y"))
	require.Equal(t, s.KeyHash("vk-1"), sealer(t, "a").KeyHash("vk-1"))
	require.NotEqual(t, s.KeyHash("vk-1"), sealer(t, "b").KeyHash("vk-1"))
	require.NotEqual(t, s.KeyHash("vk-1"), s.KeyHash("vk-2"))
}

// However a secret is printed, logged or marshalled, it does not show.
func TestSecretsDoNotShow(t *testing.T) {
	p := provider()
	var out strings.Builder
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "secret", p.APIKey, "provider", p)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, format+format, p.APIKey, *p)
	}
	b, err := json.Marshal(p)
	require.NoError(t, err)
	out.Write(b)
	require.NotContains(t, out.String(), canary)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", canary))
	require.Contains(t, string(b), `"api_key":"********"`)
}

func TestShownRevealsOnlyWhatMayBe(t *testing.T) {
	k := &configstore.VirtualKey{ID: "k", Key: configstore.NewSecret("vk-0123456789abcdef")}
	b, err := json.Marshal(configstore.Shown(k))
	require.NoError(t, err)
	require.Contains(t, string(b), "vk-0123456789abcdef")
	b, err = json.Marshal(k)
	require.NoError(t, err)
	require.NotContains(t, string(b), "vk-0123456789abcdef", "only the copy shows it")
	b, err = json.Marshal(configstore.Shown(provider()))
	require.NoError(t, err)
	require.NotContains(t, string(b), canary)
}

func TestKeepSecrets(t *testing.T) {
	update := func(body string) *configstore.Provider {
		p := &configstore.Provider{}
		require.NoError(t, json.Unmarshal([]byte(body), p))
		return p
	}
	for name, c := range map[string]struct{ body, want, fault string }{
		"absent keeps":   {body: `{"id":"main"}`, want: canary},
		"masked keeps":   {body: `{"id":"main","api_key":"********"}`, want: canary},
		"empty clears":   {body: `{"id":"main","api_key":""}`, want: ""},
		"new replaces":   {body: `{"id":"main","api_key":"sk-new"}`, want: "sk-new"},
		"masked unknown": {body: `{"id":"main","network":{"extra_headers":{"X-New":"********"}}}`, want: canary, fault: "network.extra_headers.X-New"},
	} {
		t.Run(name, func(t *testing.T) {
			next := update(c.body)
			faults := configstore.KeepSecrets(next, provider())
			require.Equal(t, c.want, next.APIKey.Reveal())
			if c.fault == "" {
				require.Empty(t, faults)
				return
			}
			require.Len(t, faults, 1)
			require.Equal(t, c.fault, faults[0].Field)
		})
	}
	next := update(`{"id":"main","network":{"extra_headers":{"X-Org":"********"}}}`)
	require.Empty(t, configstore.KeepSecrets(next, provider()))
	require.Equal(t, canary+"h", next.Network.ExtraHeaders["X-Org"].Reveal())
	require.Len(t, next.Network.ExtraHeaders, 1, "entries that are not named are gone")
	require.Len(t, configstore.KeepSecrets(update(`{"id":"main","api_key":"********"}`), nil), 1, "nothing is stored to keep")
}

func TestRefs(t *testing.T) {
	r := &configstore.LLMRoute{ID: "r"}
	r.TargetPolicy.ProviderTarget.ProviderID = "p"
	require.Equal(t, []configstore.Ref{{Field: "target_policy.provider_target.provider_id", Kinds: []string{"provider"}, ID: "p"}}, configstore.Refs(r))
	k := &configstore.VirtualKey{ID: "k", AllowedRouteIDs: []string{"a", "*", "b"}}
	refs := configstore.Refs(k)
	require.Len(t, refs, 2)
	require.Equal(t, "allowed_route_ids[2]", refs[1].Field)
}

// The table is the only place that knows the kinds, so each row must be whole.
func TestKindsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range configstore.Kinds {
		for _, name := range []string{k.Name, k.Path, k.Section, k.Command} {
			require.NotEmpty(t, name)
		}
		require.False(t, seen[k.Name] || seen[k.Path] || seen[k.Section])
		seen[k.Name], seen[k.Path], seen[k.Section] = true, true, true
		o := k.New()
		require.NotEmpty(t, o.Validate(), "an empty %s is not valid", k.Name)
		if configstore.SetDisabled(o, true) {
			b, err := json.Marshal(o)
			require.NoError(t, err)
			require.Contains(t, string(b), `"disabled":true`)
		}
		again, ok := configstore.KindByName(k.Name)
		require.True(t, ok)
		require.Equal(t, k.Path, again.Path)
	}
}

func TestValidation(t *testing.T) {
	route := func(edit func(*configstore.LLMRoute)) *configstore.LLMRoute {
		r := &configstore.LLMRoute{ID: "r", Protocol: "openai", MatchPolicy: configstore.MatchPolicy{PathPrefix: "/"}}
		r.TargetPolicy.ProviderTarget.ProviderID = "p"
		edit(r)
		return r
	}
	for field, o := range map[string]configstore.Object{
		"id":                       &configstore.Provider{ID: "a/b", ProviderType: "openai"},
		"provider_type":            &configstore.Provider{ID: "a"},
		"base_url":                 &configstore.Provider{ID: "a", ProviderType: "openai", BaseURL: "https://user:pass@example.org"},
		"network.max_retries":      &configstore.Provider{ID: "a", ProviderType: "openai", Network: configstore.Network{MaxRetries: -1}},
		"network.proxy_url":        &configstore.Provider{ID: "a", ProviderType: "openai", Network: configstore.Network{ProxyURL: "ftp://x"}},
		"options.compact":          &configstore.Provider{ID: "a", ProviderType: "openai", Options: configstore.ProviderOptions{Compact: "tight"}},
		"network.extra_headers.Te": &configstore.Provider{ID: "a", ProviderType: "openai", Network: configstore.Network{ExtraHeaders: map[string]configstore.Secret{"Te": configstore.NewSecret("x")}}},
		"protocol":                 route(func(r *configstore.LLMRoute) { r.Protocol = "soap" }),
		"match_policy.path_prefix": route(func(r *configstore.LLMRoute) { r.MatchPolicy.PathPrefix = "/a/../b" }),
		"match_policy.methods[0]":  route(func(r *configstore.LLMRoute) { r.MatchPolicy.Methods = []string{"FETCH"} }),
		"match_policy.host":        route(func(r *configstore.LLMRoute) { r.MatchPolicy.Host = "a b" }),
		"key":                      &configstore.VirtualKey{ID: "k", Key: configstore.NewSecret("short")},
		"allowed_models[0]":        &configstore.VirtualKey{ID: "k", AllowedModels: []string{""}},
		"scope":                    &configstore.Credential{ID: "c", Type: "api_key", ProviderID: "p", Scope: "id:other"},
		"attributes.priority":      &configstore.Credential{ID: "c", Type: "api_key", ProviderID: "p", Scope: "id:p", Attributes: configstore.CredentialAttributes{Priority: "high"}},
	} {
		faults := o.Validate()
		require.Len(t, faults, 1, "%s: %v", field, faults)
		require.Equal(t, field, faults[0].Field)
		require.NotContains(t, faults[0].String(), "pass@")
	}
	require.Empty(t, route(func(r *configstore.LLMRoute) { r.MatchPolicy.Host = "*.example.org" }).Validate())
	r := route(func(r *configstore.LLMRoute) {
		r.MatchPolicy = configstore.MatchPolicy{PathPrefix: "/a//", Host: "EXAMPLE.org", Methods: []string{"post"}}
	})
	r.Default()
	require.Equal(t, configstore.MatchPolicy{PathPrefix: "/a", Host: "example.org", Methods: []string{"POST"}}, r.MatchPolicy)
}
