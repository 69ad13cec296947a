package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/configstore"
)

const (
	mcpJSON      = `{"id":"mcp-main","transport":"streamable_http","url":"https://mcp.example/mcp","headers":{"X-Org":"secret-org"},"auth":{"type":"bearer","token":"secret-token"}}`
	mcpRouteJSON = `{"service_id":"mcp-main","match_policy":{"path_prefix":"/mcp/"},"tool_policy":{"mode":"deny","tools":["rm"],"overrides":{"ls":{"name":"list"}}}}`
	stdioJSON    = `{"id":"mcp-fs","transport":"stdio","command":"npx","args":["-y","server"],"env":{"TOKEN":"secret-env"}}`
	mcpRoutePath = "/mcp/routes/mcp:mcp-main:%2Fmcp"
)

func TestAdminMCP(t *testing.T) {
	s := newAdmin(t)
	require.Equal(t, "service_id", s.admin(t, 400, "POST", "/mcp/routes", mcpRouteJSON).Get("field").Str)
	service := s.admin(t, 201, "POST", "/mcp/services", mcpJSON)
	require.Equal(t, "session", service.Get("isolation").Str)
	require.Equal(t, configstore.Mask, service.Get("headers.X-Org").Str)
	require.Equal(t, configstore.Mask, service.Get("auth.token").Str)
	require.JSONEq(t, service.Raw, s.admin(t, 200, "PUT", "/mcp/services/mcp-main", service.Raw).Raw)
	cleared := s.admin(t, 400, "PUT", "/mcp/services/mcp-main", strings.Replace(mcpJSON, "secret-token", "", 1))
	require.Equal(t, "auth.token", cleared.Get("field").Str)
	kept := s.admin(t, 200, "PUT", "/mcp/services/mcp-main", strings.Replace(mcpJSON, `,"token":"secret-token"`, "", 1))
	require.Equal(t, configstore.Mask, kept.Get("auth.token").Str, "an absent secret is kept")

	// The id of a route is made, and is one segment of a path.
	route := s.admin(t, 201, "POST", "/mcp/routes", mcpRouteJSON)
	require.Equal(t, "mcp:mcp-main:/mcp", route.Get("id").Str)
	for _, path := range []string{mcpRoutePath, strings.ToLower(mcpRoutePath), "/mcp/routes/mcp%3Amcp-main%3A%2Fmcp"} {
		require.JSONEq(t, route.Raw, s.admin(t, 200, "GET", path, "").Raw, path)
	}
	s.admin(t, 404, "GET", "/mcp/routes/mcp:mcp-main:/mcp", "")
	require.JSONEq(t, route.Raw, s.admin(t, 200, "PUT", mcpRoutePath, mcpRouteJSON).Raw)
	moved := s.admin(t, 200, "PUT", mcpRoutePath, strings.Replace(route.Raw, `"/mcp"`, `"/moved"`, 1))
	require.Equal(t, "mcp:mcp-main:/mcp", moved.Get("id").Str, "an id stays")
	require.Equal(t, "id", s.admin(t, 400, "PUT", mcpRoutePath, strings.Replace(route.Raw, `main:/mcp"`, `main:/other"`, 1)).Get("field").Str)
	require.Equal(t, "id", s.admin(t, 400, "POST", "/mcp/routes", strings.Replace(mcpRouteJSON, `{`, `{"id":"a/b",`, 1)).Get("field").Str)
	require.Equal(t, "service_ids", s.admin(t, 400, "POST", "/mcp/routes", strings.Replace(mcpRouteJSON, `"service_id":"mcp-main"`, `"service_ids":["mcp-main"]`, 1)).Get("field").Str)
	s.admin(t, 409, "POST", "/mcp/routes", mcpRouteJSON)
	require.True(t, s.admin(t, 200, "POST", mcpRoutePath+"/disable", "").Get("disabled").Bool())
	require.False(t, s.admin(t, 200, "POST", mcpRoutePath+"/enable", "").Get("disabled").Bool())

	// Keys name routes of both kinds, whose ids are unique together.
	s.admin(t, 201, "POST", "/virtual_keys", `{"id":"k","allowed_route_ids":["mcp:mcp-main:/mcp"],"tool_policy":{"mode":"allow","tools":["ls"]}}`)
	require.Contains(t, s.admin(t, 409, "DELETE", mcpRoutePath, "").Get("error").Str, "virtual_key k")
	require.Contains(t, s.admin(t, 409, "DELETE", "/mcp/services/mcp-main", "").Get("error").Str, "mcp_route mcp:mcp-main:/mcp")
	s.admin(t, 201, "POST", "/llm/providers", providerJSON)
	s.admin(t, 201, "POST", "/llm/routes", routeJSON)
	taken := s.admin(t, 409, "POST", "/mcp/routes", `{"id":"r","service_id":"mcp-main","match_policy":{"path_prefix":"/other"}}`)
	require.Equal(t, "id", taken.Get("field").Str)
	require.Contains(t, taken.Get("error").Str, `llm_route "r"`)

	require.Len(t, s.admin(t, 200, "GET", "/mcp/services?transport=streamable_http", "").Get("items").Array(), 1)
	require.Empty(t, s.admin(t, 200, "GET", "/mcp/routes?service_id=other", "").Get("items").Array())
	s.admin(t, 400, "GET", "/mcp/routes?service=other", "")
	doc := s.admin(t, 200, "GET", "/openapi.json", "")
	require.True(t, doc.Get("paths./admin/mcp/routes/{id}/enable.post").Exists())
	require.True(t, doc.Get("components.schemas.mcp_service.properties.env.additionalProperties.writeOnly").Bool())

	export := s.do(t, "GET", s.AdminURL+"/bundle", "").Body
	require.NotContains(t, export, "secret-")
	require.Equal(t, [4]int64{0, 0, 5, 0}, counts(t, s.apply(t, 200, "", unmasked(export))))

	s.admin(t, 200, "DELETE", "/virtual_keys/k", "")
	require.Equal(t, "mcp:mcp-main:/mcp", s.admin(t, 200, "DELETE", mcpRoutePath, "").Get("id").Str)
	s.admin(t, 200, "DELETE", "/mcp/services/mcp-main", "")
}

// unmasked expands the variables of an export to their default, the mask.
func unmasked(export string) string {
	for {
		before, rest, found := strings.Cut(export, "${")
		if !found {
			return export
		}
		_, after, _ := strings.Cut(rest, "}")
		export = before + `"` + configstore.Mask + `"` + after
	}
}

// Who may not run commands on the gateway's machine may not have it run them.
func TestAdminStdio(t *testing.T) {
	s := newAdmin(t)
	const bundle = "apiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\nmcpServices:\n- {id: mcp-fs, transport: stdio, command: npx}\nvirtualKeys:\n- {id: k}\n"
	proxied := []string{"X-Forwarded-For", "203.0.113.9"}
	refused := s.admin(t, 403, "POST", "/mcp/services", stdioJSON, proxied...)
	require.Equal(t, "transport", refused.Get("field").Str)
	require.Contains(t, refused.Get("error").Str, "mcp_service mcp-fs: transport is stdio")
	require.Contains(t, refused.Get("error").Str, "--allow-stdio")
	for _, query := range []string{"", "?dry_run=1"} {
		report := s.admin(t, 403, "POST", "/bundle"+query, bundle, append(proxied, "Content-Type", "application/yaml")...)
		require.Equal(t, [4]int64{0, 0, 0, 1}, counts(t, report))
		require.Equal(t, `["mcp_service mcp-fs error"]`, actions(report))
		require.Contains(t, report.Get("actions.0.error").Str, "--allow-stdio")
	}
	s.admin(t, 404, "GET", "/virtual_keys/k", "")

	s.admin(t, 201, "POST", "/mcp/services", stdioJSON)
	const path = "/mcp/services/mcp-fs"
	edit := func(text, by string) string { return strings.Replace(stdioJSON, text, by, 1) }
	overHTTP := `{"transport":"streamable_http","url":"https://mcp.example"}`
	for _, tt := range []struct {
		method, path, body string
		status             int
		headers            []string
	}{
		{"PUT", path, edit("npx", "sh"), 403, proxied},
		{"PUT", path, edit("secret-env", "other"), 403, proxied},
		{"PUT", path, edit("{", `{"disabled":true,"description":"d",`), 403, proxied},
		{"PUT", path, stdioJSON, 200, proxied}, // no change
		{"GET", path, "", 200, proxied},
		{"POST", path + "/enable", "", 200, proxied}, // it is
		{"POST", path + "/disable", "", 200, proxied},
		{"POST", path + "/enable", "", 403, proxied},
		{"POST", path + "/enable", "", 403, []string{"Forwarded", "for=203.0.113.9"}},
		{"POST", path + "/enable", "", 403, []string{"X-Forwarded-Proto", "https"}},
		{"POST", path + "/enable", "", 403, []string{"Via", "1.1 proxy"}},
		{"POST", path + "/enable", "", 403, []string{"X-Real-IP", "127.0.0.1"}},
		{"POST", path + "/enable", "", 200, nil},
		{"PUT", path, edit("{", `{"disabled":true,`), 200, proxied},
		{"PUT", path, overHTTP, 200, proxied},
		{"PUT", path, stdioJSON, 403, proxied},
		{"PUT", path, stdioJSON, 200, nil},
		{"DELETE", path, "", 200, proxied},
	} {
		s.admin(t, tt.status, tt.method, tt.path, tt.body, tt.headers...)
	}

	s = newAdmin(t, gateway.WithAllowStdio())
	s.admin(t, 201, "POST", "/mcp/services", stdioJSON, proxied...)
	require.Equal(t, "ok", s.admin(t, 200, "POST", "/bundle", bundle, append(proxied, "Content-Type", "application/yaml")...).Get("status").Str)
}

// Without a connection nobody knows where a request comes from.
func TestAdminStdioWithoutConnection(t *testing.T) {
	gw, err := gateway.New(gateway.WithInsecureAdmin(), gateway.WithStatic(&configstore.MCPService{ID: "fixed", Transport: configstore.TransportStdio, Command: "npx"}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gw.Shutdown(context.WithoutCancel(t.Context()))) })
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, "http://localhost/admin"+path, strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:1234"
		gw.Admin().ServeHTTP(w, r)
		return w
	}
	require.Equal(t, http.StatusForbidden, ask("POST", "/mcp/services", stdioJSON).Code)
	require.Equal(t, http.StatusCreated, ask("POST", "/mcp/services", mcpJSON).Code)
	fixed := ask("GET", "/mcp/services/fixed", "")
	require.Equal(t, http.StatusOK, fixed.Code)
	require.True(t, gjson.Get(fixed.Body.String(), "read_only").Bool())
	require.Equal(t, "key", gjson.Get(fixed.Body.String(), "isolation").Str)
}
