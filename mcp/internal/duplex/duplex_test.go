package duplex_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

func request(id, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{%s}}`, id, method, params)
}

func note(method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":{%s}}`, method, params)
}

func done(id string) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{}}`, id) }

// Whatever is told apart reaches its call, bytes unchanged, and the response comes last.
func TestRouting(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	a := begin(t, c, w, request(`1`, "tools/call", `"_meta":{"progressToken":"a"}`))
	b := begin(t, c, w, request(`"1"`, "tools/call", `"_meta":{"progressToken":7}`))
	sub := begin(t, c, w, request(`"sub"`, "subscriptions/listen", ``))
	l, err := c.Listen(t.Context(), "")
	require.NoError(t, err)

	progressA := `{ "params":{"total":1e400,"progressToken":"\u0061"},"jsonrpc":"2.0","method":"notifications/progress" }`
	progressB := note("notifications/progress", `"progressToken":7.0`)
	stray := note("notifications/progress", `"progressToken":"7"`)
	ofSub := note("notifications/tools/list_changed", `"_meta":{"io.modelcontextprotocol/subscriptionId":"sub"}`)
	log := note("notifications/message", `"level":"info"`)
	asked := request(`1`, "sampling/createMessage", ``)
	for _, text := range []string{progressA, progressB, stray, ofSub, log, asked, done(`1.0`), done(`"1"`)} {
		w.in <- text
	}
	require.Equal(t, progressA, next(t, a))
	require.Equal(t, done(`1.0`), next(t, a))
	requireEnd(t, a)
	require.Equal(t, progressB, next(t, b))
	require.Equal(t, done(`"1"`), next(t, b))
	requireEnd(t, b)
	require.Equal(t, ofSub, next(t, sub))
	for _, text := range []string{stray, log, asked} {
		require.Equal(t, text, next(t, l))
	}
	require.NoError(t, a.Close())
	require.Empty(t, w.out, "a call that has its response is not cancelled")
}

// What names no call belongs to the one that is under way, subscriptions aside.
func TestTheOnlyCall(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	begin(t, c, w, request(`1`, "subscriptions/listen", ``))
	a := begin(t, c, w, request(`2`, "tools/call", ``))
	log, ping := note("notifications/message", ``), request(`"p"`, "ping", ``)
	taken := note("notifications/cancelled", `"requestId":"p"`)
	changed := note("notifications/resources/updated", ``)
	unreadable := `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}`
	for _, text := range []string{log, ping, changed, taken, taken, unreadable} {
		w.in <- text
	}
	for _, text := range []string{log, ping, taken, unreadable} {
		require.Equal(t, text, next(t, a))
	}
	requireEnd(t, a)
	l, err := c.Listen(t.Context(), "ignored")
	require.NoError(t, err)
	require.Equal(t, changed, next(t, l))
	require.EqualValues(t, 1, c.Stats().Unclaimed, "the second cancellation")
}

// A cancellation of the server's goes where its request went, even when another call is
// the only one by then; answered requests cannot be taken back.
func TestServerCancels(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	l, err := c.Listen(t.Context(), "")
	require.NoError(t, err)
	w.in <- request(`5`, "roots/list", ``)
	w.in <- request(`6`, "roots/list", ``)
	w.settle()
	a := begin(t, c, w, request(`5`, "tools/call", ``))
	require.NoError(t, c.Notify(t.Context(), mcp.Message{Data: []byte(done(`6`))}))
	require.Equal(t, done(`6`), w.sent(t))
	w.in <- note("notifications/cancelled", `"requestId":6`)
	w.in <- note("notifications/cancelled", `"requestId":5`)
	w.in <- done(`5`)
	next(t, l)
	next(t, l)
	require.Equal(t, note("notifications/cancelled", `"requestId":5`), next(t, l))
	require.Equal(t, done(`5`), next(t, a))
	require.EqualValues(t, 1, c.Stats().Unclaimed)
}

// A server tears a subscription down with a cancellation.
func TestSubscriptionTornDown(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	s := begin(t, c, w, request(`3`, "subscriptions/listen", ``))
	torn := note("notifications/cancelled", `"requestId":3,"reason":"shutdown"`)
	w.in <- torn
	w.in <- note("notifications/tools/list_changed", `"_meta":{"io.modelcontextprotocol/subscriptionId":3}`)
	w.settle()
	require.Equal(t, torn, next(t, s))
	requireEnd(t, s)
	require.NoError(t, s.Close())
	require.Empty(t, w.out)
	require.EqualValues(t, 1, c.Stats().Unclaimed)
	// That of a call is no subscription's.
	s = begin(t, c, w, request(`4`, "tools/call", ``))
	w.in <- note("notifications/cancelled", `"requestId":4`)
	w.in <- done(`4`)
	require.Equal(t, done(`4`), next(t, s))
}

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

// A batch, which one version of the protocol has, is its messages; what is no message is
// skipped.
func TestBatchAndNonsense(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	a := begin(t, c, w, request(`1`, "m", ``))
	for _, text := range []string{`[]`, `[1]`, `[{"jsonrpc":"2.0"`, `nonsense`, `{"jsonrpc":"1.0","id":1,"result":{}}`, `{}`, `{"jsonrpc":"2.0","method":"m","params":{"_meta":{},"_meta":{}}}`} {
		w.in <- text
	}
	w.in <- ` [ ` + note("m", ``) + ` , ` + done(`1`) + ` ]`
	require.Equal(t, note("m", ``), next(t, a))
	require.Equal(t, done(`1`), next(t, a))
	require.EqualValues(t, 7, c.Stats().Skipped)
	require.EqualValues(t, 2, c.Stats().Received)
}

// The end of the wire ends everything, after what had arrived.
func TestBroken(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	a, b := begin(t, c, w, request(`1`, "m", ``)), begin(t, c, w, request(`2`, "m", ``))
	l, err := c.Listen(t.Context(), "")
	require.NoError(t, err)
	w.in <- note("x", ``)
	w.in <- done(`1`)
	require.NoError(t, c.Err())
	w.broken <- errors.New("it broke")
	<-c.Done()
	require.Equal(t, done(`1`), next(t, a))
	requireEnd(t, a)
	require.Equal(t, "error: it broke", next(t, b))
	require.Equal(t, note("x", ``), next(t, l))
	require.Equal(t, "error: it broke", next(t, l))
	require.EqualError(t, c.Err(), "it broke")
	_, err = c.Call(t.Context(), mcp.Message{Data: []byte(request(`3`, "m", ``))})
	require.EqualError(t, err, "it broke")
	require.EqualError(t, c.Notify(t.Context(), mcp.Message{Data: []byte(note("x", ``))}), "it broke")
	_, err = c.Listen(t.Context(), "")
	require.EqualError(t, err, "it broke")
	require.NoError(t, b.Close())
	require.Empty(t, w.out)
}

func TestClose(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{})
	a := begin(t, c, w, request(`1`, "m", ``))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { _ = c.Close(context.Background()) })
	}
	_, err := a.Next()
	require.ErrorIs(t, err, net.ErrClosed)
	wg.Wait()
	require.ErrorIs(t, c.Err(), duplex.ErrClosed)
	_, err = c.Call(t.Context(), mcp.Message{Data: []byte(request(`3`, "m", ``))})
	require.ErrorIs(t, err, duplex.ErrClosed)
}

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

// Calls, cancellations, answers and the end of the wire at once.
func TestConcurrently(t *testing.T) {
	w := newWire()
	c := start(t, w, duplex.Options{QueueMessages: 4})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 100 {
				id := fmt.Sprint(i*1000 + j)
				ctx, cancel := context.WithCancel(context.Background())
				s, err := c.Call(ctx, mcp.Message{Data: []byte(request(id, "m", `"_meta":{"progressToken":`+id+`}`))})
				if err != nil {
					cancel()
					continue
				}
				switch j % 4 {
				case 0:
					go cancel()
				case 1:
					go func() { _ = s.Close() }()
				}
				for {
					if _, err := s.Next(); err != nil {
						break
					}
				}
				cancel()
				_ = s.Close()
			}
		})
	}
	go func() {
		l, err := c.Listen(context.Background(), "")
		for err == nil {
			_, err = l.Next()
		}
	}()
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	for {
		select {
		case text := <-w.out:
			var id int
			if _, err := fmt.Sscanf(text, `{"jsonrpc":"2.0","id":%d`, &id); err != nil {
				continue
			}
			for _, answer := range []string{note("notifications/progress", fmt.Sprintf(`"progressToken":%d`, id)), request(`1`, "ping", ``), done(fmt.Sprint(id)), done(fmt.Sprint(id))} {
				select {
				case w.in <- answer:
				case <-finished:
				}
			}
		case <-finished:
			require.Zero(t, c.Stats().Calls)
			return
		}
	}
}
