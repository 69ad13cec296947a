package gateway_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// Ids of every kind come back as they were written, and find their own answers.
func TestMCPIds(t *testing.T) {
	good := []string{
		"0", "-1", "1.0", "1e2", "1.5", "-0", "9007199254740993", "123456789012345678901234567890", "1e400", `""`, `"a"`, `"\u0061b"`, `"é😀"`, `"\ud83d\ude00"`, `"\u0000"`,
		`"null"`, `"1"`, `"` + strings.Repeat("x", 1000) + `"`, strings.Repeat("9", 1000),
	}
	bad := []string{
		"true", "false", "[1]", "{}", "01", "+1", ".5", "1.", "0x1", "NaN", "1 2", `"a`, "'a'", `"` + strings.Repeat("x", 1025) + `"`, strings.Repeat("9", 1025), `"` + "\n" + `"`,
	}
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			session, bare := s.mcp(alice).begin(t), s.mcp(alice)
			for _, c := range []*mcpCaller{session, bare} {
				for i, id := range good {
					text := fmt.Sprintf("%s %d", isolation, i)
					got := c.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":%s}`, id, toolCall("echo", `{"text":`+quoted(text)+`}`)))
					require.Equal(t, 200, got.Status, got.Body)
					require.Equal(t, id, got.result(t).Get("id").Raw)
					require.Equal(t, text, got.result(t).Get("result.content.0.text").Str)
				}
			}
			before := len(up.Received())
			for _, id := range bad {
				got := session.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/list"}`, id))
				require.Equal(t, 400, got.Status, "%.50s: %s", id, got.Body)
				require.Contains(t, []int64{-32700, -32600}, gjson.Get(got.Body, "error.code").Int(), id)
			}
			require.Len(t, up.Received(), before, "no server has seen them")
			bare.echoes(t)
			session.echoes(t)
		}
	})
}

// Two calls of one id are not under way at once in a session, however it is written; other
// sessions have ids of their own.
func TestMCPIdsAtOnce(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			c, other := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
			slow := `{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"slow","_meta":{"progressToken":7}}}`
			for _, same := range [][]string{{"1", "1.0", "1e0"}, {`"a"`, `"\u0061"`}} {
				st := c.open(t, fmt.Sprintf(slow, same[0]))
				require.Equal(t, int64(7), st.next(t).Get("params.progressToken").Int())
				for _, id := range same {
					got := c.post(t, `{"jsonrpc":"2.0","id":`+id+`,"method":"ping"}`)
					require.Equal(t, 400, got.Status, got.Body)
					require.Equal(t, id, gjson.Get(got.Body, "id").Raw)
				}
				for _, id := range []string{`"1"`, `"a "`, "2"} {
					require.Equal(t, 200, c.post(t, `{"jsonrpc":"2.0","id":`+id+`,"method":"ping"}`).Status)
				}
				st2 := other.open(t, fmt.Sprintf(slow, same[0]))
				require.Equal(t, int64(7), st2.next(t).Get("params.progressToken").Int())
				before := len(up.Cancelled())
				st.close()
				st2.close()
				up.gaveUp(t, before+2) // or the server takes the next request of that id for it
				require.Eventually(t, func() bool { return c.post(t, `{"jsonrpc":"2.0","id":`+same[0]+`,"method":"ping"}`).Status == 200 }, patience, step)
			}
		}
	})
}

// What is too long, too deep, or no message is refused before any server sees it, and
// costs nobody else anything.
func TestMCPHostileBodies(t *testing.T) {
	up := newMCP(t, "stdio", nil)
	s := newGateway(t, up.bundle("", ""))
	c, other := s.mcp(alice).begin(t), s.mcp(bob).begin(t)
	before := len(up.Received())
	call := func(arguments string) string { return c.request("tools/call", toolCall("echo", arguments)) }
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"long":            {call(`{"text":"` + strings.Repeat("x", 4<<20) + `"}`), 413},
		"deep":            {call(strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000)), 400},
		"deep objects":    {call(strings.Repeat(`{"a":`, 500_000) + "1" + strings.Repeat("}", 500_000)), 400},
		"never closed":    {strings.Repeat("[", 1_000_000), 400},
		"nothing":         {" ", 400},
		"null":            {"null", 400},
		"a string":        {`"x"`, 400},
		"two":             {call(`{}`) + call(`{}`), 400},
		"bytes":           {"\x00\xff\xfe", 400},
		"cut":             {call(`{}`)[:40], 400},
		"names twice":     {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"raw"}}`, 400},
		"another case":    {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"raw"}}`, 400},
		"escaped":         {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","\u006eame":"raw"}}`, 400},
		"methods twice":   {`{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{}}`, 400},
		"a NUL in a name": {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name\u0000":"raw"}}`, 400},
		"a long method":   {`{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x", 1<<20) + `"}`, 400},
		"params a string": {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"echo"}`, 400},
		"no version":      {`{"id":1,"method":"tools/list"}`, 400},
		"not a name":      {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":{"a":1}}}`, 400},
	} {
		got := c.post(t, tt.body)
		require.Equal(t, tt.status, got.Status, "%s: %.200s", name, got.Body)
		require.True(t, gjson.Get(got.Body, "error.code").Exists(), name)
		require.Less(t, len(got.Body), 2000, name)
		other.echoes(t)
	}
	for _, m := range up.Received()[before:] {
		require.Regexp(t, `"echo","arguments":{"text":"0x|"notifications/initialized"`, m)
	}
	require.Equal(t, 415, c.post(t, call(`{}`), "Content-Encoding", "gzip").Status)
	require.Equal(t, 415, c.post(t, call(`{}`), "Content-Type", "text/plain").Status)
	c.echoes(t)
}

// Many small values are no problem, and big ones within the bound arrive whole.
func TestMCPBigArguments(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("", ""))
		c := s.mcp(alice).begin(t)
		text := strings.Repeat(`é"\`+"\n\u2028", 20_000)
		require.Equal(t, text, c.tool(t, "echo", `{"text":`+quoted(text)+`}`))
		many := "[" + strings.Repeat("1,", 100_000) + "1]"
		params := `{"name":"raw","arguments":{"many":` + many + `}}`
		sent := c.ask(t, "tools/call", params).Get("result.content.0.text").Str
		require.True(t, json.Valid([]byte(sent)))
		require.Equal(t, params, gjson.Get(sent, "params").Raw)
	})
}

// A body that does not come holds nobody up.
func TestMCPSlowBody(t *testing.T) {
	up := newMCP(t, "json", nil)
	s := newGateway(t, up.bundle("", ""))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4000000000\r\n\r\n{\"jsonrpc\":")
	require.NoError(t, err)
	s.mcp(alice).begin(t).echoes(t)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.True(t, err == io.EOF && line == "" || strings.HasPrefix(line, "HTTP/1.1 4"), "%q %v", line, err)
	require.NoError(t, conn.Close())
}
