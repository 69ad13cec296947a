package duplex_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what has to happen; nothing is measured by it.
const patience = time.Minute

// wire is one whose other end the test holds.
type wire struct {
	in     chan string
	out    chan string
	broken chan error    // what Receive fails with
	hold   chan struct{} // when set, Send returns only when it is closed, or fails with sendErr
	fail   error

	once   sync.Once
	closed chan struct{}
}

func newWire() *wire {
	return &wire{in: make(chan string), out: make(chan string, 10_000), broken: make(chan error, 1), closed: make(chan struct{})}
}

func (w *wire) Send(ctx context.Context, m mcp.Message) error {
	w.out <- string(m.Data)
	if w.hold != nil {
		select {
		case <-w.hold:
			return w.fail
		case <-ctx.Done():
			return ctx.Err()
		case <-w.closed:
			return errors.New("closed")
		}
	}
	return w.fail
}

func (w *wire) Receive() (mcp.Message, error) {
	select {
	case text := <-w.in:
		return mcp.Message{Data: []byte(text)}, nil
	case err := <-w.broken:
		return mcp.Message{}, err
	case <-w.closed:
		return mcp.Message{}, errors.New("the test's wire was closed")
	}
}

func (w *wire) Close(context.Context) error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

// settle returns when all that was sent to in has been delivered.
func (w *wire) settle() { w.in <- "settled" }

func (w *wire) sent(t *testing.T) string {
	t.Helper()
	select {
	case text := <-w.out:
		return text
	case <-time.After(patience):
		t.Fatal("nothing was sent")
		return ""
	}
}

func start(t *testing.T, w *wire, opts duplex.Options) *duplex.Conn {
	t.Helper()
	opts.Log = slog.New(slog.DiscardHandler)
	c := duplex.New(w, opts)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return c
}

func begin(t *testing.T, c *duplex.Conn, w *wire, text string) mcp.Stream {
	t.Helper()
	s, err := c.Call(t.Context(), mcp.Message{Data: []byte(text)})
	require.NoError(t, err)
	require.Equal(t, text, w.sent(t))
	return s
}

func next(t *testing.T, s mcp.Stream) string {
	t.Helper()
	type got struct {
		m   mcp.Message
		err error
	}
	ch := make(chan got, 1)
	go func() {
		m, err := s.Next()
		ch <- got{m, err}
	}()
	select {
	case g := <-ch:
		if g.err != nil {
			return "error: " + g.err.Error()
		}
		return string(g.m.Data)
	case <-time.After(patience):
		t.Fatal("there is no next message")
		return ""
	}
}

func requireEnd(t *testing.T, s mcp.Stream) {
	t.Helper()
	_, err := s.Next()
	require.Equal(t, io.EOF, err)
}
