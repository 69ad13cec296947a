package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// gone requires that there is no such session for a caller: for each message and method
// the same 404.
func (c *mcpCaller) gone(t *testing.T, why string) {
	t.Helper()
	for _, got := range []answer{
		c.post(t, c.request("ping", "")),
		c.post(t, c.request("tools/call", toolCall("echo", "{}"))),
		c.post(t, `{"jsonrpc":"2.0","method":"notifications/x"}`),
		c.post(t, `{"jsonrpc":"2.0","id":1,"result":{}}`),
		c.s.do(t, "GET", c.path, "", c.headers()...),
		c.s.do(t, "DELETE", c.path, "", c.headers()...),
	} {
		require.Equal(t, 404, got.Status, "%s: %s", why, got.Body)
		require.Equal(t, int64(-32001), got.result(t).Get("error.code").Int(), "%s: %s", why, got.Body)
		require.Contains(t, got.Body, "there is no such session", why)
	}
}

// A session is for the key and the route that made it. For everybody else there is none,
// as if it had never been.
func TestMCPSessionIsBound(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, "", "- {id: other, service_id: up, match_policy: {path_prefix: /other}}"))
			c := s.mcp(alice).begin(t)
			c.ask(t, "ping", "") // so that what came before it has come
			before := len(up.Received())
			for why, foreign := range map[string]mcpCaller{
				"another key":   {path: "/mcp", key: bob, session: c.session},
				"no key":        {path: "/mcp", session: c.session},
				"another route": {path: "/other", key: alice, session: c.session},
				"unknown":       {path: "/mcp", key: alice, session: "0123456789abcdef0123456789abcdef"},
				"nonsense":      {path: "/mcp", key: alice, session: "../é"},
				"upper case":    {path: "/mcp", key: alice, session: c.session + "A"},
			} {
				foreign.s = s
				foreign.gone(t, why)
			}
			require.Len(t, up.Received(), before, "the server hears nothing of it")
			require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`))
			require.Len(t, c.session, 32)
			require.NotEqual(t, c.session, s.mcp(alice).begin(t).session)
		}
	})
}

// Where the server has forgotten a session, or is gone, the caller is told that there is
// none, and begins another. Requests without a session get a new one unasked.
func TestMCPForgotten(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key", "shared"} {
			clock := new(movable)
			s := newGateway(t, up.bundle("isolation: "+isolation, ""), gateway.WithClock(clock.now))
			c, listens, others := s.mcp(alice).begin(t), s.mcp(alice).begin(t), s.mcp(bob)
			others.ask(t, "ping", "")
			require.Equal(t, "x", s.mcp(alice).tool(t, "echo", `{"text":"x"}`))
			st := listens.listen(t)
			if up.http != nil {
				up.http.Forget()
			} else {
				got := c.post(t, c.request("tools/call", toolCall("crash", "{}")))
				require.Equal(t, 502, got.Status, got.Body)
				if isolation != "shared" {
					require.Equal(t, "x", others.tool(t, "echo", `{"text":"x"}`), "others go on")
				}
			}
			require.Eventually(t, func() bool { return c.post(t, c.request("ping", "")).Status == 404 }, patience, step)
			c.gone(t, "ended")
			if up.http != nil || isolation != "session" {
				st.readAll(t) // it ends
				require.Equal(t, 404, listens.post(t, listens.request("ping", "")).Status)
			}
			clock.forward(time.Minute) // a server that fails is not started again at once
			again := s.mcp(alice).begin(t)
			require.Equal(t, "x", again.tool(t, "echo", `{"text":"x"}`))
			require.Equal(t, "x", s.mcp(alice).tool(t, "echo", `{"text":"x"}`), "a request without a session")
			got := s.mcp(alice).alone(t, "tools/call", "echo", `"arguments":{"text":"x"}`)
			require.Equal(t, "x", got.result(t).Get("result.content.0.text").Str, got.Body)
		}
	})
}

// What nobody uses ends after a while, at the server too; what is used does not.
func TestMCPIdle(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key", "shared"} {
			clock := new(movable)
			s := newGateway(t, up.bundle("idle_ttl: 10m, isolation: "+isolation, ""), gateway.WithClock(clock.now))
			upstreams := func() int {
				return len(s.admin(t, 200, "GET", "/mcp/services/up/sessions", "").Get("items").Array())
			}
			idle, used, listens, calls := s.mcp(alice).begin(t), s.mcp(alice).begin(t), s.mcp(bob).begin(t), s.mcp(bob).begin(t)
			st := listens.listen(t)
			running, _ := up.slow(t, calls)
			all := upstreams()
			for range 3 {
				clock.forward(4 * time.Minute)
				s.SweepMCP()
				used.ask(t, "ping", "")
			}
			idle.gone(t, "idle")
			require.Equal(t, "x", used.tool(t, "echo", `{"text":"x"}`))
			up.Emit(toolsChanged)
			st.until(t, toolsChanged)
			if isolation == "session" {
				require.Equal(t, all-1, upstreams())
			}
			st.close()
			running.close()
			s.call(t)
			s.call(t)
			require.Eventually(t, func() bool {
				clock.forward(11 * time.Minute)
				s.SweepMCP() // sessions first, and then what they have used
				return upstreams() == 0
			}, patience, step)
			for _, c := range []*mcpCaller{used, listens, calls} {
				c.gone(t, "idle")
			}
			if up.http != nil {
				require.Eventually(t, func() bool { return up.http.Sessions() == 0 }, patience, step)
			}
		}
	})
}

// A service has as many upstream sessions as it allows; who comes later is told so, or
// gets the place of what nobody uses.
func TestMCPMaxInstances(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		full := func(got answer) {
			require.Equal(t, 429, got.Status, got.Body)
			require.NotEmpty(t, got.Header.Get("Retry-After"))
			require.Contains(t, got.Body, "max_instances")
		}
		s := newGateway(t, up.bundle("isolation: session, max_instances: 2", ""))
		one := s.mcp(alice).begin(t)
		s.mcp(bob).begin(t)
		full(s.mcp(alice).post(t, initialize))
		full(s.mcp(alice).post(t, `{"jsonrpc":"2.0","id":1,"method":"ping"}`))
		require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", one.headers()...).Status)
		s.mcp(alice).begin(t)

		s = newGateway(t, up.bundle("isolation: key, max_instances: 1", ""))
		one = s.mcp(alice).begin(t)
		s.mcp(alice).begin(t)
		full(s.mcp(bob).post(t, initialize))
		require.Equal(t, "x", one.tool(t, "echo", `{"text":"x"}`))

		s = newGateway(t, up.bundle("isolation: session, max_instances: 4, max_instances_per_key: 2", ""))
		for _, key := range []string{alice, bob, ""} { // all without a key are one
			one = s.mcp(key).begin(t)
			s.mcp(key).begin(t)
			got := s.mcp(key).post(t, initialize)
			full(got)
			if key == "" {
				break // all are taken
			}
			require.Contains(t, got.Body, "max_instances_per_key")
			require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", one.headers()...).Status)
		}

		s = newGateway(t, up.bundle("isolation: key, max_instances: 1", ""))
		require.Equal(t, "x", s.mcp(alice).tool(t, "echo", `{"text":"x"}`))
		s.mcp(bob).begin(t) // in the place of what alice has left
	})
}

// A key has as many sessions as the gateway takes of one.
func TestMCPSessionsOfKey(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{JSON: true})
	s := newGateway(t, up.bundle("isolation: shared", ""))
	var last *mcpCaller
	for range 1000 {
		last = s.mcp(alice)
		last.session = last.post(t, initialize).Header.Get("Mcp-Session-Id")
		s.event(t)
	}
	got := s.mcp(alice).post(t, initialize)
	require.Equal(t, 429, got.Status, got.Body)
	require.NotEmpty(t, got.Header.Get("Retry-After"))
	s.mcp(bob).begin(t)
	require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", last.headers()...).Status)
	s.mcp(alice).begin(t)
	require.Equal(t, 1, up.http.Sessions(), "they are one")
}

// Each side has its own session: ids of the one are not seen on the other. The version
// is said in each request.
func TestMCPSessionHeaders(t *testing.T) {
	for _, isolation := range []string{"session", "key", "shared"} {
		up := newMCPHTTP(t, &mcptest.HTTP{})
		s := newGateway(t, up.bundle("isolation: "+isolation, ""))
		c := s.mcp(alice).begin(t)
		c.ask(t, "ping", "")
		c.version = "" // some clients do not say it
		c.ask(t, "ping", "")
		require.Equal(t, 202, c.post(t, `{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`).Status)
		require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", c.headers()...).Status)
		if isolation == "session" {
			require.Eventually(t, func() bool { return up.http.Sessions() == 0 }, patience, step)
		}
		id := ""
		for i, r := range up.http.Requests() {
			if i == 0 {
				require.Empty(t, r.Header["Mcp-Session-Id"])
				require.Empty(t, r.Header["Mcp-Protocol-Version"])
				continue
			}
			require.Len(t, r.Header["Mcp-Session-Id"], 1, "%s %s", r.Method, r.Body)
			require.NotEqual(t, c.session, r.Header.Get("Mcp-Session-Id"))
			if id == "" {
				id = r.Header.Get("Mcp-Session-Id")
			}
			require.Equal(t, id, r.Header.Get("Mcp-Session-Id"))
			require.Equal(t, []string{"2025-11-25"}, r.Header["Mcp-Protocol-Version"], "%s %s", r.Method, r.Body)
		}
	}
}

// In a session, one id is under way once, however it is written.
func TestMCPSameID(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			c := s.mcp(alice).begin(t)
			up.slow(t, c)
			before := len(up.Received())
			for _, id := range []string{"1", "1.0", "1e0", "10e-1"} {
				got := c.post(t, `{"jsonrpc":"2.0","id":`+id+`,"method":"ping"}`)
				require.Equal(t, 400, got.Status, got.Body)
				require.Equal(t, id, got.result(t).Get("id").Raw)
				require.Equal(t, int64(-32600), got.result(t).Get("error.code").Int())
			}
			require.Len(t, up.Received(), before)
			for _, id := range []string{`"1"`, "2", "1.5"} {
				require.Equal(t, 200, c.post(t, `{"jsonrpc":"2.0","id":`+id+`,"method":"ping"}`).Status)
			}
			other := s.mcp(alice).begin(t)
			require.Equal(t, 200, other.post(t, `{"jsonrpc":"2.0","id":1,"method":"ping"}`).Status)
		}
	})
}

// However many come at once, a key has no more sessions than it may.
func TestMCPSessionsAtOnce(t *testing.T) {
	for _, isolation := range []string{"session", "key"} {
		up := newMCPHTTP(t, &mcptest.HTTP{JSON: true})
		s := newGateway(t, up.bundle("isolation: "+isolation, ""), gateway.WithMCPLimits(gateway.MCPLimits{SessionsPerKey: 2}))
		statuses := make(chan int, 20)
		for range cap(statuses) {
			go func() {
				resp, err := s.client.Do(newMCPRequest(s.URL+"/mcp", initialize, "Accept", acceptBoth, "Authorization", "Bearer "+alice))
				if err != nil {
					statuses <- 0
					return
				}
				statuses <- read(resp).Status
			}()
		}
		count := map[int]int{}
		for range cap(statuses) {
			count[<-statuses]++
		}
		require.Equal(t, map[int]int{200: 2, 429: 18}, count)
		if isolation == "session" { // and nothing is left of the others
			require.Eventually(t, func() bool { return up.http.Sessions() == 2 }, patience, step)
		}
	}
}

// A session of the gateway's own that has rested is asked for before it is used.
func TestMCPRested(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{JSON: true})
	clock := new(movable)
	s := newGateway(t, up.bundle("", ""), gateway.WithClock(clock.now))
	c := s.mcp(alice)
	pings := func() (n int) {
		for _, r := range up.Received() {
			if strings.Contains(r, `"method":"ping"`) {
				n++
			}
		}
		return n
	}
	require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`))
	require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`))
	require.Zero(t, pings())
	clock.forward(10 * time.Minute)
	require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`))
	require.Equal(t, 1, pings())
	require.Len(t, up.begins(), 1)
}

// Callers without a key have sessions of their own, and so room for as many as where no
// keys share any.
func TestMCPKeyless(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{JSON: true})
	s := newGateway(t, up.bundle("isolation: key, max_instances: 40", ""))
	for range 20 {
		s.mcp("").begin(t)
	}
}
