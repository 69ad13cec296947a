package mcptest

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process runs a server on pipes, as a process does on its standard streams. The
// functions send it a line and read one.
func process(t *testing.T, s *Server) (send func(string), read func() string, ended <-chan error) {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	result := make(chan error, 1)
	go func() {
		err := s.Serve(in, out)
		_ = out.Close()
		result <- err
	}()
	t.Cleanup(func() {
		_, _ = toServer.Close(), fromServer.Close()
		s.Close()
	})
	lines := bufio.NewReader(fromServer)
	send = func(line string) {
		_, err := io.WriteString(toServer, line+"\n")
		require.NoError(t, err)
	}
	read = func() string {
		line, _ := lines.ReadString('\n')
		return strings.TrimSuffix(line, "\n")
	}
	return send, read, result
}

func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// What a server has seen can be asked for, and what it says of itself be asked of it.
func TestServer(t *testing.T) {
	s := &Server{Name: "it", Page: 3}
	send, read, ended := process(t, s)
	send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"1999-01-01"}}`)
	require.Contains(t, read(), `"protocolVersion":"2025-11-25"`)
	send(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
	require.Contains(t, read(), `"nextCursor":"page=3"`)
	send(`{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{"cursor":"page=99"}}`)
	require.Contains(t, read(), "Invalid cursor")
	send(`not JSON`)
	require.Contains(t, read(), `"id":null,"error":{"code":-32700`)
	go s.Emit(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	require.Equal(t, `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`, read())

	send(`{"jsonrpc":"2.0","id":"s","method":"tools/call","params":{"name":"slow"}}`)
	require.Contains(t, read(), "notifications/message")
	send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"s"}}`)
	c, err := s.WaitCancelled(limit(t), `"s"`)
	require.NoError(t, err)
	require.Equal(t, Cancellation{`"s"`, "notification"}, c)
	require.Equal(t, []Cancellation{c}, s.Cancelled())
	m, err := s.WaitReceived(limit(t), "requestId")
	require.NoError(t, err)
	require.Contains(t, s.Received(), m)
	ctx, cancel := context.WithCancel(limit(t))
	cancel()
	_, err = s.WaitReceived(ctx, "never")
	require.ErrorIs(t, err, context.Canceled)

	send(`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"crash"}}`)
	require.ErrorIs(t, <-ended, ErrCrash)
	require.Empty(t, read())
}

// What changes is told to who has asked for it, in the era without sessions.
func TestChange(t *testing.T) {
	s := &Server{}
	send, read, _ := process(t, s)
	send(`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"notifications":{"promptsListChanged":true,"resourceSubscriptions":["test://a"]}}}`)
	require.Contains(t, read(), "acknowledged")
	s.Change("tools")
	s.Change("test://b")
	s.Change("resources")
	s.Change("prompts")
	require.Contains(t, read(), "notifications/prompts/list_changed")
	s.Change("test://a")
	require.Contains(t, read(), `"uri":"test://a"`)
	s.EndSubscriptions()
	require.Contains(t, read(), `"method":"notifications/cancelled"`)
}

// A server of one era refuses the other in the way that makes a client fall back.
func TestEras(t *testing.T) {
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`
	send, read, _ := process(t, &Server{Era: Legacy})
	send(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + meta + `}}`)
	require.Contains(t, read(), "-32601")
	send, read, _ = process(t, &Server{Era: Modern})
	send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}`)
	require.Contains(t, read(), `"code":-32022,"message":"Unsupported protocol version","data":{"requested":"2025-11-25","supported":["2026-07-28"]}`)
	send(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2027-01-01"}}}`)
	require.Contains(t, read(), "-32022")
	send(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + meta + `}}`)
	require.Contains(t, read(), `"supportedVersions":["2026-07-28"]`)
}

// Requests that HTTP servers have to refuse are refused.
func TestHTTPRefusals(t *testing.T) {
	h := &HTTP{NoListen: true, NoDelete: true}
	url := h.Start(t)
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	both, events := "application/json, text/event-stream", "text/event-stream"
	for name, tt := range map[string]struct {
		method, body string
		header       http.Header
		want         int
	}{
		"no type":         {"POST", list, http.Header{"Accept": {both}}, 415},
		"one type":        {"POST", list, http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}}, 406},
		"no JSON":         {"POST", "x", http.Header{"Accept": {both}, "Content-Type": {"application/json"}}, 400},
		"no session":      {"POST", list, http.Header{"Accept": {both}, "Content-Type": {"application/json"}}, 400},
		"another session": {"POST", list, http.Header{"Accept": {both}, "Content-Type": {"application/json"}, "Mcp-Session-Id": {"x"}}, 404},
		"unknown version": {"POST", list, http.Header{"Accept": {both}, "Content-Type": {"application/json"}, "Mcp-Protocol-Version": {"2025-01-01"}}, 400},
		"header and body": {"POST", list, http.Header{"Accept": {both}, "Content-Type": {"application/json"}, "Mcp-Protocol-Version": {"2026-07-28"}}, 400},
		"no listening":    {"GET", "", http.Header{"Accept": {events}}, 405},
		"no deleting":     {"DELETE", "", http.Header{"Mcp-Session-Id": {"x"}}, 405},
		"no such method":  {"PUT", "", nil, 405},
		"unknown method":  {"POST", `{"jsonrpc":"2.0","id":1,"method":"x/y","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`, http.Header{"Accept": {both}, "Content-Type": {"application/json"}, "Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"x/y"}}, 404},
	} {
		r, err := http.NewRequestWithContext(limit(t), tt.method, url, strings.NewReader(tt.body))
		require.NoError(t, err)
		if tt.header != nil {
			r.Header = tt.header
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, tt.want, resp.StatusCode, name)
	}
	http.DefaultClient.CloseIdleConnections()
	got, err := h.WaitRequest(limit(t), func(r Request) bool { return r.Method == "PUT" })
	require.NoError(t, err)
	require.Equal(t, "/mcp", got.Path)
}
