package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// Clients that leave without a word keep nobody out for longer than a minute, of their own
// key, or ten, of others. Who has a stream or a call is there.
func TestMCPAbandoned(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, tt := range []struct {
			service string
			limits  gateway.MCPLimits
		}{
			{service: "isolation: session, max_instances: 3, max_instances_per_key: 2"},
			{service: "isolation: session", limits: gateway.MCPLimits{Sessions: 3, SessionsPerKey: 2}},
			{service: "isolation: key", limits: gateway.MCPLimits{Sessions: 3, SessionsPerKey: 2}},
		} {
			clock := new(movable)
			s := newGateway(t, up.bundle(tt.service, ""), gateway.WithClock(clock.now), gateway.WithMCPLimits(tt.limits))
			full := func(key string) {
				t.Helper()
				got := s.mcp(key).post(t, initialize)
				require.Equal(t, 429, got.Status, got.Body)
				require.Contains(t, got.Body, "used lately")
			}
			gone, listens := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
			listens.listen(t)
			full(alice)
			clock.forward(30 * time.Second)
			full(alice)
			clock.forward(30 * time.Second)
			last := s.mcp(alice).begin(t)
			require.Equal(t, 404, gone.post(t, gone.request("ping", "")).Status)
			full(alice)

			other := s.mcp(bob).begin(t)
			clock.forward(9 * time.Minute)
			full("")
			last.ask(t, "ping", "")
			clock.forward(time.Minute)
			s.mcp("").begin(t) // in the place of bob's
			require.Equal(t, 404, other.post(t, other.request("ping", "")).Status)
			last.ask(t, "ping", "")
			listens.ask(t, "ping", "")
		}
		clock := new(movable)
		s := newGateway(t, up.bundle("isolation: key, max_instances: 1", ""), gateway.WithClock(clock.now))
		gone := s.mcp(alice).begin(t)
		clock.forward(time.Minute)
		require.Equal(t, 429, s.mcp(bob).post(t, initialize).Status)
		clock.forward(9 * time.Minute)
		s.mcp(bob).begin(t)
		require.Equal(t, 404, gone.post(t, gone.request("ping", "")).Status)
	})
}

// An upstream session gives way with all that its sessions have, and no more go than have to.
func TestMCPAbandonedShared(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		clock := new(movable)
		s := newGateway(t, up.bundle("isolation: key, max_instances: 2, max_instances_per_key: 2", ""), gateway.WithClock(clock.now))
		begin := func(capabilities string) *mcpCaller {
			c := s.mcp(alice)
			got := c.post(t, strings.Replace(initialize, `{"roots":{},"sampling":{},"elicitation":{}}`, capabilities, 1))
			require.Equal(t, 200, got.Status, got.Body)
			c.session = got.Header.Get("Mcp-Session-Id")
			c.ask(t, "resources/subscribe", `{"uri":"test://one"}`)
			return c
		}
		callers := []*mcpCaller{begin(`{}`), begin(`{"roots":{}}`)}
		require.Len(t, s.admin(t, 200, "GET", upService+"/sessions", "").Get("items").Array(), 2)
		clock.forward(10 * time.Minute)
		s.mcp(bob).begin(t)
		left := 0
		for _, c := range callers {
			if c.post(t, c.request("ping", "")).Status == 200 {
				left++
			}
		}
		require.Equal(t, 1, left)
	})
}

// Whose session it is counts, and not who shares the upstream session.
func TestMCPAbandonedOfOthers(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{JSON: true})
	for isolation, ask := range map[string]func(s *stack) answer{
		"shared":  func(s *stack) answer { c := s.mcp(bob); return c.post(t, c.request("tools/list", "")) },
		"session": func(s *stack) answer { return s.mcp(bob).alone(t, "tools/list", "", "") },
	} {
		clock := new(movable)
		s := newGateway(t, up.bundle("isolation: "+isolation+", max_instances: 1", ""), gateway.WithClock(clock.now))
		c := s.mcp("").begin(t)
		clock.forward(time.Minute)
		require.Equal(t, 429, ask(s).Status, isolation)
		c.ask(t, "ping", "")
		clock.forward(10 * time.Minute)
		ask(s)
		require.Equal(t, 404, c.post(t, c.request("ping", "")).Status, isolation)
	}
}

// Of many that begin at once, each takes the place of another that was left.
func TestMCPAbandonedAtOnce(t *testing.T) {
	const n = 8
	up := newMCPHTTP(t, &mcptest.HTTP{JSON: true})
	clock := new(movable)
	s := newGateway(t, up.bundle("isolation: session", ""), gateway.WithClock(clock.now), gateway.WithMCPLimits(gateway.MCPLimits{Sessions: n, SessionsPerKey: n}))
	for range n {
		s.mcp(alice).begin(t)
	}
	clock.forward(time.Minute)
	got := make(chan answer, n)
	for range n {
		s.beside(newMCPRequest(s.URL+"/mcp", initialize, s.mcp(alice).headers()...), got)
	}
	for range n {
		a := <-got
		require.NoError(t, a.err)
		require.Equal(t, 200, a.Status, a.Body)
	}
	require.Equal(t, 429, s.mcp(alice).post(t, initialize).Status)
}
