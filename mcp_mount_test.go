package gateway_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// Routes of both kinds share prefixes, and a dispatcher serves those that it is for.
func TestMCPDispatcher(t *testing.T) {
	llm, up := newUpstream(t), newMCPHTTP(t, &mcptest.HTTP{})
	bundle := oneProvider(llm) + `
mcpServices:
- {id: up, ` + up.fields + `}
mcpRoutes:
- {id: root, service_id: up, match_policy: {path_prefix: /}}
- {id: deep, service_id: up, match_policy: {path_prefix: /a/mcp}}
- {id: host, service_id: up, match_policy: {path_prefix: /hosted, host: mcp.example}}
- {id: post, service_id: up, match_policy: {path_prefix: /post, methods: [POST]}}
`
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	s := newStack(t, func(gw *gateway.Gateway) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", gw)
		mux.Handle("/mcponly/", http.StripPrefix("/mcponly", gw.Dispatcher(next, gateway.MCP)))
		mux.Handle("/llmonly/", http.StripPrefix("/llmonly", gw.Dispatcher(next, gateway.OpenAI)))
		mux.Handle("/all/", http.StripPrefix("/all", gw.Dispatcher(next)))
		return mux
	}, gateway.WithStaticBundle([]byte(bundle), os.LookupEnv), gateway.WithMaxAgentDepth(3))
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for _, tt := range []struct {
		method, path, body string
		status             int
		route              string
		headers            []string
	}{
		{"POST", "/", ping, 200, "root", nil},
		{"POST", "/a/mcp", ping, 200, "deep", nil},
		{"POST", "/a/mcp/", ping, 200, "deep", nil},
		{"POST", "/a/mcp?x=y", ping, 200, "deep", nil},
		{"POST", "/a/mcp/more", ping, 404, "", nil},
		{"POST", "/a/mcpx", ping, 404, "", nil},
		{"POST", "/a/%6dcp", ping, 404, "", nil},
		{"POST", "/hosted", ping, 404, "", nil},
		{"POST", "/hosted", ping, 200, "host", []string{"Host", "MCP.example:80"}},
		{"POST", "/post", ping, 200, "post", nil},
		{"GET", "/post", "", 405, "post", []string{"Accept", "text/event-stream"}},
		{"PUT", "/a/mcp", ping, 405, "deep", nil},
		{"GET", "/a/mcp", "", 405, "deep", []string{"Accept", "text/event-stream"}},
		{"POST", "/a/mcp", ping, 403, "deep", []string{"X-Agent-Depth", "3"}},
		{"POST", "/a/mcp", ping, 200, "deep", []string{"X-Agent-Depth", "2"}},
		{"POST", "/v1/chat/completions", chatBody, 200, "openai", nil},

		{"POST", "/mcponly/a/mcp", ping, 200, "deep", nil},
		{"POST", "/mcponly/", ping, 200, "root", nil},
		{"POST", "/mcponly/v1/chat/completions", chatBody, 418, "", nil},
		{"POST", "/mcponly/a/mcp/more", ping, 418, "", nil},
		{"PUT", "/mcponly/a/mcp", ping, 418, "", nil},
		{"POST", "/llmonly/a/mcp", ping, 418, "", nil},
		{"POST", "/llmonly/", ping, 418, "", nil},
		{"POST", "/llmonly/v1/chat/completions", chatBody, 200, "openai", nil},
		{"POST", "/all/a/mcp", ping, 200, "deep", nil},
		{"POST", "/all/v1/chat/completions", chatBody, 200, "openai", nil},
		{"POST", "/all/nothing", ping, 418, "", nil},
	} {
		got := s.do(t, tt.method, tt.path, tt.body, tt.headers...)
		require.Equal(t, tt.status, got.Status, "%s %s: %s", tt.method, tt.path, got.Body)
		require.Equal(t, tt.path == "/a/mcp/more", strings.Contains(got.Body, "MCP is served at /a/mcp itself"), got.Body)
		if tt.route != "" {
			e := s.event(t)
			require.Equal(t, tt.route, e.RouteID, tt.path)
			require.Equal(t, got.Header.Get("X-Trace-ID"), e.TraceID)
			require.NotEmpty(t, got.Header.Get("X-Agent-Depth"))
		}
	}
}

// A changed service is another: its sessions end once nobody uses them, and the next are
// with the new one.
func TestMCPServiceChanges(t *testing.T) {
	old, changed := newMCPHTTP(t, &mcptest.HTTP{Server: &mcptest.Server{Name: "old"}}), newMCPHTTP(t, &mcptest.HTTP{Server: &mcptest.Server{Name: "new"}})
	service := func(m *mcpServer, more string) string {
		return fmt.Sprintf(`{"id":"up","transport":"streamable_http","url":%q,"isolation":"session"%s}`, m.fields[strings.Index(m.fields, "http://"):], more)
	}
	s := newAdmin(t)
	s.admin(t, 201, "POST", "/mcp/services", service(old, ""))
	s.admin(t, 201, "POST", "/mcp/routes", `{"id":"r","service_id":"up","match_policy":{"path_prefix":"/mcp"}}`)
	c := s.mcp("").begin(t)
	begin := func() string {
		got := s.mcp("").post(t, initialize)
		require.Equal(t, 200, got.Status, got.Body)
		return got.result(t).Get("result.serverInfo.name").Str
	}
	require.Equal(t, "old", begin())
	s.admin(t, 200, "PUT", "/mcp/services/up", service(old, "")) // no change
	s.admin(t, 200, "PUT", "/mcp/services/up", service(old, `,"name":"The old one","description":"For people."`))
	s.admin(t, 201, "POST", "/mcp/routes", `{"id":"other","service_id":"up","match_policy":{"path_prefix":"/other"}}`)
	require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`))

	s.admin(t, 200, "PUT", "/mcp/services/up", service(changed, ""))
	require.Equal(t, "new", begin())
	require.Equal(t, 404, c.post(t, c.request("ping", "")).Status)
	require.Eventually(t, func() bool { return old.http.Sessions() == 0 }, patience, step)
	c = s.mcp("").begin(t)
	s.admin(t, 200, "POST", "/mcp/services/up/disable", "")
	require.Equal(t, 403, c.post(t, c.request("ping", "")).Status)
	s.admin(t, 200, "POST", "/mcp/services/up/enable", "")
	require.Equal(t, "new", begin())
	for _, id := range []string{"r", "other"} {
		s.admin(t, 200, "DELETE", "/mcp/routes/"+id, "")
	}
	s.admin(t, 200, "DELETE", "/mcp/services/up", "")
	require.Eventually(t, func() bool { return changed.http.Sessions() == 0 }, patience, step)
	require.Equal(t, 404, s.mcp("").post(t, initialize).Status)
}

// Shutdown ends what waits for what servers may say, and waits for what was asked.
func TestMCPShutdown(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			c, listens := s.mcp(alice).begin(t), s.mcp(bob).begin(t)
			st, call := listens.listen(t), c.open(t, c.request("tools/call", toolCall("ask", "{}")))
			asked := call.next(t)
			ended := make(chan error, 1)
			go func() { ended <- s.Shutdown(context.WithoutCancel(t.Context())) }()
			st.ended(t)
			require.Empty(t, ended, "a call is under way")
			c.answer(t, asked, `{"late":true}`)
			require.Contains(t, call.next(t).Get("result.content.0.text").Str, "late")
			require.NoError(t, <-ended)
		}
	})
}

// What does not end by itself ends with the time for it, the server's processes too.
func TestMCPShutdownInTime(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		gw, err := gateway.New(gateway.WithStaticBundle([]byte(up.bundle("isolation: session", "")), os.LookupEnv), gateway.WithLogger(slog.New(slog.DiscardHandler)))
		require.NoError(t, err)
		ts := httptest.NewServer(gw)
		s := &stack{Gateway: gw, URL: ts.URL, client: newClient()}
		t.Cleanup(func() { s.client.CloseIdleConnections(); ts.Close() })
		st, _ := up.slow(t, s.mcp(alice).begin(t))
		bare, _ := up.slow(t, s.mcp(alice))
		body, headers := s.mcp(bob).stateless("tools/call", "slow", "")
		alone := s.mcp(bob).open(t, body, headers...)
		alone.next(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, gw.Shutdown(ctx), context.Canceled)
		for _, st := range []*mcpStream{st, bare, alone} {
			require.Contains(t, fmt.Sprint(st.readAll(t)), `"error"`)
		}
	})
}

// What is for people does not end the sessions of a service, on any transport.
func TestMCPServiceRenamed(t *testing.T) {
	up := newMCP(t, "stdio", nil)
	s := newAdmin(t, gateway.WithAllowStdio())
	fields := up.fields[strings.Index(up.fields, mcpChild):]
	addr := strings.Trim(strings.Split(fields, ",")[0][len(mcpChild)+2:], `"`)
	service := func(more string) string {
		return fmt.Sprintf(`{"id":"up","transport":"stdio","command":%q,"env":{%q:%q,"GORACE":"atexit_sleep_ms=0"}%s}`, os.Args[0], mcpChild, addr, more)
	}
	s.admin(t, 201, "POST", "/mcp/services", service(""))
	s.admin(t, 201, "POST", "/mcp/routes", `{"id":"r","service_id":"up","match_policy":{"path_prefix":"/mcp"}}`)
	c := s.mcp("").begin(t)
	s.admin(t, 200, "PUT", "/mcp/services/up", service(`,"name":"The old one"`))
	for range 3 {
		require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`))
	}
	require.Len(t, s.admin(t, 200, "GET", upService+"/sessions", "").Get("items").Array(), 1)
	require.Len(t, up.begins(), 1)
}
