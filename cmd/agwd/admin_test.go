package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAdminGuard: what reaches the Admin API, and what does not.
func TestAdminGuard(t *testing.T) {
	t.Parallel()
	p := startWithPassword(t, "--admin-origin", "https://console.example")
	anonymous := *p
	anonymous.user = ""
	for _, tt := range []struct {
		name         string
		by           *process
		method, path string
		headers      []string
		status       int
	}{
		{"health", &anonymous, "GET", "health", nil, 200},
		{"preflight", &anonymous, "OPTIONS", "virtual_keys", []string{"Origin: https://console.example"}, 204},
		{"nobody", &anonymous, "GET", "virtual_keys", nil, 401},
		{"nobody reads metrics", &anonymous, "GET", "metrics/prometheus", nil, 401},
		{"nobody asks for ready", &anonymous, "GET", "ready", nil, 401},
		{"nobody writes", &anonymous, "POST", "bundle", nil, 401},
		{"nobody finds out what there is", &anonymous, "GET", "no/such/thing", nil, 401},
		{"another spelling of health", &anonymous, "GET", "health/../virtual_keys", nil, 401},
		{"escaped", &anonymous, "GET", "health%2f..%2fvirtual_keys", nil, 401},
		{"health is no door for writing", &anonymous, "POST", "health", nil, 401},
		{"wrong password", &anonymous, "GET", "ready", []string{"Authorization: Basic YWRtaW46d3Jvbmc="}, 401},
		{"a password that bcrypt cannot take", &anonymous, "GET", "ready", []string{"Authorization: Basic " + strings.Repeat("YWFh", 30000)}, 401},
		{"no base64", &anonymous, "GET", "ready", []string{"Authorization: Basic ***"}, 401},
		{"administrator", p, "GET", "ready", nil, 200},
		{"foreign origin", p, "GET", "virtual_keys", []string{"Origin: https://evil.example"}, 403},
		{"no origin at all", p, "GET", "virtual_keys", []string{"Origin: null"}, 403},
		{"known origin", p, "GET", "virtual_keys", []string{"Origin: https://console.example"}, 200},
		{"another port of a known origin", p, "GET", "virtual_keys", []string{"Origin: https://console.example:444"}, 403},
		{"foreign site", p, "POST", "bundle", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"rebinding", p, "GET", "virtual_keys", []string{"Host: evil.example"}, 403},
		{"rebinding health", &anonymous, "GET", "health", []string{"Host: evil.example"}, 403},
		{"a name of this machine", p, "GET", "virtual_keys", []string{"Host: localhost:1"}, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.by.askAdmin(tt.method, tt.path, "", tt.headers...)
			require.Equal(t, tt.status, r.status, r.body)
			require.NotEqual(t, "*", r.header.Get("Access-Control-Allow-Origin"))
			if tt.status == 403 || tt.status == 401 {
				require.NotEmpty(t, r.get("error").Str)
				require.Empty(t, r.header.Get("Access-Control-Allow-Origin"))
			}
		})
	}
}

// TestBadAdminBodies: 4xx with a reason, and nothing is stored.
func TestBadAdminBodies(t *testing.T) {
	t.Parallel()
	p := setup{}.start(t)
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"malformed", "POST", "llm/providers", `{"id":`, 400, "not JSON"},
		{"empty", "POST", "llm/providers", ``, 400, ""},
		{"duplicate key", "POST", "llm/providers", `{"id":"a","provider_type":"echo","id":"b"}`, 400, "id"},
		{"case variant", "POST", "llm/providers", `{"id":"a","provider_type":"openai","API_KEY":"sk-admin-secret"}`, 400, "api_key"},
		{"unknown field", "POST", "llm/providers", `{"id":"a","provider_type":"openai","api_kye":"sk-admin-secret"}`, 400, "api_key"},
		{"wrong type of a secret", "POST", "llm/providers", `{"id":"a","provider_type":"openai","api_key":["sk-admin-secret"]}`, 400, "api_key"},
		{"password in a URL", "POST", "llm/providers", `{"id":"a","provider_type":"openai","base_url":"http://u:sk-admin-secret@h"}`, 400, "base_url"},
		{"password in a proxy", "POST", "llm/providers", `{"id":"a","provider_type":"openai","network":{"proxy_url":"http://u:sk-admin-secret@h"}}`, 400, "proxy_url"},
		{"control character in a header", "POST", "llm/providers", `{"id":"a","provider_type":"openai","network":{"extra_headers":{"X-A":"sk-admin-secret\n"}}}`, 400, "extra_headers"},
		{"unknown type", "POST", "llm/providers", `{"id":"a","provider_type":"opanai"}`, 400, "opanai"},
		{"dangling reference", "POST", "credentials", `{"id":"a","provider_id":"none","attributes":{"api_key":"sk-admin-secret"}}`, 400, "none"},
		{"unknown path", "GET", "llm/provider", ``, 404, ""},
		{"unknown id", "GET", "llm/providers/none", ``, 404, "none"},
		{"unknown parameter", "GET", "metrics/llm/events?rout_id=a", ``, 400, "rout_id"},
		{"over the limit", "POST", "llm/providers", `{"id":"` + strings.Repeat("a", 1<<20) + `"}`, 413, ""},
		{"bundle over the limit", "POST", "bundle", `{"apiVersion":"` + strings.Repeat("a", 16<<20) + `"}`, 413, ""},
		{"unknown section", "POST", "bundle", `{"apiVersion":"gateway.agw/v1alpha1","kind":"GatewayBundle","provider":[]}`, 400, "providers"},
		{"unexpanded secret", "POST", "bundle", `{"apiVersion":"gateway.agw/v1alpha1","kind":"GatewayBundle","providers":[{"id":"a","provider_type":"openai","api_key":"${NOT_EXPANDED}"}]}`, 400, "api_key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := p.askAdmin(tt.method, tt.path, tt.body, "Content-Type: application/json")
			require.Equal(t, tt.status, r.status, r.body)
			require.Contains(t, r.body, tt.want)
			require.NotContains(t, r.body, "sk-admin-secret")
			require.Less(t, len(r.body), 4096)
		})
	}
	for _, path := range []string{"llm/providers", "credentials"} {
		require.Equal(t, `{"items":[]}`, strings.TrimSpace(p.askAdmin("GET", path, "").body))
	}
	require.NotContains(t, p.stderr.String(), "sk-admin-secret")
}
