package gateway_test

import (
	"bufio"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// sloppy is a process that answers as handle does, a message at a time.
func sloppy(t *testing.T, handle func(m gjson.Result, write func(format string, args ...any))) *mcpServer {
	return &mcpServer{nil, nil, nil, newProcess(t, func(conn net.Conn) {
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			handle(gjson.Parse(lines.Text()), func(format string, args ...any) { fmt.Fprintf(conn, format+"\n", args...) })
		}
	})}
}

const sloppyHello = `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}}`

// Some servers answer notifications, with errors. They are no answers to somebody's call.
func TestMCPAnswersToNotifications(t *testing.T) {
	waits := make(chan string, 10)
	up := sloppy(t, func(m gjson.Result, write func(string, ...any)) {
		switch id, method := m.Get("id").Raw, m.Get("method").Str; {
		case method == "initialize":
			write(sloppyHello, id)
		case method == "tools/list":
			waits <- id
		case id == "":
			write(`{"jsonrpc":"2.0","id":null,"error":{"code":%d,"message":"Method not found: %s"}}`, map[bool]int{true: -32600, false: -32601}[method == "notifications/bobs"], method)
			if method == "notifications/go" || method == "notifications/initialized" {
				return
			}
			write(`{"jsonrpc":"2.0","id":%s,"result":{"tools":[]}}`, <-waits)
		}
	})
	s := newGateway(t, up.bundle("isolation: shared", ""))
	begin := func(key string) *mcpCaller {
		c := s.mcp(key)
		got := c.post(t, initialize)
		require.Equal(t, 200, got.Status, got.Body)
		c.session = got.Header.Get("Mcp-Session-Id")
		return c
	}
	a, b := begin(alice), begin(bob)
	for _, notification := range []string{"notifications/bobs", "notifications/others"} {
		answered := make(chan answer, 1)
		s.beside(newMCPRequest(s.URL+"/mcp", a.request("tools/list", ""), a.headers()...), answered)
		require.Eventually(t, func() bool { return len(waits) == 1 }, patience, step)
		require.Equal(t, 202, b.post(t, `{"jsonrpc":"2.0","method":"`+notification+`"}`).Status)
		got := <-answered
		require.Equal(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{"tools":[]}}`, a.last), got.result(t).Raw)
	}
}

// A server may ping before it answers initialize.
func TestMCPPingBeforeAnswer(t *testing.T) {
	for _, isolation := range []string{"session", "key"} {
		hello := ""
		up := sloppy(t, func(m gjson.Result, write func(string, ...any)) {
			switch {
			case m.Get("method").Str == "initialize":
				hello = m.Get("id").Raw
				write(`{"jsonrpc":"2.0","id":"p","method":"ping"}`)
			case m.Get("id").Str == "p":
				write(sloppyHello, hello)
			}
		})
		s := newGateway(t, up.bundle("isolation: "+isolation, ""))
		got := s.mcp(alice).post(t, initialize)
		require.Equal(t, 200, got.Status, got.Body)
		require.Equal(t, "s", got.result(t).Get("result.serverInfo.name").Str)
	}
}
