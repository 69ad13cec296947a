package gateway_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// answer answers a request of the server's.
func (c *mcpCaller) answer(t *testing.T, asked gjson.Result, result string) {
	t.Helper()
	got := c.post(t, fmt.Sprintf(`{ "result":%s,"id":%s,"jsonrpc":"2.0"}`, result, asked.Get("id").Raw))
	require.Equal(t, 202, got.Status, got.Body)
}

// What a server asks in a call reaches the client whose call it is, and the answer the
// server, both as they are.
func TestMCPAsk(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			callers := []*mcpCaller{s.mcp(alice).begin(t), s.mcp(alice).begin(t), s.mcp(bob).begin(t), s.mcp(alice).begin(t)}
			for i, method := range []string{"roots/list", "sampling/createMessage", "elicitation/create", "x-vendor/ask"} {
				c := callers[i]
				st := c.open(t, c.request("tools/call", toolCall("ask", fmt.Sprintf(`{"method":%q,"params":{"x-odd":[1,2.50],"n":12345678901234567890}}`, method))))
				asked := st.next(t)
				require.Equal(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{"x-odd":[1,2.50],"n":12345678901234567890}}`, asked.Get("id").Raw, method), asked.Raw)
				// Nobody else can answer it.
				for j, other := range callers {
					if j != i {
						other.answer(t, asked, `{"stolen":true}`)
					}
				}
				s.mcp(alice).post(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"stolen":true}}`, asked.Get("id").Raw))
				c.answer(t, asked, `{"zeta":1.0,"a":"\u00e9"}`)
				got := st.next(t)
				require.Equal(t, int64(c.last), got.Get("id").Int(), got.Raw)
				require.Equal(t, fmt.Sprintf(`{ "result":{"zeta":1.0,"a":"\u00e9"},"id":%s,"jsonrpc":"2.0"}`, asked.Get("id").Raw), got.Get("result.content.0.text").Str)
				st.ended(t)
				// And it is answered once.
				before := len(up.Received())
				c.answer(t, asked, `{"again":true}`)
				c.ask(t, "ping", "")
				require.Len(t, up.Received(), before+1)
			}
		}
	})
}

// Calls that ask at once are each asked in their own stream, where the transport has one
// for each.
func TestMCPAskAtOnce(t *testing.T) {
	for kind, isolations := range map[string][]string{"json": {"session", "key"}, "events": {"session", "key"}, "sse": {"session"}, "stdio": {"session"}} {
		up := newMCP(t, kind, nil)
		for _, isolation := range isolations {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			var callers []*mcpCaller
			var streams []*mcpStream
			for i := range 4 {
				c := s.mcp([]string{alice, bob}[i%2]).begin(t)
				callers = append(callers, c)
				streams = append(streams, c.open(t, c.request("tools/call", toolCall("ask", fmt.Sprintf(`{"params":{"n":%d}}`, i)))))
			}
			for i, st := range streams {
				asked := st.next(t)
				require.Equal(t, int64(i), asked.Get("params.n").Int(), "%s %s", kind, isolation)
				callers[i].answer(t, asked, fmt.Sprintf(`{"mine":%d}`, i))
				require.Equal(t, int64(i), gjson.Get(st.next(t).Get("result.content.0.text").Str, "result.mine").Int())
			}
		}
	}
}

// A server that asks outside of a call asks the session, on its stream. It is told so
// where nobody can be asked, or nobody knows who.
func TestMCPAskAside(t *testing.T) {
	const roots = `{"roots":[{"uri":"file:///a","x":1.0}]}`
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			c := s.mcp(bob).begin(t)
			other := s.mcp(alice).begin(t)
			st, foreign := c.listen(t), other.listen(t)
			c.tool(t, "watch", "{}")
			asked := st.next(t)
			require.Equal(t, "roots/list", asked.Get("method").Str)
			other.answer(t, asked, `{"stolen":true}`)
			c.answer(t, asked, roots)
			want := fmt.Sprintf(`watched: { "result":%s,"id":%s,"jsonrpc":"2.0"}`, roots, asked.Get("id").Raw)
			_, err := up.WaitReceived(t.Context(), want)
			require.NoError(t, err)
			up.Emit(toolsChanged)
			require.Equal(t, toolsChanged, foreign.next(t).Raw, "others hear nothing of it")
		}
		for isolation, why := range map[string]string{"shared": "several clients share this session", "key": "several clients share this session"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			c, other := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
			up.slow(t, c) // or it would be for the only one that has a call under way
			up.slow(t, other)
			c.tool(t, "watch", "{}")
			m, err := up.WaitReceived(t.Context(), why)
			require.NoError(t, err)
			require.Equal(t, int64(-32601), gjson.Get(m, "error.code").Int(), m)
		}
	})
}

// A client that has left without a word is not taken for another that might be meant.
func TestMCPAskBesideGhosts(t *testing.T) {
	for _, kind := range []string{"stdio", "sse"} {
		up := newMCP(t, kind, nil)
		s := newGateway(t, up.bundle("isolation: key", ""))
		ghost, c := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
		ghost.tool(t, "echo", `{"text":"x"}`)
		asks := c.listen(t)
		up.slow(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		got := make(chan answer, 3)
		for n := range 3 {
			req := newMCPRequest(s.URL+"/mcp", c.request("tools/call", toolCall("ask", fmt.Sprintf(`{"params":{"n":%d}}`, n))), c.headers()...)
			s.beside(req.WithContext(ctx), got)
		}
		for range 3 {
			asked := asks.next(t)
			require.Equal(t, "elicitation/create", asked.Get("method").Str, asked.Raw)
			c.answer(t, asked, asked.Get("params").Raw)
		}
		answered := map[int64]bool{}
		for range 3 {
			a := <-got
			require.NoError(t, a.err)
			answered[gjson.Get(a.result(t).Get("result.content.0.text").Str, "result.n").Int()] = true
		}
		require.Equal(t, map[int64]bool{0: true, 1: true, 2: true}, answered)
	}
}

// A server's ping is answered for who cannot, and by who can.
func TestMCPServerPings(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("isolation: shared", ""))
		got := gjson.Parse(s.mcp(alice).tool(t, "ask", `{"method":"ping","params":{}}`))
		require.Equal(t, "{}", got.Get("result").Raw, got.Raw)
		s.mcp(alice).tool(t, "notify", `{"messages":[{"jsonrpc":"2.0","id":"p\u00e9","method":"ping"}]}`)
		m, err := up.WaitReceived(t.Context(), `"p\u00e9"`)
		require.NoError(t, err)
		for gjson.Get(m, "method").Exists() { // the call that asks for it
			m, err = up.WaitReceived(t.Context(), `"id":"p\u00e9","result"`)
			require.NoError(t, err)
		}
		require.Equal(t, `{"jsonrpc":"2.0","id":"p\u00e9","result":{}}`, m)
	})
}

// A session whose client leaves questions unanswered can still be asked.
func TestMCPUnanswered(t *testing.T) {
	for _, kind := range []string{"events", "stdio"} {
		up := newMCP(t, kind, nil)
		s := newGateway(t, up.bundle("isolation: session", ""))
		c := s.mcp(alice).begin(t)
		for range 300 {
			st := c.open(t, c.request("tools/call", toolCall("ask", "{}")))
			require.Equal(t, "elicitation/create", st.next(t).Get("method").Str)
			st.close()
			s.call(t)
		}
		st := c.open(t, c.request("tools/call", toolCall("ask", "{}")))
		asked := st.next(t)
		require.Equal(t, "elicitation/create", asked.Get("method").Str, asked.Raw)
		c.answer(t, asked, `{"n":1}`)
		require.Contains(t, st.next(t).Get("result.content.0.text").Str, `{"n":1}`)
	}
}
