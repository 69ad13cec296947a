package gateway_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	toolsChanged = `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"x-odd":1.50}}`
	logged       = `{ "method":"notifications/message","params":{"level":"info","data":{"b":12345678901234567890}},"jsonrpc":"2.0"}`
)

func updated(uri string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":%q,"x-odd":1.50}}`, uri)
}

// What a server says of itself reaches the stream of each session: at once, and what
// came before there was a stream.
func TestMCPListen(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			early, late, other := s.mcp(alice).begin(t), s.mcp(alice).begin(t), s.mcp(bob).begin(t)
			streams := []*mcpStream{early.listen(t), other.listen(t)}
			up.Emit(toolsChanged)
			up.Emit(logged)
			for _, st := range append(streams, late.listen(t)) {
				require.Equal(t, toolsChanged, st.next(t).Raw, isolation)
				require.Equal(t, logged, st.next(t).Raw, isolation)
			}
			// A stream that goes away and one that comes back.
			streams[0].close()
			require.Equal(t, "x", early.tool(t, "echo", `{"text":"x"}`))
			again := early.listen(t)
			up.Emit(logged)
			again.until(t, logged) // some servers say it all again
			require.Equal(t, logged, streams[1].next(t).Raw, isolation)
		}
	})
}

// What changes in a resource is told to those who have subscribed to it, as long as they
// have.
func TestMCPSubscriptions(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			one, two := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
			first, second := one.listen(t), two.listen(t)
			subscribe := func(c *mcpCaller, method, uri string) {
				require.Equal(t, "{}", c.ask(t, method, fmt.Sprintf(`{"uri":%q}`, uri)).Get("result").Raw)
			}
			subscribe(one, "resources/subscribe", "test://a")
			subscribe(one, "resources/subscribe", "test://b")
			subscribe(two, "resources/subscribe", "test://b")
			for _, uri := range []string{"test://a", "test://b", "test://c"} {
				up.Emit(updated(uri))
			}
			up.Emit(toolsChanged)
			require.Equal(t, updated("test://a"), first.next(t).Raw)
			require.Equal(t, updated("test://b"), first.next(t).Raw)
			require.Equal(t, toolsChanged, first.next(t).Raw)
			require.Equal(t, updated("test://b"), second.next(t).Raw)
			require.Equal(t, toolsChanged, second.next(t).Raw)

			// The server is told that nobody wants to hear of it when the last has left.
			before := len(up.Received())
			subscribe(one, "resources/unsubscribe", "test://b")
			require.Len(t, up.Received(), before, "the other still wants to hear of it")
			up.Emit(updated("test://b"))
			up.Emit(toolsChanged)
			require.Equal(t, toolsChanged, first.next(t).Raw)
			require.Equal(t, updated("test://b"), second.next(t).Raw)
			subscribe(two, "resources/unsubscribe", "test://b")
			require.Len(t, up.Received(), before+1)
		}
	})
}

// Nothing is kept for a session that has ended, and its streams end with it.
func TestMCPListenEnds(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			one, two := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
			first, second := one.listen(t), two.listen(t)
			require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", one.headers()...).Status)
			first.ended(t)
			up.Emit(toolsChanged)
			require.Equal(t, toolsChanged, second.next(t).Raw)
			require.Equal(t, 404, s.do(t, "GET", "/mcp", "", one.headers()...).Status)
			require.Equal(t, 404, s.do(t, "DELETE", "/mcp", "", one.headers()...).Status)
		}
	})
}

// What no stream takes waits within a bound, and the newest is what is kept.
func TestMCPListenBound(t *testing.T) {
	up := newMCP(t, "stdio", nil)
	s := newGateway(t, up.bundle("isolation: key", ""))
	c, other := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
	reads := other.listen(t)
	const n = 600
	for i := range n {
		up.Emit(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"n":%d}}`, i))
	}
	for _, m := range []string{toolsChanged, updated("test://all"), toolsChanged} { // nobody hears of the second
		up.Emit(m)
	}
	reads.until(t, toolsChanged)
	reads.until(t, toolsChanged)
	st := c.listen(t)
	count := 0
	for m := st.next(t); m.Raw != toolsChanged; m = st.next(t) {
		count++
		require.Equal(t, int64(n-255+count), m.Get("params.n").Int())
	}
	require.Equal(t, 256-2, count)
}

// A session has one stream: the newest. What was on its way is not lost to one whose
// caller has gone.
func TestMCPListenTwice(t *testing.T) {
	up := newMCP(t, "stdio", nil)
	s := newGateway(t, up.bundle("isolation: key", ""))
	c := s.mcp(alice).begin(t)
	first := c.listen(t)
	second := c.listen(t)
	first.ended(t)
	up.Emit(toolsChanged)
	require.Equal(t, toolsChanged, second.next(t).Raw)
}
