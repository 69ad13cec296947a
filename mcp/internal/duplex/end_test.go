package duplex_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

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

// Close may be called at any time, by anybody.
func TestCloseAtWork(t *testing.T) {
	for _, waits := range []bool{false, true} {
		w := newWire()
		c := start(t, w, duplex.Options{Waits: waits})
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				for j := 0; ; j++ {
					if i%3 == 0 {
						if c.Notify(t.Context(), mcp.Message{Data: []byte(note("n", ``))}) != nil {
							return
						}
						continue
					}
					s, err := c.Call(t.Context(), mcp.Message{Data: []byte(request(fmt.Sprint(j*100+i), "m", ``))})
					if err != nil {
						return
					}
					if i%3 == 1 {
						_ = s.Close()
					} else if _, err := s.Next(); err != nil {
						return
					}
				}
			})
		}
		for range 1000 {
			<-w.out
		}
		for range 3 {
			wg.Go(func() { _ = c.Close(context.Background()) })
		}
		go func() {
			for range w.out { // until the end of the test
			}
		}()
		wg.Wait()
		require.NoError(t, c.Close(context.Background()))
		close(w.out)
	}
}
