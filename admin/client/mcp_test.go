package client_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/admin/client"
)

func TestMCPRequests(t *testing.T) {
	ctx := t.Context()
	arguments := json.RawMessage(`{"n":12345678901234567890,"text":"a<b>&é"}`)
	for _, tt := range []struct {
		name       string
		call       func(c *client.Client) (any, error)
		want, body string
		answer     string
	}{
		{"capabilities", func(c *client.Client) (any, error) { return c.MCPCapabilities(ctx, "a b/c") }, "GET /admin/mcp/services/a%20b%2Fc/capabilities", "", `{"capabilities":{}}`},
		{"sessions", func(c *client.Client) (any, error) { return c.MCPSessions(ctx, "s") }, "GET /admin/mcp/services/s/sessions", "", `{"items":[{"id":"1"}]}`},
		{"tools", func(c *client.Client) (any, error) { return c.MCPTools(ctx, "s") }, "GET /admin/mcp/services/s/tools", "", `{"items":[{"name":"t"}]}`},
		{"resources", func(c *client.Client) (any, error) { return c.MCPResources(ctx, "s") }, "GET /admin/mcp/services/s/resources", "", `{"items":[]}`},
		{"templates", func(c *client.Client) (any, error) { return c.MCPResourceTemplates(ctx, "s") }, "GET /admin/mcp/services/s/resource-templates", "", `{"items":[]}`},
		{"prompts", func(c *client.Client) (any, error) { return c.MCPPrompts(ctx, "s") }, "GET /admin/mcp/services/s/prompts", "", `{"items":[]}`},
		{"call", func(c *client.Client) (any, error) { return c.MCPCallTool(ctx, "s", "t", arguments) }, "POST /admin/mcp/services/s/tools/call", `{"name":"t","arguments":` + string(arguments) + `}`, `{"content":[]}`},
		{"call without arguments", func(c *client.Client) (any, error) { return c.MCPCallTool(ctx, "s", "t", nil) }, "POST /admin/mcp/services/s/tools/call", `{"name":"t"}`, `{"content":[]}`},
		{"read", func(c *client.Client) (any, error) { return c.MCPReadResource(ctx, "s", "file:///a?b&c") }, "POST /admin/mcp/services/s/resources/read", `{"uri":"file:///a?b&c"}`, `{"contents":[]}`},
		{"prompt", func(c *client.Client) (any, error) { return c.MCPGetPrompt(ctx, "s", "p", json.RawMessage("{}")) }, "POST /admin/mcp/services/s/prompts/get", `{"name":"p","arguments":{}}`, `{"messages":[]}`},
		{"runtime", func(c *client.Client) (any, error) { return c.MCPRuntime(ctx) }, "GET /admin/mcp/runtime", "", `{"in_flight":[],"progress":[]}`},
		{"in flight", func(c *client.Client) (any, error) { return c.MCPInFlight(ctx) }, "GET /admin/mcp/runtime/inflight", "", `{"items":[]}`},
		{"progress", func(c *client.Client) (any, error) { return c.MCPProgress(ctx) }, "GET /admin/mcp/runtime/progress", "", `{"items":[]}`},
		{"history", func(c *client.Client) (any, error) { return c.MCPHistory(ctx, "") }, "GET /admin/mcp/runtime/history", "", `{"items":[]}`},
		{"history of a route", func(c *client.Client) (any, error) { return c.MCPHistory(ctx, "mcp:s:/mcp") }, "GET /admin/mcp/runtime/history?route_id=mcp%3As%3A%2Fmcp", "", `{"items":[]}`},
		{"cancel", func(c *client.Client) (any, error) { return c.MCPCancel(ctx, "a/b") }, "POST /admin/mcp/runtime/inflight/a%2Fb/cancel", "", `{"id":"a/b"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got, body string
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got, body = r.Method+" "+r.RequestURI, string(b)
				io.WriteString(w, tt.answer)
			}, client.Options{})
			answer, err := tt.call(c)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			if tt.body == "" {
				require.Empty(t, body)
			} else {
				require.Equal(t, tt.body+"\n", body)
			}
			if items, ok := answer.([]json.RawMessage); ok {
				answer = map[string]any{"items": items}
			}
			text, err := json.Marshal(answer)
			require.NoError(t, err)
			require.Equal(t, tt.answer, string(text))
		})
	}
}

func TestMCPServersErrors(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		io.WriteString(w, `{"error":"mcp_service s answers with an error: no such tool","field":"","rpc":{"code":-32602,"message":"no such tool"}}`)
	}, client.Options{})
	_, err := c.MCPCallTool(t.Context(), "s", "t", nil)
	var e *client.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, &client.RPCError{Code: -32602, Message: "no such tool"}, e.RPC)
	require.EqualError(t, err, "mcp_service s answers with an error: no such tool (JSON-RPC error -32602)")
}

func TestMCPNeedsAnID(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }, client.Options{})
	_, err := c.MCPTools(t.Context(), "")
	require.EqualError(t, err, "the id of the mcp_service is empty")
	_, err = c.MCPReadResource(t.Context(), "", "file:///a")
	require.EqualError(t, err, "the id of the mcp_service is empty")
	_, err = c.MCPCancel(t.Context(), "")
	require.EqualError(t, err, "the id of the MCP request is empty")
	_, err = c.MCPCallTool(t.Context(), "s", "t", json.RawMessage("{"))
	require.EqualError(t, err, "the arguments are not JSON")
}
