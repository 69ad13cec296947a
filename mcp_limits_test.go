package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// The bounds are what an embedder says.
func TestMCPLimits(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("isolation: session", ""), gateway.WithMCPLimits(gateway.MCPLimits{
			Body: 2000, Sessions: 3, SessionsPerKey: 2, InFlight: 2, Queue: 2, History: 2, KeepAlive: time.Millisecond,
		}))
		one := s.mcp(alice).begin(t)
		two := s.mcp(alice).begin(t)
		require.Equal(t, 429, s.mcp(alice).post(t, initialize).Status)
		s.mcp(bob).begin(t)
		require.Equal(t, 429, s.mcp(bob).post(t, initialize).Status)
		require.Equal(t, 413, one.post(t, one.request("tools/call", toolCall("echo", fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 2000))))).Status)

		// A stream that waits says so. That both run is seen by what they log.
		slow, _ := up.slow(t, one)
		other, _ := up.slow(t, two)
		got := one.post(t, one.request("ping", ""))
		require.Equal(t, 503, got.Status, got.Body)
		require.NotEmpty(t, got.Header.Get("Retry-After"))
		require.Contains(t, got.Body, fmt.Sprintf(`"id":%d`, one.last))
		line, err := slow.r.ReadString('\n')
		for err == nil && line != ": keep-alive\n" {
			line, err = slow.r.ReadString('\n')
		}
		require.NoError(t, err)
		slow.close()
		other.close()
		require.Eventually(t, func() bool { return one.post(t, one.request("ping", "")).Status == 200 }, patience, step)
		require.Len(t, s.admin(t, 200, "GET", "/mcp/runtime/history", "").Get("items").Array(), 2)
	})
	require.Error(t, gateway.WithMCPLimits(gateway.MCPLimits{Queue: -1})(&gateway.Settings{}))
}

// What waits too long for a stream is dropped, and counted.
func TestMCPQueue(t *testing.T) {
	for _, kind := range []string{"sse", "stdio"} {
		up := newMCP(t, kind, nil)
		s := newGateway(t, up.bundle("isolation: session", ""), gateway.WithMCPLimits(gateway.MCPLimits{Queue: 2}))
		c := s.mcp(alice).begin(t)
		for i := range 5 {
			up.Emit(updated(fmt.Sprintf("test://%d", i)))
		}
		dropped := func() int64 {
			return s.admin(t, 200, "GET", upService+"/sessions", "").Get("items.0.dropped_messages").Int()
		}
		require.Eventually(t, func() bool { return dropped() == 3 }, patience, step)
		st := c.listen(t)
		require.Equal(t, updated("test://3"), st.next(t).Raw)
		require.Equal(t, updated("test://4"), st.next(t).Raw)
	}
}

// A server that goes on with a call that was cancelled is not waited for.
func TestMCPCancelUnheard(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("isolation: session", ""), gateway.WithMCPLimits(gateway.MCPLimits{KeepAlive: time.Millisecond}))
		c := s.mcp(alice).begin(t)
		come, marked := make(chan struct{}), strings.HasSuffix(t.Name(), "/events") // with an id
		if up.http != nil {
			up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				if marked {
					fmt.Fprint(w, "id: 1\ndata: \n\n")
				}
				_ = http.NewResponseController(w).Flush()
				close(come)
				<-r.Context().Done()
			}})
		}
		st := c.open(t, c.request("tools/call", toolCall("never", "{}")))
		var err error
		if up.http != nil {
			<-come
		} else {
			_, err = up.WaitReceived(t.Context(), `"never"`)
		}
		require.NoError(t, err)
		require.Equal(t, 202, c.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, c.last)).Status)
		if marked { // whose stream could be gone on with, so that it is the server's to end it
			f := s.admin(t, 200, "GET", "/mcp/runtime/inflight", "").Get("items.0")
			require.Equal(t, "cancelled by the client", f.Get("cancel_reason").Str, f.Raw)
			s.admin(t, 200, "POST", "/mcp/runtime/inflight/"+f.Get("id").Str+"/cancel", "")
		}
		st.ended(t) // without a word: who has cancelled does not wait for one
		e := s.call(t)
		require.True(t, e.MCP.Cancelled)
		require.Equal(t, "cancelled", e.MCP.ResultStatus)

		// Who takes no events gets the answer that HTTP wants.
		answered := make(chan string, 1)
		request := c.request("tools/call", toolCall("never", `{"again":1}`))
		go func() {
			resp, err := http.DefaultClient.Do(newMCPRequest(s.URL+"/mcp", request, c.headers("Accept", "application/json")...))
			if err != nil {
				answered <- err.Error()
				return
			}
			answered <- read(resp).Body
		}()
		_, err = up.WaitReceived(t.Context(), `"again"`)
		require.NoError(t, err)
		require.Equal(t, 202, c.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, c.last)).Status)
		require.Contains(t, <-answered, fmt.Sprintf(`"id":%d,"error":{"code":-32000,"message":"the request was cancelled: cancelled by the client"}`, c.last))
	})
}

// Who has the answer comes with the next request before the stream of the answer has
// ended, and with the same id maybe: nothing of the last one is held any longer.
func TestMCPNextRequestAtOnce(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key"} {
			bundle := strings.Replace(up.bundle("isolation: "+isolation, ""), "- {id: alice, ", "- {id: alice, rate_limit: {concurrency: 1}, ", 1)
			s := newGateway(t, bundle)
			c := s.mcp(alice).begin(t)
			for i := range 200 {
				st := c.open(t, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{},"_meta":{"progressToken":1}}}`, "Accept", "text/event-stream")
				require.Equal(t, 200, st.resp.StatusCode, i)
				m := st.next(t)
				require.True(t, m.Get("result").Exists(), m.Raw)
			}
		}
	})
}
