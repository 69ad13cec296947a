package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// gets counts the streams that a server was asked for.
func (m *mcpServer) gets() (n int) {
	for _, r := range m.http.Requests() {
		if r.Method == "GET" {
			n++
		}
	}
	return n
}

// A server that knows no GET, and says 404 of it as frameworks do, has not forgotten the
// session.
func TestMCPNoStream(t *testing.T) {
	for _, sessionless := range []bool{true, false} {
		for _, status := range []int{404, 405} {
			up := newMCPHTTP(t, &mcptest.HTTP{JSON: true, Sessionless: sessionless})
			s := newGateway(t, up.bundle("", ""))
			c := s.mcp(alice).begin(t)
			up.http.Enqueue(mcptest.Fault{Method: "GET", Serve: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Cannot GET /mcp", status) }})
			got := s.do(t, "GET", "/mcp", "", c.headers("Accept", "text/event-stream")...)
			require.Equal(t, 405, got.Status, got.Body)
			require.Equal(t, "POST, DELETE", got.Header.Get("Allow"))
			require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`))
		}
	}
}

// A shared session listens on when the server thinks that it does so already.
func TestMCPListenAgain(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("isolation: key", ""))
	up.http.Enqueue(
		mcptest.Fault{Method: "GET", Serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
		}},
		mcptest.Fault{Method: "GET", Serve: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "Conflict: Only one SSE stream is allowed per session", http.StatusConflict)
		}},
	)
	st := s.mcp(alice).begin(t).listen(t)
	require.Eventually(t, func() bool { return up.gets() >= 3 }, patience, step)
	up.Emit(toolsChanged)
	require.Equal(t, toolsChanged, st.next(t).Raw)
}

// A session has a bound on its streams.
func TestMCPStreamsOfSession(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("", ""))
	c := s.mcp(alice).begin(t)
	var streams []*mcpStream
	for range 16 {
		streams = append(streams, c.listen(t))
	}
	got := s.do(t, "GET", "/mcp", "", c.headers("Accept", "text/event-stream")...)
	require.Equal(t, 429, got.Status, got.Body)
	require.NotEmpty(t, got.Header.Get("Retry-After"))
	require.Equal(t, 16, up.gets())
	streams[0].close()
	require.Eventually(t, func() bool {
		st := c.stream(t, "GET", "", "Accept", "text/event-stream")
		return st.resp.StatusCode == 200
	}, patience, step)
}

// Whose key is taken away, or whose route leads elsewhere, hears no more, and reaches the
// former server no more.
func TestMCPTakenAway(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *stack){
		"key deleted":  func(t *testing.T, s *stack) { s.admin(t, 200, "DELETE", "/virtual_keys/alice", "") },
		"key disabled": func(t *testing.T, s *stack) { s.admin(t, 200, "POST", "/virtual_keys/alice/disable", "") },
		"key of other": func(t *testing.T, s *stack) {
			s.admin(t, 200, "PUT", "/virtual_keys/alice", `{"id":"alice","key":"`+alice+`","allowed_route_ids":["other"]}`)
		},
		"route disabled": func(t *testing.T, s *stack) { s.admin(t, 200, "POST", "/mcp/routes/r/disable", "") },
		"route elsewhere": func(t *testing.T, s *stack) {
			s.admin(t, 200, "PUT", "/mcp/routes/r", `{"id":"r","service_id":"other","match_policy":{"path_prefix":"/mcp"},"auth_policy":{"require_virtual_key":true}}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, isolation := range []string{"session", "key"} {
				up, other := newMCPHTTP(t, &mcptest.HTTP{}), newMCPHTTP(t, &mcptest.HTTP{})
				s := newAdmin(t)
				for id, m := range map[string]*mcpServer{"up": up, "other": other} {
					s.admin(t, 201, "POST", "/mcp/services", fmt.Sprintf(`{"id":%q,"transport":"streamable_http","url":%q,"isolation":%q}`, id, m.fields[strings.Index(m.fields, "http://"):], isolation))
				}
				s.admin(t, 201, "POST", "/mcp/routes", `{"id":"r","service_id":"up","match_policy":{"path_prefix":"/mcp"},"auth_policy":{"require_virtual_key":true}}`)
				s.admin(t, 201, "POST", "/mcp/routes", `{"id":"other","service_id":"other","match_policy":{"path_prefix":"/other"},"auth_policy":{"require_virtual_key":true}}`)
				for id, key := range map[string]string{"alice": alice, "bob": bob} {
					s.admin(t, 201, "POST", "/virtual_keys", fmt.Sprintf(`{"id":%q,"key":%q,"allowed_route_ids":["*"]}`, id, key))
				}
				c := s.mcp(alice).begin(t)
				st, news := c.listen(t), s.mcp(alice).subscribe(t, `{"toolsListChanged":true}`)
				kept := s.mcp(bob).begin(t).listen(t)
				change(t, s)
				st.ended(t)
				news.readAll(t)
				before := len(up.Received())
				require.NotEqual(t, 200, c.post(t, c.request("tools/call", toolCall("echo", "{}"))).Status)
				for _, r := range up.Received()[before:] {
					require.NotContains(t, r, "echo")
				}
				if strings.HasPrefix(name, "key") {
					up.Emit(toolsChanged)
					require.Equal(t, toolsChanged, kept.next(t).Raw)
				}
			}
		})
	}
}

// Subscriptions of 2026-07-28 are no calls that Shutdown waits for: it ends them, as a
// server does.
func TestMCPShutdownOfSubscriptions(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("", ""))
		c := s.mcp(alice)
		st := c.subscribe(t, `{"toolsListChanged":true}`)
		ended := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
			defer cancel()
			ended <- s.Shutdown(ctx)
		}()
		m := st.next(t)
		require.Equal(t, int64(c.last), m.Get("id").Int(), m.Raw)
		require.Equal(t, int64(c.last), m.Get(`result._meta.io\.modelcontextprotocol/subscriptionId`).Int(), m.Raw)
		st.ended(t)
		require.NoError(t, <-ended)
	})
}

// An operator's cancellation reaches a server whose streams can be gone on with, too.
func TestMCPCancelResumable(t *testing.T) {
	up := resumable(t)
	s := newGateway(t, up.bundle("isolation: session", ""))
	st, id := up.slow(t, s.mcp(alice).begin(t))
	f := s.admin(t, 200, "GET", "/mcp/runtime/inflight", "").Get("items.0")
	s.admin(t, 200, "POST", "/mcp/runtime/inflight/"+f.Get("id").Str+"/cancel", "")
	require.Contains(t, st.next(t).Get("error.message").Str, "cancelled by an operator")
	require.Equal(t, mcptest.Cancellation{ID: id, By: "notification"}, up.gaveUp(t, 1))
}

// Who ends its session in the middle of a call is told so, and nobody else is blamed.
func TestMCPDeleteInCall(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key"} {
			deleteInCall(t, up, newGateway(t, up.bundle("isolation: "+isolation, "")))
		}
	})
}

func deleteInCall(t *testing.T, up *mcpServer, s *stack) {
	c := s.mcp(alice).begin(t)
	st, _ := up.slow(t, c)
	s.drain()
	require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", c.headers()...).Status)
	require.Equal(t, "the session has ended", st.next(t).Get("error.message").Str)
	e := s.call(t)
	require.Equal(t, []any{"cancelled", "canceled", true}, []any{e.MCP.ResultStatus, e.ErrorType, e.MCP.Cancelled})
	require.NotContains(t, s.log.String(), "an MCP server has failed")
}

// A batch of a session that is over is answered as any request of it.
func TestMCPBatchOfEnded(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("", ""))
	c := s.mcp(alice).begin(t)
	require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", c.headers()...).Status)
	for _, batch := range []string{"[" + initialized + "]", "[" + c.request("ping", "") + "]"} {
		require.Equal(t, 404, c.post(t, batch).Status)
	}
}
