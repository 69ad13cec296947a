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

// begins are the initialize requests that the server has received.
func (m *mcpServer) begins() (list []string) {
	for _, r := range m.Received() {
		if strings.Contains(r, `"method":"initialize"`) {
			list = append(list, r)
		}
	}
	return list
}

// Who shares an upstream session: by the isolation, and only with those who have agreed
// on the same.
func TestMCPWhoShares(t *testing.T) {
	hello := func(version, capabilities string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"c","version":"1"}}}`, version, capabilities)
	}
	same := []string{hello("2025-11-25", `{"roots":{}}`), hello("2025-11-25", `{"roots":{}}`)}
	tests := map[string]struct {
		isolation string
		keys      []string
		bodies    []string
		upstream  int
	}{
		"session":                   {"session", []string{alice, alice}, same, 2},
		"one key":                   {"key", []string{alice, alice}, same, 1},
		"two keys":                  {"key", []string{alice, bob}, same, 2},
		"no keys":                   {"key", []string{"", ""}, same, 2},
		"two versions":              {"key", []string{alice, alice}, []string{hello("2025-11-25", "{}"), hello("2025-06-18", "{}")}, 2},
		"two sets of abilities":     {"key", []string{alice, alice}, []string{hello("2025-11-25", "{}"), hello("2025-11-25", `{"roots":{}}`)}, 2},
		"shared, by all":            {"shared", []string{alice, bob}, same, 1},
		"shared, with and without":  {"shared", []string{"", bob}, same, 1},
		"shared, whatever they can": {"shared", []string{alice, bob}, []string{hello("2025-11-25", "{}"), hello("2025-11-25", `{"roots":{}}`)}, 1},
		"shared, two versions":      {"shared", []string{alice, bob}, []string{hello("2025-11-25", "{}"), hello("2025-06-18", "{}")}, 2},
	}
	for _, kind := range mcpKinds {
		for name, tt := range tests {
			up := newMCP(t, kind, nil)
			s := newGateway(t, up.bundle("isolation: "+tt.isolation, ""))
			var callers []*mcpCaller
			for i, key := range tt.keys {
				c := s.mcp(key)
				got := c.post(t, tt.bodies[i])
				require.Equal(t, 200, got.Status, got.Body)
				c.session = got.Header.Get("Mcp-Session-Id")
				require.Contains(t, tt.bodies[i], got.result(t).Get("result.protocolVersion").Raw, "%s: it is what was asked for", name)
				callers = append(callers, c)
			}
			require.Len(t, up.begins(), tt.upstream, "%s %s", kind, name)
			for _, c := range callers {
				require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`), "%s %s", kind, name)
			}
			require.NotEqual(t, callers[0].session, callers[1].session)
			// Whoever leaves leaves the other its session.
			require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", callers[0].headers()...).Status)
			require.Equal(t, "x", callers[1].tool(t, "echo", `{"text":"x"}`), "%s %s", kind, name)
			if up.http != nil && tt.upstream == 2 && tt.isolation == "session" {
				require.Eventually(t, func() bool { return up.http.Sessions() == 1 }, patience, step)
			}
		}
	}
}

// Many who come at once begin one upstream session, and a call of each gets its own
// answer.
func TestMCPShareAtOnce(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			before := len(up.begins())
			got := make(chan string, 64)
			for i := range cap(got) {
				c, text := s.mcp(alice), fmt.Sprint(i)
				body := c.request("tools/call", toolCall("echo", fmt.Sprintf(`{"text":%q}`, text)))
				go func() {
					resp, err := s.client.Do(newMCPRequest(s.URL+"/mcp", body, c.headers()...))
					if err != nil {
						got <- err.Error()
						return
					}
					if a := read(resp); !strings.Contains(a.Body, `"text":"`+text+`"`) {
						got <- fmt.Sprint(a.Status, a.Body)
						return
					}
					got <- ""
				}()
			}
			for range cap(got) {
				require.Empty(t, <-got)
			}
			require.Len(t, up.begins(), before+1)
		}
	})
}

// The limits of a key hold for its calls, whatever they are of.
func TestMCPKeyLimits(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	clock := new(movable)
	bundle := strings.Replace(up.bundle("", ""), "- {id: alice, ", "- {id: alice, rate_limit: {rpm: 5, concurrency: 2}, ", 1)
	s := newGateway(t, bundle, gateway.WithClock(clock.now))
	full := func(got answer) {
		require.Equal(t, 429, got.Status, got.Body)
		require.True(t, got.result(t).Get("error.code").Exists(), got.Body)
		require.Equal(t, "5", got.result(t).Get("id").Raw)
	}
	ping := `{"jsonrpc":"2.0","id":5,"method":"ping"}`
	one, _ := up.slow(t, s.mcp(alice))
	two, _ := up.slow(t, s.mcp(alice))
	full(s.mcp(alice).post(t, ping)) // a third at once
	one.close()
	two.close()
	s.call(t)
	s.call(t)
	s.drain()
	clock.forward(2 * time.Minute)
	ok := 0
	for range 12 {
		got := s.mcp(alice).post(t, ping)
		if got.Status == 200 {
			ok++
			continue
		}
		full(got)
		require.NotEmpty(t, got.Header.Get("Retry-After"))
	}
	require.Equal(t, 5, ok)
	require.Equal(t, 200, s.mcp(bob).post(t, ping).Status)
	clock.forward(2 * time.Minute)
	require.Equal(t, 200, s.mcp(alice).post(t, ping).Status)
}

// A key that agrees on ever other things with a server does not get all of its sessions.
func TestMCPShareOfOthers(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{JSON: true})
	s := newGateway(t, up.bundle("isolation: key, max_instances: 8", ""))
	for i := range 8 {
		got := s.mcp(alice).post(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"experimental":{"x%d":{}}},"clientInfo":{"name":"c","version":"1"}}}`, i))
		require.Equal(t, map[bool]int{true: 200, false: 429}[i < 4], got.Status, got.Body)
	}
	require.Equal(t, "x", s.mcp(bob).begin(t).tool(t, "echo", `{"text":"x"}`))
}

// Versions that nobody knows do not make sessions of their own.
func TestMCPShareUnknownVersions(t *testing.T) {
	for _, isolation := range []string{"key", "shared"} {
		up := newMCP(t, "stdio", nil)
		s := newGateway(t, up.bundle("isolation: "+isolation, ""))
		for _, version := range []string{"2025-11-25", "junk", "2030-01-01", "2026-07-28", ""} {
			got := s.mcp(alice).post(t, strings.Replace(initialize, "2025-11-25", version, 1))
			require.Equal(t, 200, got.Status, got.Body)
			require.Equal(t, "2025-11-25", got.result(t).Get("result.protocolVersion").Str)
		}
		require.Len(t, up.begins(), 1)
	}
}

// What is said on the wire that all share, and is of no call, goes to those whom it
// concerns, and not to whose call happens to be the only one.
func TestMCPShareNotifications(t *testing.T) {
	for _, kind := range []string{"sse", "stdio"} {
		up := newMCP(t, kind, nil)
		s := newGateway(t, up.bundle("isolation: shared", ""))
		one, two := s.mcp(alice).begin(t), s.mcp(bob).begin(t)
		two.ask(t, "logging/setLevel", `{"level":"debug"}`)
		one.ask(t, "logging/setLevel", `{"level":"emergency"}`)
		first, second := one.listen(t), two.listen(t)
		st, _ := up.slow(t, one)
		up.Emit(logged)
		status := `{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"t","status":"working"}}`
		up.Emit(status)
		second.until(t, logged) // after that of the call
		require.Equal(t, status, second.next(t).Raw)
		require.Equal(t, status, first.next(t).Raw)
		require.Equal(t, 202, one.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, one.last)).Status)
		require.NotContains(t, fmt.Sprint(st.readAll(t)), "tasks/status")
	}
}

// Who finds out that a server has forgotten a shared session does not take others' answers
// from them.
func TestMCPShareForgotten(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("isolation: key", ""))
	one, two := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
	st, id := up.slow(t, one)
	up.http.Enqueue(mcptest.Fault{Text: `"echo"`, Serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }})
	require.Equal(t, 404, two.post(t, two.request("tools/call", toolCall("echo", "{}"))).Status)
	require.Equal(t, 404, one.post(t, one.request("ping", "")).Status, "no other call begins")
	require.Equal(t, 202, one.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, one.last-1)).Status)
	require.Equal(t, id, up.gaveUp(t, 1).ID, "the call was under way still")
	st.readAll(t)
}
