package duplex_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

// Closing a stream before the response cancels the call in the bytes of its id; a late
// response, and a second, are dropped.
func TestCancel(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	s := begin(t, c, w, request(`1.50e0`, "tools/call", ``))
	w.in <- request(`"unread"`, "ping", ``)
	w.settle()
	waits := make(chan error, 1)
	other := begin(t, c, w, request(`2`, "tools/call", ``))
	go func() {
		_, err := other.Next()
		waits <- err
	}()
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	require.Contains(t, w.sent(t), `{"jsonrpc":"2.0","id":"unread","error":`)
	require.Equal(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1.50e0,"reason":"the stream was closed"}}`, w.sent(t))
	_, err := s.Next()
	require.ErrorIs(t, err, net.ErrClosed)
	w.in <- done(`1.50e0`)
	w.in <- done(`2`)
	w.in <- done(`2`)
	w.settle()
	require.NoError(t, <-waits)
	require.EqualValues(t, 2, c.Stats().Unclaimed)
	require.EqualValues(t, 1, c.Stats().Refused)
	require.Zero(t, c.Stats().Calls)
}

func TestInitializeIsNotCancelled(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	s := begin(t, c, w, request(`1`, "initialize", ``))
	require.NoError(t, s.Close())
	require.NoError(t, c.Notify(t.Context(), mcp.Message{Data: []byte(note("after", ``))}))
	require.Equal(t, note("after", ``), w.sent(t))
}

// The context of a call bounds all of it.
func TestContext(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	s, err := c.Call(ctx, mcp.Message{Data: []byte(request(`1`, "m", ``))})
	require.NoError(t, err)
	w.sent(t)
	lctx, lcancel := context.WithCancelCause(t.Context())
	l, err := c.Listen(lctx, "")
	require.NoError(t, err)
	cancel()
	_, err = s.Next()
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, w.sent(t), `"requestId":1`)
	lcancel(io.ErrNoProgress)
	_, err = l.Next()
	require.ErrorIs(t, err, io.ErrNoProgress)
	_, err = c.Call(ctx, mcp.Message{Data: []byte(request(`1`, "m", ``))})
	require.ErrorIs(t, err, context.Canceled)
	_, err = c.Listen(ctx, "")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, c.Notify(ctx, mcp.Message{Data: []byte(note("x", ``))}), context.Canceled)
	require.Empty(t, w.out)
}

func TestOneOfAKind(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	begin(t, c, w, request(`1`, "m", `"_meta":{"progressToken":"t"}`))
	for _, text := range []string{
		request(`1.0`, "m", ``), request(`2`, "m", `"_meta":{"progressToken":"t"}`), note("m", ``), done(`3`), `[]`, `nonsense`,
		request(`2`, "m", `"_meta":{"progressToken":1,"progressToken":2}`), request(`2`, "m", `"_meta":{},"_Meta":{}`),
	} {
		_, err := c.Call(t.Context(), mcp.Message{Data: []byte(text)})
		require.Error(t, err, text)
	}
	require.Error(t, c.Notify(t.Context(), mcp.Message{Data: []byte(request(`9`, "m", ``))}))
	require.Empty(t, w.out)
	begin(t, c, w, request(`2`, "m", `"_meta":{"progressToken":null}`))
	begin(t, c, w, request(`3`, "m", `"_meta":{"progressToken":null}`))

	l, err := c.Listen(t.Context(), "")
	require.NoError(t, err)
	_, err = c.Listen(t.Context(), "")
	var status *mcp.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, 409, status.Code)
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	_, err = l.Next()
	require.ErrorIs(t, err, duplex.ErrClosed)
	l, err = c.Listen(t.Context(), "")
	require.NoError(t, err)
	w.in <- note("x", ``)
	require.Equal(t, note("x", ``), next(t, l))
}

// Where Send waits for an answer, a message of the call's shows that it has begun.
func TestSendWaits(t *testing.T) {
	w := newWire()
	w.hold = make(chan struct{})
	c := start(t, w, duplex.Options{Waits: true})
	type begun struct {
		s   mcp.Stream
		err error
	}
	call := func(ctx context.Context, id string) chan begun {
		ch := make(chan begun, 1)
		go func() {
			s, err := c.Call(ctx, mcp.Message{Data: []byte(request(id, "m", ``))})
			ch <- begun{s, err}
		}()
		w.sent(t)
		return ch
	}
	a := call(t.Context(), `1`)
	w.in <- request(`"q"`, "elicitation/create", ``)
	got := <-a
	require.NoError(t, got.err)
	require.Equal(t, request(`"q"`, "elicitation/create", ``), next(t, got.s))
	w.in <- done(`1`)
	require.Equal(t, done(`1`), next(t, got.s))
	requireEnd(t, got.s)

	ctx, cancel := context.WithCancel(t.Context())
	a = call(ctx, `2`)
	cancel() // nothing has come at all
	got = <-a
	require.ErrorIs(t, got.err, context.Canceled)
	require.Contains(t, w.sent(t), `"requestId":2`)

	a = call(t.Context(), `3`) // and a call that the server refuses after its first message
	w.in <- note("n", ``)
	got = <-a
	require.NoError(t, got.err)
	w.fail = &mcp.StatusError{Code: 500}
	close(w.hold)
	for {
		if text := next(t, got.s); strings.HasPrefix(text, "error") {
			require.Contains(t, text, "500")
			break
		}
	}
	a = call(t.Context(), `4`)
	require.ErrorAs(t, (<-a).err, new(*mcp.StatusError))
	require.Zero(t, c.Stats().Calls)
}
