package duplex

import (
	"context"
	"errors"
	"time"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// sendAside sends the request and returns when it is sent, has failed, or shows that
// it was received: by a first message of the call's. If it fails later, so does the call.
// Sending outlives a call that is given up, so that the server gets request and
// cancellation in this order.
func (s *call) sendAside(ctx context.Context, m mcp.Message) error {
	own, abort := context.WithCancel(context.WithoutCancel(ctx))
	c := s.conn
	c.mu.Lock()
	if err := c.err; err != nil {
		c.mu.Unlock()
		abort()
		return err
	}
	s.abort, s.sent = abort, make(chan struct{})
	c.sending.Go(func() {
		err := c.send(own, m)
		abort()
		c.mu.Lock()
		s.abort, s.failed = nil, err
		c.mu.Unlock()
		close(s.sent)
		if err != nil {
			s.leave(err)
		}
	})
	c.mu.Unlock()
	select {
	case <-s.sent:
		return s.failed
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.queue.ready:
		s.queue.signal()
		select {
		case <-s.sent: // and not what it made of the queue
			return s.failed
		default:
			return nil
		}
	}
}

func (s *call) answered() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.full
}

// cancel tells the server that nobody waits for the response. That of initialize must
// be waited for, by the specification: nothing is sent.
func (s *call) cancel(ctx context.Context) {
	if s.method == methodInitialize {
		return
	}
	reason := "the stream was closed"
	if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		reason = "the time for the request is over"
	}
	notification := mcp.Cancelled(s.id, reason)
	c := s.conn
	if s.sent == nil {
		c.post(notification)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.sending.Go(func() {
		late := time.NewTimer(lag)
		defer late.Stop()
		select {
		case <-s.sent:
			if s.failed != nil { // the server does not have it
				return
			}
		case <-late.C:
		case <-c.done:
			return
		}
		c.post(notification)
	})
}
