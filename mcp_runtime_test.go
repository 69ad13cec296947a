package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

const upService = "/mcp/services/up"

// What an operator asks of a service is answered by its server, whole and as it is.
func TestMCPAdminAsks(t *testing.T) {
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern, mcptest.Both} {
		for _, kind := range mcpKinds {
			t.Run(fmt.Sprint(kind, era), func(t *testing.T) {
				up := newMCP(t, kind, &mcptest.Server{Era: era})
				// What callers may do with tools is not what an operator may.
				s := newGateway(t, up.bundle("", "tool_policy: {mode: allow}"))
				r := s.admin(t, 200, "GET", upService+"/capabilities", "")
				require.Equal(t, "Be kind.", r.Get("instructions").Str)
				require.Contains(t, r.Raw, "12345678901234567890")
				for path, want := range map[string]struct{ last, first string }{
					"tools":              {"stranger", `{"title":"The echo","x-future":{"b":1,"a":12345678901234567890},"name":"echo","inputSchema":{"type":"object","properties":{"text":{"type":"string","x-mcp-hint":"é"}},"additionalProperties":false},"execution":{"taskSupport":"forbidden"}}`},
					"resources":          {"resource-7", `{"uri":"test://resource/1","name":"resource-1","mimeType":"text/plain","x-odd":{"b":1,"a":12345678901234567890}}`},
					"resource-templates": {"template-2", `{"uriTemplate":"test://template-1/{id}","name":"template-1"}`},
					"prompts":            {"prompt-6", `{"name":"prompt-1","description":"Prompt 1","arguments":[{"name":"topic","required":false,"x-odd":1.50}]}`},
				} {
					items := s.admin(t, 200, "GET", upService+"/"+path, "").Get("items").Array()
					require.Equal(t, want.first, items[0].Raw)
					require.Equal(t, want.last, items[len(items)-1].Get("name").Str)
				}
				call := func(status int, path, body string) gjson.Result {
					return s.admin(t, status, "POST", upService+"/"+path, body)
				}
				require.Equal(t, "é", call(200, "tools/call", `{"name":"echo","arguments":{"text":"\u00e9"}}`).Get("content.0.text").Str)
				require.Contains(t, call(200, "tools/call", `{"name":"big"}`).Raw, `"structuredContent":{"b":12345678901234567890,"a":-0.0,"e":1E400,"n":1.10`)
				require.True(t, call(200, "tools/call", `{"name":"fail"}`).Get("isError").Bool())
				require.Equal(t, "content of test://ü", call(200, "resources/read", `{"uri":"test://ü"}`).Get("contents.0.text").Str)
				require.Equal(t, "prompt-1: x", call(200, "prompts/get", `{"name":"prompt-1","arguments":{"topic":"x"}}`).Get("messages.0.content.text").Str)
				require.Equal(t, "done", call(200, "tools/call", `{"name":"progress"}`).Get("content.0.text").Str)
				for path, body := range map[string]string{"tools/call": `{"name":"unknown"}`, "resources/read": `{"uri":"test://missing"}`} {
					failed := call(502, path, body)
					require.Equal(t, int64(-32602), failed.Get("rpc.code").Int(), failed.Raw)
					require.NotEmpty(t, failed.Get("rpc.message").Str)
					require.Contains(t, failed.Get("error").Str, "mcp_service up")
				}
				require.Empty(t, s.events, "an operator's questions are no traffic")
			})
		}
	}
}

func TestMCPAdminRefuses(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	bundle := strings.Replace(up.bundle("", ""), "mcpRoutes:", "- {id: off, disabled: true, "+up.fields+"}\n- {id: dead, transport: streamable_http, url: 'http://127.0.0.1:1/?token="+upstreamKey+"', headers: {X-Token: "+upstreamKey+"}}\n- {id: nothing, transport: stdio, command: /nonexistent}\nmcpRoutes:", 1)
	s := newGateway(t, bundle)
	for _, tt := range []struct {
		status             int
		method, path, body string
		field              string
	}{
		{404, "GET", "/mcp/services/unknown/tools", "", ""},
		{404, "GET", "/mcp/services/unknown/sessions", "", ""},
		{404, "POST", "/mcp/services/unknown/tools/call", `{"name":"echo"}`, ""},
		{409, "GET", "/mcp/services/off/capabilities", "", "disabled"},
		{409, "POST", "/mcp/services/off/tools/call", `{"name":"echo"}`, "disabled"},
		{502, "GET", "/mcp/services/dead/capabilities", "", ""},
		{502, "GET", "/mcp/services/nothing/tools", "", ""},
		{400, "POST", upService + "/tools/call", ``, ""},
		{400, "POST", upService + "/tools/call", `[]`, ""},
		{400, "POST", upService + "/tools/call", `{}`, "name"},
		{400, "POST", upService + "/tools/call", `{"name":5}`, "name"},
		{400, "POST", upService + "/tools/call", `{"name":""}`, "name"},
		{400, "POST", upService + "/tools/call", `{"name":"echo","arguments":[1]}`, "arguments"},
		{400, "POST", upService + "/tools/call", `{"name":"echo","argument":{}}`, "argument"},
		{400, "POST", upService + "/tools/call", `{"name":"echo","name":"raw"}`, ""},
		{400, "POST", upService + "/tools/call", `{"Name":"echo"}`, ""},
		{400, "POST", upService + "/resources/read", `{"name":"x"}`, ""},
		{400, "GET", "/mcp/runtime/history?route=r", "", "route"},
		{404, "POST", "/mcp/runtime/inflight/unknown/cancel", "", ""},
	} {
		r := s.admin(t, tt.status, tt.method, tt.path, tt.body)
		if tt.field != "" {
			require.Equal(t, tt.field, r.Get("field").Str, "%s: %s", tt.path, r.Raw)
		}
		require.NotContains(t, r.Raw, upstreamKey)
	}
	require.Empty(t, up.Received())
}

// An error that comes with a status of its own is an error of the server's, too.
func TestMCPAdminStatuses(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{Server: &mcptest.Server{Era: mcptest.Modern}})
	s := newGateway(t, up.bundle("", ""))
	s.admin(t, 200, "GET", upService+"/capabilities", "")
	for code, status := range map[int]int{-32601: 404, -32021: 400, -32602: 400} {
		before := len(up.http.Requests())
		up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":null,"error":{"code":%d,"message":"so it is"}}`, code)
		}})
		r := s.admin(t, 502, "POST", upService+"/tools/call", `{"name":"echo"}`)
		require.Equal(t, int64(code), r.Get("rpc.code").Int(), r.Raw)
		require.Equal(t, "so it is", r.Get("rpc.message").Str)
		require.Len(t, up.http.Requests(), before+1)
	}
	for _, status := range []int{401, 403, 404, 500} {
		up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }})
		s.admin(t, 502, "POST", upService+"/tools/call", `{"name":"echo"}`)
	}
}

// fields are the names of an object's members.
func fields(r gjson.Result) (names []string) {
	r.ForEach(func(name, _ gjson.Result) bool { names = append(names, name.Str); return true })
	return names
}

// What is under way, how far it is, and what has been: an operator sees it, and ends it.
func TestMCPRuntime(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("isolation: key", ""))
		for _, path := range []string{"in_flight", "progress"} {
			require.Equal(t, "[]", s.admin(t, 200, "GET", "/mcp/runtime", "").Get(path).Raw)
		}
		c, other := s.mcp(alice).begin(t), s.mcp(bob).begin(t)
		c.last = 40
		st, id := up.slow(t, c)
		kept, _ := up.slow(t, other)
		items := s.admin(t, 200, "GET", "/mcp/runtime/inflight", "").Get("items")
		require.Len(t, items.Array(), 2)
		f := items.Get("0")
		require.Equal(t, []string{"id", "route_id", "service_id", "request_id", "method", "tool_name", "virtual_key_id", "progress_token", "started_at", "cancelled_at", "cancel_reason"}, fields(f))
		require.Equal(t, []string{"r", "up", "41", "tools/call", "null"}, []string{f.Get("route_id").Str, f.Get("service_id").Str, f.Get("request_id").Raw, f.Get("method").Str, f.Get("cancelled_at").Raw})
		require.Equal(t, []string{"slow", "alice"}, []string{f.Get("tool_name").Str, f.Get("virtual_key_id").Str})
		require.True(t, strings.HasSuffix(f.Get("progress_token").Str, "-40"), f.Raw)
		p := s.admin(t, 200, "GET", "/mcp/runtime/progress", "").Get("items.0")
		require.Equal(t, []string{"id", "route_id", "request_id", "progress_token", "progress", "total", "message", "updated_at"}, fields(p))
		require.Equal(t, []string{"r", "41", "1", "2"}, []string{p.Get("route_id").Str, p.Get("request_id").Raw, p.Get("progress").Raw, p.Get("total").Raw})
		require.Equal(t, items.Raw, s.admin(t, 200, "GET", "/mcp/runtime", "").Get("in_flight").Raw)

		cancelled := s.admin(t, 200, "POST", "/mcp/runtime/inflight/"+f.Get("id").Str+"/cancel", "")
		require.Equal(t, "cancelled by an operator", cancelled.Get("cancel_reason").Str)
		require.NotEmpty(t, cancelled.Get("cancelled_at").Str)
		m := st.next(t)
		require.Equal(t, int64(41), m.Get("id").Int(), m.Raw)
		require.Contains(t, m.Get("error.message").Str, "cancelled by an operator")
		st.ended(t)
		require.Equal(t, mcptest.Cancellation{ID: id, By: "notification"}, up.gaveUp(t, 1))
		e := s.call(t)
		require.True(t, e.MCP.Cancelled)
		require.Equal(t, "cancelled", e.MCP.ResultStatus)
		require.Len(t, s.admin(t, 200, "GET", "/mcp/runtime/inflight", "").Get("items").Array(), 1, "the other goes on")
		s.admin(t, 404, "POST", "/mcp/runtime/inflight/"+f.Get("id").Str+"/cancel", "")

		h := s.admin(t, 200, "GET", "/mcp/runtime/history?route_id=r", "").Get("items.0")
		require.Equal(t, []string{"id", "route_id", "request_id", "method", "tool_name", "virtual_key_id", "started_at", "completed_at", "cancelled", "cancel_reason", "error"}, fields(h))
		require.Equal(t, []string{f.Get("id").Str, "r", "41", "tools/call", "true", "cancelled by an operator"}, []string{h.Get("id").Str, h.Get("route_id").Str, h.Get("request_id").Raw, h.Get("method").Str, h.Get("cancelled").Raw, h.Get("cancel_reason").Str})
		require.Equal(t, "[]", s.admin(t, 200, "GET", "/mcp/runtime/history?route_id=x", "").Get("items").Raw)
		require.Equal(t, `["tools/call","initialize","initialize"]`, s.admin(t, 200, "GET", "/mcp/runtime/history", "").Get("items.#.method").Raw)
		kept.close()
	})
}

// The upstream sessions of a service, as its operator sees them.
func TestMCPUpstreamSessions(t *testing.T) {
	for _, kind := range mcpKinds {
		up := newMCP(t, kind, nil)
		s := newGateway(t, up.bundle("isolation: session", ""))
		list := func() gjson.Result { return s.admin(t, 200, "GET", upService+"/sessions", "").Get("items") }
		require.Equal(t, "[]", list().Raw)
		c := s.mcp(alice).begin(t)
		s.mcp(bob).begin(t)
		st, _ := up.slow(t, c)
		items := list()
		require.Len(t, items.Array(), 2)
		one := items.Get("0")
		for _, name := range []string{"id", "service_id", "upstream_session_id", "transport", "state", "created_at", "last_used_at"} {
			require.Contains(t, fields(one), name)
		}
		require.Equal(t, []string{"up", "active", "idle"}, []string{one.Get("service_id").Str, one.Get("state").Str, items.Get("1.state").Str})
		require.Equal(t, up.http != nil, one.Get("upstream_session_id").Str != "", items.Raw)
		require.NotEqual(t, c.session, one.Get("id").Str, "a caller's session is its secret")
		require.NotContains(t, items.Raw, c.session)
		require.True(t, strings.HasPrefix(up.fields, "transport: "+one.Get("transport").Str))
		st.close()
		require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", c.headers()...).Status)
		require.Len(t, list().Array(), 1)
	}
}
