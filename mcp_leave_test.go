package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// A session that ends leaves nothing behind in an upstream session that others go on
// with: it hears no news any longer, and its questions are answered.
func TestMCPLeave(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("isolation: key", ""))
		leaves, stays := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
		require.Len(t, up.begins(), 1)
		long := "test://" + strings.Repeat("x", 4096)
		for _, uri := range []string{"test://mine", "test://ours", long} {
			leaves.ask(t, "resources/subscribe", fmt.Sprintf(`{"uri":%q}`, uri))
		}
		stays.ask(t, "resources/subscribe", `{"uri":"test://ours"}`)
		st := leaves.open(t, leaves.request("tools/call", toolCall("ask", `{"method":"roots/list","params":{}}`)))
		asked := st.next(t)
		require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", leaves.headers()...).Status)

		m, err := up.WaitReceived(t.Context(), `"the client has not answered"`)
		require.NoError(t, err)
		require.Equal(t, asked.Get("id").Raw, gjson.Get(m, "id").Raw)
		require.Equal(t, int64(-32603), gjson.Get(m, "error.code").Int(), m)
		m, err = up.WaitReceived(t.Context(), `"resources/unsubscribe"`)
		require.NoError(t, err)
		require.Equal(t, "test://mine", gjson.Get(m, "params.uri").Str)
		require.Equal(t, "x", stays.tool(t, "echo", `{"text":"x"}`))
		for _, r := range up.Received() {
			if gjson.Get(r, "method").Str == "resources/unsubscribe" {
				require.Equal(t, "test://mine", gjson.Get(r, "params.uri").Str, "the others' stay")
			}
		}
		listen := stays.listen(t)
		up.Emit(updated("test://ours"))
		require.Equal(t, updated("test://ours"), listen.next(t).Raw)
	})
}

// Those who share an upstream session get the log messages that each has asked for: the
// server is told the level of who wants the most.
func TestMCPLogLevels(t *testing.T) {
	message := func(level string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":%q,"data":1}}`, level)
	}
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			before := len(up.Received())
			one, two, three := s.mcp(alice).begin(t), s.mcp(alice).begin(t), s.mcp(alice).begin(t)
			one.ask(t, "logging/setLevel", `{"level":"debug","x-odd":1.50}`)
			two.ask(t, "logging/setLevel", `{"x-odd":1.50, "level":"error"}`)
			two.ask(t, "logging/setLevel", `{"level":"loud"}`)
			var told []string
			for _, r := range up.Received()[before:] {
				if gjson.Get(r, "method").Str == "logging/setLevel" {
					told = append(told, gjson.Get(r, "params").Raw)
				}
			}
			second := `{"x-odd":1.50, "level":"debug"}`
			if isolation == "session" {
				second = `{"x-odd":1.50, "level":"error"}`
			}
			require.Equal(t, []string{`{"level":"debug","x-odd":1.50}`, second, `{"level":"loud"}`}, told, isolation)
			if isolation == "session" {
				continue // what each hears is the server's to choose
			}
			streams := map[string]*mcpStream{"debug info error odd": one.listen(t), "error odd": two.listen(t), "debug info error odd ": three.listen(t)}
			for _, level := range []string{"debug", "info", "error", "odd"} {
				up.Emit(message(level))
			}
			for levels, st := range streams {
				for _, level := range strings.Fields(levels) {
					require.Equal(t, message(level), st.next(t).Raw, isolation)
				}
			}
		}
	})
}

// When who wanted the most has left, the server is told what the others want; and who has not
// said what it wants hears what there is, whoever was there before.
func TestMCPLogLevelLowered(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, silent := range []bool{false, true} {
			s := newGateway(t, up.bundle("isolation: key", ""))
			one, two := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
			if silent {
				s.mcp(alice).begin(t)
			}
			one.ask(t, "logging/setLevel", `{"level":"debug"}`)
			two.ask(t, "logging/setLevel", `{"level":"error"}`)
			before := len(up.Received())
			told := func() (list []string) {
				for _, r := range up.Received()[before:] {
					if gjson.Get(r, "method").Str == "logging/setLevel" {
						list = append(list, gjson.Get(r, "params.level").Str)
					}
				}
				return list
			}
			is := func(want ...string) {
				t.Helper()
				require.Eventually(t, func() bool { return len(told()) >= len(want) }, patience, step)
				require.Equal(t, want, told())
			}
			one.ask(t, "resources/subscribe", `{"uri":"test://one"}`)
			require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", one.headers()...).Status)
			require.Eventually(t, func() bool {
				return strings.Contains(strings.Join(up.Received()[before:], " "), "resources/unsubscribe")
			}, patience, step)
			if silent {
				require.Empty(t, told())
				two.ask(t, "logging/setLevel", `{"level":"emergency"}`)
				is("debug")
				continue
			}
			is("error")
			s.mcp(alice).begin(t)
			is("error", "debug")
		}
	})
}

// levelsTold is a process whose answers to logging/setLevel are made when they are due, and
// the levels that it is told.
func levelsTold(t *testing.T, answer func() string) (*mcpServer, <-chan string) {
	asked := make(chan string, 100)
	return sloppy(t, func(m gjson.Result, write func(string, ...any)) {
		switch id := m.Get("id").Raw; m.Get("method").Str {
		case "initialize":
			write(sloppyHello, id)
		case "logging/setLevel":
			asked <- m.Get("params.level").Str
			write(`{"jsonrpc":"2.0","id":%s,%s}`, id, answer())
		case "ping":
			write(`{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
		}
	}), asked
}

// A server that takes no levels is told none in the gateway's own name.
func TestMCPLogLevelRefused(t *testing.T) {
	up, asked := levelsTold(t, func() string { return `"error":{"code":-32601,"message":"Method not found"}` })
	s := newGateway(t, up.bundle("isolation: key", ""))
	c := s.mcp(alice).begin(t)
	require.Equal(t, int64(-32601), c.ask(t, "logging/setLevel", `{"level":"error"}`).Get("error.code").Int())
	for range 3 {
		other := s.mcp(alice).begin(t)
		other.ask(t, "ping", "")
		require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", other.headers()...).Status)
	}
	c.ask(t, "logging/setLevel", `{"level":"info"}`)
	require.Equal(t, []string{"error", "info"}, []string{<-asked, <-asked})
	require.Empty(t, asked)
}

// The server is told one level after the other, as it may hear of two at once in either
// order.
func TestMCPLogLevelsInTurn(t *testing.T) {
	answer := make(chan struct{})
	up, asked := levelsTold(t, func() string { <-answer; return `"result":{}` })
	s := newGateway(t, up.bundle("isolation: key", ""))
	a, b := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
	answers := func(n int) {
		for range n {
			answer <- struct{}{}
		}
	}
	go answers(2)
	a.ask(t, "logging/setLevel", `{"level":"debug"}`)
	b.ask(t, "logging/setLevel", `{"level":"error"}`) // the server is told debug, which a wants
	require.Equal(t, []string{"debug", "debug"}, []string{<-asked, <-asked})
	require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", a.headers()...).Status)
	require.Equal(t, "error", <-asked) // by the gateway
	go answers(2)
	b.ask(t, "logging/setLevel", `{"level":"info"}`)
	require.Equal(t, "info", <-asked)
	require.Empty(t, asked)
}

// In a call's own stream a session hears what it has asked for, too.
func TestMCPLogLevelInCall(t *testing.T) {
	for _, kind := range []string{"json", "events"} {
		up := newMCP(t, kind, nil)
		s := newGateway(t, up.bundle("isolation: key", ""))
		one, two := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
		one.ask(t, "logging/setLevel", `{"level":"debug"}`)
		two.ask(t, "logging/setLevel", `{"level":"emergency"}`)
		heard := func(c *mcpCaller) (levels []string) {
			got := c.post(t, c.request("tools/call", toolCall("progress", `{"steps":2}`)))
			for _, m := range got.messages(t) {
				if gjson.Get(m, "method").Str == "notifications/message" {
					levels = append(levels, gjson.Get(m, "params.level").Str)
				}
			}
			return levels
		}
		require.NotEmpty(t, heard(one))
		require.Empty(t, heard(two))
	}
}

// Who subscribes while another's subscription is ended keeps it.
func TestMCPSubscribeAgain(t *testing.T) {
	for _, kind := range []string{"stdio", "events"} {
		up := newMCP(t, kind, nil)
		s := newGateway(t, up.bundle("isolation: key", ""))
		s.mcp(alice).begin(t) // keeps the upstream session
		for round := range 10 {
			uri := func(n int) string { return fmt.Sprintf(`{"uri":"test://%d-%d"}`, round, n) }
			one := s.mcp(alice).begin(t)
			for n := range 5 {
				one.ask(t, "resources/subscribe", uri(n))
			}
			require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", one.headers()...).Status)
			two := s.mcp(alice).begin(t)
			for n := range 5 {
				two.ask(t, "resources/subscribe", uri(n))
			}
			require.Eventually(t, func() bool {
				subscribed := map[string]bool{}
				for _, r := range up.Received() {
					if m := gjson.Get(r, "method").Str; m == "resources/subscribe" || m == "resources/unsubscribe" {
						subscribed[gjson.Get(r, "params").Raw] = m == "resources/subscribe"
					}
				}
				for n := range 5 {
					if !subscribed[uri(n)] {
						return false
					}
				}
				return true
			}, patience, step, "%s %d", kind, round)
		}
	}
}
