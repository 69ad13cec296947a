package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// slow has a call run that does not end by itself, and returns the id under which the
// server has it.
func (m *mcpServer) slow(t *testing.T, c *mcpCaller) (st *mcpStream, id string) {
	t.Helper()
	token := fmt.Sprintf("%p-%d", c, c.last)
	before := len(m.Received())
	st = c.open(t, c.request("tools/call", fmt.Sprintf(`{"name":"slow","_meta":{"progressToken":%q}}`, token)))
	require.Equal(t, token, st.next(t).Get("params.progressToken").Str)
	for _, r := range m.Received()[before:] {
		if strings.Contains(r, `"slow"`) {
			return st, gjson.Get(r, "id").Raw
		}
	}
	require.Fail(t, "the call has not come")
	return nil, ""
}

// gaveUp waits until the server has heard of n calls that were given up, and returns the
// last.
func (m *mcpServer) gaveUp(t *testing.T, n int) mcptest.Cancellation {
	t.Helper()
	require.Eventually(t, func() bool { return len(m.Cancelled()) >= n }, patience, step)
	require.Len(t, m.Cancelled(), n)
	return m.Cancelled()[n-1]
}

// call returns the event of the next call of a tool.
func (s *stack) call(t *testing.T) *metrics.Event {
	t.Helper()
	for {
		if e := s.event(t); e.MCP.Method == "tools/call" {
			return e
		}
	}
}

// drain forgets the events that were recorded.
func (s *stack) drain() {
	for len(s.events) > 0 {
		<-s.events
	}
}

// Who cancels a call, or goes away from it, cancels it at the server: that call, and no
// other.
func TestMCPCancel(t *testing.T) {
	cancel := func(t *testing.T, c *mcpCaller, _ *mcpStream) {
		got := c.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"reason":"é","requestId":%d}}`, c.last))
		require.Equal(t, 202, got.Status, got.Body)
	}
	leave := func(_ *testing.T, _ *mcpCaller, st *mcpStream) { st.close() }
	tests := map[string]struct {
		bare bool
		by   func(*testing.T, *mcpCaller, *mcpStream)
	}{"cancelled": {false, cancel}, "left": {false, leave}, "bare, left": {true, leave}}
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		n := 0
		for _, isolation := range []string{"session", "key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			for name, tt := range tests {
				c := s.mcp(alice)
				if !tt.bare {
					c.begin(t)
				}
				other, otherID := up.slow(t, s.mcp(alice).begin(t))
				st, id := up.slow(t, c)
				tt.by(t, c, st)
				n++
				require.Equal(t, mcptest.Cancellation{ID: id, By: "notification"}, up.gaveUp(t, n), name)
				st.close() // nobody waits for the answer
				e := s.call(t)
				require.True(t, e.MCP.Cancelled, name)
				require.Equal(t, "cancelled", e.MCP.ResultStatus, name)
				require.Contains(t, []int{499, 200}, e.StatusCode, name) // unless the server has ended the stream before
				other.close()
				n++
				require.Equal(t, otherID, up.gaveUp(t, n).ID, name)
				s.call(t)
			}
		}
	})
}

// Without sessions, the end of the stream says it; on one stream for all, a notification.
func TestMCPLeaveStateless(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("", ""))
		c := s.mcp(alice)
		body, headers := c.stateless("tools/call", "slow", "")
		st := c.open(t, body, headers...)
		require.Equal(t, "notifications/message", st.next(t).Get("method").Str)
		st.close()
		by := up.gaveUp(t, 1).By
		require.Equal(t, up.http != nil, by == "disconnect", by)
		require.Equal(t, "cancelled", s.call(t).MCP.ResultStatus)
	})
}

// Only whose request it is may cancel it, and nobody can what is not under way.
func TestMCPCancelForeign(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("isolation: key", ""))
		c := s.mcp(alice).begin(t)
		_, id := up.slow(t, c)
		before := len(up.Received())
		for _, requestID := range []string{fmt.Sprint(c.last), id, `"` + id + `"`, `"unknown"`} {
			for _, other := range []*mcpCaller{s.mcp(alice).begin(t), s.mcp(bob).begin(t)} {
				require.Equal(t, 202, other.post(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+requestID+`}}`).Status)
				require.Equal(t, "x", other.tool(t, "echo", `{"text":"x"}`))
			}
		}
		require.Empty(t, up.Cancelled())
		for _, m := range up.Received()[before:] {
			require.NotContains(t, m, "cancelled")
		}
	})
}

// A server may take back what it has asked.
func TestMCPServerCancels(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			c := s.mcp(alice).begin(t)
			st := c.listen(t)
			c.tool(t, "notify", `{"messages":[{"jsonrpc":"2.0","id":"\u00fc","method":"roots/list","params":{}},{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\u00fc","reason":"é"}}]}`)
			require.Equal(t, `{"jsonrpc":"2.0","id":"\u00fc","method":"roots/list","params":{}}`, st.next(t).Raw)
			require.Equal(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\u00fc","reason":"é"}}`, st.next(t).Raw)
		}
	})
}
