package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// mcpEvents are requests, and what their events say besides the mode and the service.
var mcpEvents = []struct {
	method, name, members string
	want                  metrics.MCP
	failed                string // the type of the error; empty on success
	status                int
}{
	{"tools/list", "", "", metrics.MCP{RequestID: "1", ResultStatus: "ok"}, "", 200},
	{"tools/call", "say", `"arguments":{"text":"canary","b":{"c":1},"a":[1,2]}`, metrics.MCP{RequestID: "1", ToolName: "echo", PresentedToolName: "say", ExecutedToolName: "echo", PolicyAction: "allow", ArgCount: 3, ResultStatus: "ok"}, "", 200},
	{"tools/call", "fail", "", metrics.MCP{RequestID: "1", ToolName: "fail", PresentedToolName: "fail", ExecutedToolName: "fail", PolicyAction: "allow", ResultStatus: "tool_error"}, "tool_error", 200},
	{"tools/call", "raw", `"arguments":{"text":"canary"}`, metrics.MCP{RequestID: "1", ToolName: "raw", PresentedToolName: "raw", PolicyAction: "deny", ArgCount: 1, ResultStatus: "denied"}, "tool_denied", 200},
	{"tools/call", "unknown", `"arguments":{"canary":1}`, metrics.MCP{RequestID: "1", ToolName: "unknown", PresentedToolName: "unknown", ExecutedToolName: "unknown", PolicyAction: "allow", ArgCount: 1, ResultStatus: "error"}, "rpc_error", 200},
	{"resources/read", "test://a?canary", "", metrics.MCP{RequestID: "1", ResourceURI: "test://a?canary", ResultStatus: "ok"}, "", 200},
	{"resources/read", "test://missing", "", metrics.MCP{RequestID: "1", ResourceURI: "test://missing", ResultStatus: "error"}, "rpc_error", 200},
	{"prompts/get", "prompt-1", `"arguments":{"topic":"canary"}`, metrics.MCP{RequestID: "1", PromptName: "prompt-1", ResultStatus: "ok"}, "", 200},
	{"completion/complete", "", `"ref":{"type":"ref/prompt","name":"canary"},"argument":{"name":"topic","value":"canary"}`, metrics.MCP{RequestID: "1", ResultStatus: "ok"}, "", 200},
	{"x-vendor/unknown", "", `"canary":1`, metrics.MCP{RequestID: "1", ResultStatus: "error"}, "rpc_error", 404},
}

// Each request leaves one event, which says what was asked for and what came of it, and
// nothing of the arguments' values.
func TestMCPEvents(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("", "tool_policy: {mode: deny, tools: [raw], overrides: {echo: {name: say}}}"))
		for _, tt := range mcpEvents {
			for mode, do := range map[string]func(c *mcpCaller) answer{
				"session": func(c *mcpCaller) answer {
					c.begin(t)
					return c.post(t, c.request(tt.method, mcpParams(tt.name, tt.method, tt.members)))
				},
				"bare": func(c *mcpCaller) answer {
					return c.post(t, c.request(tt.method, mcpParams(tt.name, tt.method, tt.members)))
				},
				"stateless": func(c *mcpCaller) answer { return c.alone(t, tt.method, tt.name, tt.members) },
			} {
				s.drain()
				c := s.mcp(alice)
				got := do(c)
				if mode == "session" {
					begun := s.event(t)
					require.Equal(t, metrics.MCP{RequestID: "0", ServiceID: "up", Method: "initialize", ExecutionMode: "session", ResultStatus: "ok"}, *begun.MCP)
				}
				status := tt.status
				if mode != "stateless" {
					status = 200
				}
				require.Equal(t, status, got.Status, got.Body)
				e := s.event(t)
				want := tt.want
				want.Method, want.ServiceID, want.ExecutionMode = tt.method, "up", mode
				require.Equal(t, want, *e.MCP)
				require.Equal(t, []any{"r", "mcp", "mcp", "alice", tt.failed == "", tt.failed, status}, []any{e.RouteID, e.RouteKind, e.RouteProtocol, e.VirtualKeyID, e.Success, e.ErrorType, e.StatusCode})
				require.Equal(t, got.Header.Get("X-Trace-ID"), e.TraceID)
				require.Equal(t, got.Header.Get("X-Span-ID"), e.SpanID)
				require.NotEmpty(t, e.EventID)
				require.False(t, e.StartedAt.IsZero() || e.FinishedAt.Before(e.StartedAt))
				require.Empty(t, s.events, "one event a request")
			}
		}
		require.NotContains(t, s.log.String(), "canary")
	})
}

// Ids of all kinds, and what is too long for an event.
func TestMCPEventIDs(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("", ""))
	c := s.mcp("")
	for id, want := range map[string]string{
		`"\u00fc\""`: `ü"`, `""`: `""`, "-7": "-7", "1.0": "1.0", "12345678901234567890": "12345678901234567890",
		`"` + strings.Repeat("x", 500) + `"`: strings.Repeat("x", 128),
	} {
		c.post(t, `{"jsonrpc":"2.0","id":`+id+`,"method":"ping"}`)
		e := s.event(t)
		require.Equal(t, want, e.MCP.RequestID)
		require.Empty(t, e.VirtualKeyID)
	}
	c.post(t, c.request("tools/call", toolCall(strings.Repeat("é", 500), "{}")))
	e := s.event(t)
	require.LessOrEqual(t, len(e.MCP.PresentedToolName), 128)
	require.LessOrEqual(t, len(e.MCP.ToolName), 128)
	require.LessOrEqual(t, len(e.MCP.ExecutedToolName), 128)
	c.post(t, c.request("resources/read", `{"uri":"test://`+strings.Repeat("é", 5000)+`"}`))
	require.LessOrEqual(t, len(s.event(t).MCP.ResourceURI), 1024)
}

// The arguments of tools are kept where the service's audit wants them: as they are, and
// no more than it wants.
func TestMCPToolArgs(t *testing.T) {
	const args = `{ "text":"\u00e9","n":12345678901234567890}`
	for audit, want := range map[string]string{
		"":                                  "",
		"audit: {capture_tool_args: false}": "",
		"audit: {capture_tool_args: true}":  args,
		"audit: {capture_tool_args: true, max_bytes: 10}": args[:10],
	} {
		up := newMCPHTTP(t, &mcptest.HTTP{})
		s := newGateway(t, up.bundle(audit, "tool_policy: {mode: deny, tools: [raw]}"))
		c := s.mcp(alice)
		for _, tool := range []string{"echo", "raw"} {
			c.post(t, c.request("tools/call", toolCall(tool, args)))
			require.Equal(t, want, s.event(t).MCP.ToolArgs)
		}
		c.post(t, c.request("prompts/get", toolCall("prompt-1", args)))
		require.Empty(t, s.event(t).MCP.ToolArgs)
	}
}

// What was refused leaves an event too.
func TestMCPRefusedEvents(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("isolation: session, max_instances: 1", ""))
	c := s.mcp(alice).begin(t)
	s.event(t)
	for _, tt := range []struct {
		method, body string
		headers      []string
		status       int
		event        string
	}{
		{"POST", "hello", nil, 400, ""},
		{"POST", `{"jsonrpc":"2.0","id":5,"method":"ping"}`, []string{"Content-Type", "text/plain"}, 415, ""},
		{"POST", `{"jsonrpc":"2.0","id":5,"method":"ping"}`, []string{"Mcp-Session-Id", "unknown"}, 404, "ping"},
		{"POST", `{"jsonrpc":"2.0","id":5,"method":"ping"}`, []string{"Mcp-Session-Id", "-"}, 429, "ping"},
		{"POST", initialize, []string{"Mcp-Session-Id", "-"}, 429, "initialize"},
		{"GET", "", []string{"Accept", "text/html"}, 406, ""},
		{"GET", "", []string{"Mcp-Session-Id", "-"}, 405, ""},
		{"DELETE", "", []string{"Mcp-Session-Id", "unknown"}, 404, ""},
	} {
		got := s.do(t, tt.method, "/mcp", tt.body, c.headers(tt.headers...)...)
		require.Equal(t, tt.status, got.Status, got.Body)
		e := s.event(t)
		require.Equal(t, tt.status, e.StatusCode)
		require.Equal(t, tt.event, e.MCP.Method)
		require.Equal(t, "refused", e.MCP.ResultStatus)
		require.False(t, e.Success)
		require.NotEmpty(t, e.ErrorType)
		require.Equal(t, "alice", e.VirtualKeyID)
	}
	require.Equal(t, http.StatusOK, s.do(t, "DELETE", "/mcp", "", c.headers()...).Status)
}
