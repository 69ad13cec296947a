package mcpproxy

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// What waits for a stream is bounded in number and in bytes; the oldest notifications go
// first, and a request of the server's is taken or not, but does not go unseen.
func TestPut(t *testing.T) {
	s := newSession("r", "k", &instance{}, time.Now())
	wake := s.attach()
	put := func(data string, asks bool) bool { return s.put(waiting{mcp.Message{Data: []byte(data)}, asks}, 3) }
	take := func() (texts []string) {
		list, ok := s.take(wake)
		require.True(t, ok)
		for _, m := range list {
			texts = append(texts, string(m.Data))
		}
		return texts
	}
	for _, m := range []string{"a", "b?", "c", "d", "e?"} {
		require.True(t, put(m, strings.HasSuffix(m, "?")))
	}
	require.Equal(t, []string{"b?", "d", "e?"}, take())
	require.EqualValues(t, 2, s.inst.dropped.Load())

	for _, m := range []string{"a?", "b?", "c?"} {
		require.True(t, put(m, true))
	}
	require.False(t, put("d", false))
	require.False(t, put("e?", true))
	require.Equal(t, []string{"a?", "b?", "c?"}, take())

	long := strings.Repeat("x", maxWaiting-1)
	for _, m := range []string{long, "y", "z", long + "xx"} {
		require.True(t, put(m, false))
	}
	require.Equal(t, []string{long + "xx"}, take(), "one is taken whatever its length")
	require.True(t, put("y", false))
	require.Equal(t, []string{"y"}, take())
}

// What is kept of a request that has ended is its id, and not the body that it stood in.
func TestLeave(t *testing.T) {
	calls := newCalls(2, time.Now)
	body := []byte(`1234,` + strings.Repeat(" ", 1<<20))
	for range 3 {
		c := &call{id: "a", ownID: body[:4]}
		require.True(t, calls.enter(c, 1))
		calls.leave(c, "")
	}
	require.Len(t, calls.ended, 2)
	for _, e := range calls.ended {
		require.Equal(t, "1234", string(e.RequestID))
		require.Less(t, cap(e.RequestID), 64)
	}
	require.Equal(t, "é", cut("éé", 3))
}
