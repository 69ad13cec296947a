package duplex

import (
	"context"
	"net/http"
	"sync"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// listener is a stream of what belongs to no call.
type listener struct {
	conn   *Conn
	once   sync.Once
	closed chan struct{}
	err    error // set before closed is
	stop   func() bool
}

// Listen streams what belongs to no call, first what was kept while nobody listened.
// On such a wire nothing has an id to go on after; after is not looked at. There is one
// such stream at a time: another is refused with status 409, as HTTP servers have it.
func (c *Conn) Listen(ctx context.Context, after string) (mcp.Stream, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil, c.err
	case c.listening:
		return nil, &mcp.StatusError{Code: http.StatusConflict}
	}
	c.listening = true
	c.listen.limit(c.opts.QueueMessages)
	l := &listener{conn: c, closed: make(chan struct{})}
	l.stop = context.AfterFunc(ctx, func() { l.leave(context.Cause(ctx)) })
	return l, nil
}

// Next returns the next message.
func (l *listener) Next() (mcp.Message, error) {
	for {
		select {
		case <-l.closed:
			return mcp.Message{}, l.err
		default:
		}
		if m, err, ok := l.conn.listen.pop(); ok {
			return m, err
		}
		select {
		case <-l.conn.listen.ready:
		case <-l.closed:
		}
	}
}

// Close ends the stream. What comes later waits for the next.
func (l *listener) Close() error {
	l.leave(ErrClosed)
	return nil
}

func (l *listener) leave(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.closed)
		c := l.conn
		c.mu.Lock()
		c.listening = false
		c.listen.limit(c.opts.Backlog)
		c.mu.Unlock()
		l.stop()
	})
}
