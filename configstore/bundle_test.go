package configstore

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/strict"
)

func lookupIn(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

func bundleFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "bundle", name))
	require.NoError(t, err)
	return b
}

func texts(faults []BundleFault) []string {
	out := make([]string, len(faults))
	for i, f := range faults {
		out[i] = f.String()
	}
	return out
}

func TestParseQuickstart(t *testing.T) {
	b, faults := ParseBundle(bundleFile(t, "quickstart.yaml"), YAML, lookupIn(map[string]string{"OPENAI_API_KEY": "sk-1:{}#kind:x"}))
	require.Empty(t, faults)
	require.Empty(t, b.Check())
	require.Len(t, b.Items, 3)
	require.Equal(t, &Provider{
		ID: "openai-main", ProviderType: "openai", DefaultModel: "gpt-4.1",
		APIKey: NewSecret("sk-1:{}#kind:x"), Options: ProviderOptions{Compact: "none"},
	}, b.Items[0].Object)
	require.Equal(t, &LLMRoute{
		ID: "openai-chat", Protocol: "openai", MatchPolicy: MatchPolicy{PathPrefix: "/"}, AuthPolicy: AuthPolicy{RequireVirtualKey: true},
		TargetPolicy: TargetPolicy{ProviderTarget: ProviderTarget{ProviderID: "openai-main"}},
	}, b.Items[1].Object)
	require.Equal(t, &VirtualKey{ID: "test-key", AllowedRouteIDs: []string{"openai-chat"}}, b.Items[2].Object)
	require.Equal(t, []int{4, 11, 21}, []int{b.Items[0].Line, b.Items[1].Line, b.Items[2].Line})
}

func TestEveryFaultIsReportedWithItsLine(t *testing.T) {
	b, faults := ParseBundle(bundleFile(t, "faults.yaml"), YAML, lookupIn(nil))
	require.Nil(t, b)
	require.Equal(t, []string{
		"line 6: provider openai-main: api_kee is not a known field; did you mean api_key?",
		"line 8: provider openai-main: network.max_retries must be a whole number",
		`line 12: llm_route chat: match_policy.path_prefix is "v1"; it must begin with /`,
		"line 15: llm_route chat: target_policy.provider_target.provider_id needs the variable PROVIDER, which is not set: set it, or give a default with ${PROVIDER:-default}",
		"line 18: virtual_key test-key: allowed_route_ids must be a list: put the value in [ ]",
	}, texts(faults))
}

func TestParseBundleFaults(t *testing.T) {
	const head = "apiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\n"
	tests := map[string]struct {
		doc  string
		want []string
	}{
		"empty":           {"", []string{"line 1: the document is not a bundle: it must begin with apiVersion: gateway.agw/v1alpha1"}},
		"a list":          {"- a", []string{"line 1: the document is not a bundle: it must begin with apiVersion: gateway.agw/v1alpha1"}},
		"no head":         {"providers: []", []string{"line 1: apiVersion is required: gateway.agw/v1alpha1", "line 1: kind is required: GatewayBundle"}},
		"another version": {"apiVersion: v2\nkind: GatewayBundle", []string{"line 1: apiVersion must be gateway.agw/v1alpha1"}},
		"syntax":          {head + "providers: [", []string{"line 4: did not find expected node content"}},
		"sections": {head + "llmroutes: []\nacpServices: [{id: a}]\nagents: []\nproviders: {id: a}\ncredentials:\n", []string{
			"line 3: llmroutes is not a known section; did you mean llmRoutes?",
			"line 4: acpServices is not supported by this version yet",
			"line 6: providers must be a list",
		}},
		"limits that bound nothing": {head + "virtualKeys:\n- id: k\n  budget: {period: day}\n  rate_limit: {rpm: -1}\n- id: l\n  budget: {usd: 1}\n", []string{
			"line 5: virtual_key k: budget bounds nothing: give usd or tokens",
			"line 6: virtual_key k: rate_limit.rpm is negative",
			"line 8: virtual_key l: budget.period is required: one of hour, day, week, month, total",
		}},
		"two targets": {head + "llmRoutes:\n- id: r\n  protocol: openai\n  match_policy: {path_prefix: /}\n  target_policy:\n    provider_target: {provider_id: p}\n    model_targets: [{name: m, candidates: [{provider_id: p, upstream_model: x}]}]\n", []string{
			"line 7: llm_route r: target_policy has both provider_target and model_targets; it is one or the other",
		}},
		"an id twice": {head + "virtualKeys:\n- id: k\n- tag: t\n  id: k\n", []string{
			"line 6: virtual_key k: id stands twice in this bundle, first on line 4",
		}},
		"no id and no mapping": {head + "virtualKeys:\n- tag: t\n- k\n", []string{
			"line 4: virtual_key: id is required",
			"line 5: virtual_key: must be a mapping of fields to values",
		}},
		"an id that cannot be shown": {head + "virtualKeys:\n- id: \"a\\nb\"\n", []string{
			`line 4: virtual_key: id is "a\nb"; spaces, control characters and any of / \ ? # % do not go into an id`,
		}},
		"a key twice": {head + "virtualKeys:\n- id: a\n  key: vk-0123456789abcdef\n- id: b\n  key: vk-0123456789abcdef\n", []string{
			"line 7: virtual_key b: key is the same as that of virtual_key a on line 5: give each its own",
		}},
		"a misspelt required field": {head + "providers:\n- id: a\n  provider-type: openai\n", []string{
			"line 5: provider a: provider-type is not a known field; did you mean provider_type?",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b, faults := ParseBundle([]byte(tt.doc), YAML, lookupIn(nil))
			require.Nil(t, b)
			require.Equal(t, tt.want, texts(faults))
		})
	}
}

func TestParseBundleJSON(t *testing.T) {
	_, faults := ParseBundle([]byte(`{"apiVersion": "gateway.agw/v1alpha1",
		"kind": "GatewayBundle",
		"virtualKeys": [
			{"id": "k", "ID": "x"}
		]}`), JSON, nil)
	require.Equal(t, []string{"line 4: virtual_key k: ID is not a known field; did you mean id?"}, texts(faults))
}

// The server does not expand; a variable's name must not become the secret.
func TestUnexpandedSecretIsRefused(t *testing.T) {
	_, faults := ParseBundle(bundleFile(t, "quickstart.yaml"), YAML, nil)
	require.Equal(t, []string{"line 6: provider openai-main: api_key is a variable that was not expanded: apply the bundle with agwctl, or give the secret itself"}, texts(faults))
}

func TestCheck(t *testing.T) {
	b, faults := ParseBundle([]byte(`apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
llmRoutes:
- id: r
  protocol: openai
  match_policy: {path_prefix: /}
  target_policy: {provider_target: {provider_id: elsewhere}}
virtualKeys:
- {id: k, allowed_route_ids: [r, other, "*"]}
`), YAML, nil)
	require.Empty(t, faults)
	warnings := b.Check()
	require.Equal(t, []string{
		"line 4: llm_route r: auth_policy.require_virtual_key is false: whoever reaches the gateway may use this route",
		"line 7: llm_route r: target_policy.provider_target.provider_id names provider elsewhere, which is not in this bundle; it may be in the store",
		"line 9: virtual_key k: allowed_route_ids[1] names llm_route or mcp_route other, which is not in this bundle; it may be in the store",
	}, texts(warnings))
	for _, w := range warnings {
		require.True(t, w.Warning)
	}
}

func fullSet() []Object {
	return []Object{
		&VirtualKey{
			ID: "test-key", Key: NewSecret("vk-0123456789abcdef"), Tag: "#1: ops", AllowedRouteIDs: []string{"*"},
			AllowedModels: []string{"gpt-4.1", "123"}, ExpiresAt: time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC),
			Meta: &Meta{Source: "store"},
		},
		&LLMRoute{
			ID: "chat", Protocol: "openai", MatchPolicy: MatchPolicy{Host: "*.example.com", PathPrefix: "/v1", Methods: []string{"POST"}},
			AuthPolicy:   AuthPolicy{RequireVirtualKey: true},
			TargetPolicy: TargetPolicy{Type: "direct-provider", ProviderTarget: ProviderTarget{ProviderID: "openai-main"}},
		},
		&Credential{
			ID: "2nd", ProviderID: "openai-main", Type: "api_key", Label: "007", Scope: "id:openai-main",
			Attributes: CredentialAttributes{APIKey: NewSecret("sk-2"), Priority: "10"},
			Metadata:   map[string]string{"team": "yes", "12": "${not_a_variable}", "text": "two\nlines  \n", "empty": ""},
		},
		&Provider{
			ID: "openai-main", ProviderType: "openai", APIKey: NewSecret("sk-1"), BaseURL: "https://api.example.com/v1", DefaultModel: "gpt-4.1",
			Network: Network{
				RequestTimeoutSeconds: 12.5, MaxRetries: 3, RetryDelaySeconds: 0.25, ProxyURL: "socks5://127.0.0.1:1080",
				ExtraHeaders: map[string]Secret{"X_Org": NewSecret("b"), "X-Org": NewSecret("a")},
			},
			Options: ProviderOptions{Compact: "codex"},
		},
		&MCPRoute{
			ID: "mcp:fs:/mcp", ServiceID: "fs", MatchPolicy: MatchPolicy{PathPrefix: "/mcp"}, AuthPolicy: AuthPolicy{RequireVirtualKey: true},
			ToolPolicy: RouteToolPolicy{Mode: ToolsDeny, Tools: []string{"rm"}, Overrides: map[string]ToolOverride{"fs.read": {Name: "read", Description: "Reads ${a} file."}}},
		},
		&MCPService{
			ID: "fs", Name: "Files", Transport: TransportStdio, Command: "npx", Args: []string{"-y", "${not_a_variable}"}, Cwd: "/srv",
			Env: map[string]Secret{"TOKEN": NewSecret("t-1"), "LEVEL": NewSecret("debug")}, Isolation: IsolationShared, MaxInstances: 2, IdleTTL: "10m",
			Audit: MCPAudit{CaptureToolArgs: true, MaxBytes: 4096},
		},
		&MCPService{
			ID: "api", Transport: TransportSSE, URL: "https://mcp.example/sse", PostURL: "https://mcp.example/post", Isolation: IsolationSession,
			Headers: map[string]Secret{"X-Org": NewSecret("o-1")}, Auth: MCPAuth{Type: "basic", Username: "u", Password: NewSecret("p-1")}, Disabled: true,
		},
		&Provider{ID: "claude", ProviderType: "anthropic", APIKey: NewSecret("sk-3"), BaseURL: "https://api.example.com", Disabled: true},
	}
}

func TestExportBundle(t *testing.T) {
	objects := fullSet()
	got, err := ExportBundle(objects)
	require.NoError(t, err)
	require.Equal(t, string(bundleFile(t, "full.yaml")), string(got))
	require.NotNil(t, objects[0].(*VirtualKey).Meta, "the caller's objects stay as they are")

	b, faults := ParseBundle(got, YAML, lookupIn(nil))
	require.Empty(t, faults)
	require.Len(t, b.Items, len(objects))
	for _, item := range b.Items {
		for _, prev := range objects {
			if k, _ := KindOf(prev); k.Name == item.Kind.Name && prev.ObjectID() == item.Object.ObjectID() {
				require.Empty(t, KeepSecrets(item.Object, prev))
				require.Equal(t, Clone(prev), item.Object)
			}
		}
	}
}

func TestExportOfNothing(t *testing.T) {
	got, err := ExportBundle(nil)
	require.NoError(t, err)
	require.Equal(t, "apiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\n", string(got))
}

func TestBundleJSON(t *testing.T) {
	b, faults := ParseBundle([]byte(`apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
virtualKeys:
- {id: k, key: "vk-<0123456789>abc"}
providers:
- {id: a, provider_type: echo, api_key: "", network: {extra_headers: {X-A: "1", X-B: "********"}}}
- {id: b, provider_type: echo}
`), YAML, nil)
	require.Empty(t, faults)
	text, err := b.JSON()
	require.NoError(t, err)
	require.JSONEq(t, `{"apiVersion":"gateway.agw/v1alpha1","kind":"GatewayBundle",
		"providers":[{"id":"a","provider_type":"echo","api_key":"","network":{"extra_headers":{"X-A":"1","X-B":"********"}},"disabled":false},{"id":"b","provider_type":"echo","disabled":false}],
		"virtualKeys":[{"id":"k","key":"vk-<0123456789>abc","disabled":false}]}`, string(text))
	require.Less(t, strings.Index(string(text), "providers"), strings.Index(string(text), "virtualKeys"))

	again, faults := ParseBundle(text, JSON, nil)
	require.Empty(t, faults)
	for i := range b.Items {
		require.Equal(t, b.Items[i].Object, again.Items[i].Object)
	}
	shown, err := json.Marshal(b.Items[2].Object)
	require.NoError(t, err)
	require.NotContains(t, string(shown), "0123456789", "JSON works on copies")
}

func TestDecodeObjectTakesBackWhatTheServerShows(t *testing.T) {
	k, _ := KindByName("provider")
	n, err := strict.ParseJSON([]byte(`{"id":"a","provider_type":"echo","source":"store","read_only":false,"created_at":"x","updated_at":null,"api_key":"********"}`))
	require.NoError(t, err)
	o, faults := DecodeObject(k, n)
	require.Empty(t, faults)
	require.Equal(t, "a", o.ObjectID())
	require.True(t, o.(*Provider).APIKey.IsMasked())
	require.Nil(t, o.(*Provider).Meta)
}
