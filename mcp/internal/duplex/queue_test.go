package duplex_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

// A slow reader loses progress and log messages, oldest first, then notifications, then
// requests, which are refused; never the response.
func TestFullQueue(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{QueueMessages: 3})
	a := begin(t, c, w, request(`1`, "m", `"_meta":{"progressToken":"t"}`))
	progress := func(n int) string {
		return note("notifications/progress", fmt.Sprintf(`"progressToken":"t","progress":%d`, n))
	}
	w.in <- note("n", ``)
	for i := range 5 {
		w.in <- progress(i)
	}
	w.in <- request(`7`, "ping", ``)
	w.settle()
	require.EqualValues(t, 4, c.Stats().Dropped)
	w.in <- done(`1`)
	for _, text := range []string{note("n", ``), progress(4), request(`7`, "ping", ``), done(`1`)} {
		require.Equal(t, text, next(t, a))
	}
	requireEnd(t, a)

	a = begin(t, c, w, request(`1`, "m", `"_meta":{"progressToken":"t"}`))
	for i := range 4 {
		w.in <- request(fmt.Sprint(i), "ping", ``)
	}
	w.in <- progress(0)
	w.in <- note("n", ``)
	require.Contains(t, w.sent(t), `{"jsonrpc":"2.0","id":0,"error":{"code":-32603`)
	w.in <- done(`1`)
	for _, text := range []string{request(`1`, "ping", ``), request(`2`, "ping", ``), request(`3`, "ping", ``), done(`1`)} {
		require.Equal(t, text, next(t, a))
	}
	require.EqualValues(t, 6, c.Stats().Dropped)
	require.EqualValues(t, 1, c.Stats().Refused)
}

// The bound in bytes takes one message of any length.
func TestFullInBytes(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{QueueBytes: 1000})
	a := begin(t, c, w, request(`1`, "m", ``))
	long := note("n", `"x":"`+strings.Repeat("x", 5000)+`"`)
	w.in <- note("n", ``)
	w.in <- long
	w.in <- `{"jsonrpc":"2.0","id":1,"result":"` + strings.Repeat("x", 5000) + `"}`
	require.Equal(t, long, next(t, a))
	require.Contains(t, next(t, a), `"result"`)
	require.EqualValues(t, 1, c.Stats().Dropped)
}

// Without a listener the last messages are kept for the next.
func TestBacklog(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{Backlog: 2})
	for i := range 5 {
		w.in <- note("n", fmt.Sprintf(`"i":%d`, i))
	}
	w.settle()
	l, err := c.Listen(t.Context(), "")
	require.NoError(t, err)
	for i := 5; i < 9; i++ {
		w.in <- note("n", fmt.Sprintf(`"i":%d`, i))
	}
	w.settle()
	for i := 3; i < 9; i++ {
		require.Equal(t, note("n", fmt.Sprintf(`"i":%d`, i)), next(t, l))
	}
	require.EqualValues(t, 3, c.Stats().Dropped)
}
