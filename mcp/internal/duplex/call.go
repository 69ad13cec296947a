package duplex

import (
	"context"
	"errors"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

const (
	// patience is how long a message may take that nobody waits for.
	patience = 10 * time.Second
	// lag is how long a cancellation waits until its request is sent. A server that answers
	// only after it has carried a request out has it by then.
	lag = 250 * time.Millisecond
)

const (
	methodInitialize = "initialize"
	methodSubscribe  = "subscriptions/listen"
)

// call is a request under way, and the stream of its messages.
type call struct {
	conn   *Conn
	queue  queue
	id     []byte // as the request has it
	key    string
	token  string // "" without one
	method string
	told   uint64 // messages without an answer that had been sent when it began

	// Under the connection's lock:
	over  bool        // it is not under way any more
	full  bool        // it has its response
	stop  func() bool // ends the watch over its context
	abort func()      // ends a Send that waits for its answer; nil when none does

	sent   chan struct{} // closed when sendAside's Send has returned; nil without one
	failed error         // what it returned; set before sent is closed
}

func refusal(what string) error { return errors.New("mcp: the message is not sent: it is " + what) }

// Call sends a request and streams what belongs to it.
func (c *Conn) Call(ctx context.Context, m mcp.Message) (mcp.Stream, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s, err := c.begin(m)
	if err != nil {
		return nil, err
	}
	if c.opts.Waits {
		err = s.sendAside(ctx, m)
	} else {
		err = c.send(ctx, m)
	}
	if err != nil && !s.answered() { // otherwise it was sent, whatever became of sending
		s.leave(err)
		if ended := c.Err(); ended != nil { // which knows better why
			return nil, ended
		}
		if ctx.Err() != nil && !errors.Is(err, ErrNotSent) {
			s.cancel(ctx)
		}
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() {
		if s.leave(context.Cause(ctx)) {
			s.cancel(ctx)
		}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.over {
		stop()
	} else {
		s.stop = stop
	}
	return s, nil
}

// begin reads what a call is told by and enters it.
func (c *Conn) begin(m mcp.Message) (*call, error) {
	msg, err := jsonrpc.Parse(m.Data)
	if err != nil {
		return nil, refusal("no request: " + err.Error())
	}
	if msg.Kind() != jsonrpc.Request {
		return nil, refusal("no request")
	}
	s := &call{conn: c, id: msg.ID.Of(m.Data), key: msg.Key(), method: msg.Method}
	meta, err := msg.Member(msg.Params, "_meta")
	if err != nil {
		return nil, refusal("a request whose params are not clear: " + err.Error())
	}
	token, err := msg.Member(meta, "progressToken")
	if err != nil {
		return nil, refusal("a request whose _meta is not clear: " + err.Error())
	}
	if text := token.Of(m.Data); len(text) > 0 && string(text) != "null" {
		s.token = jsonrpc.Key(text)
	}
	s.told = c.told.Load()
	s.queue.init(c.opts.QueueMessages, c.opts.QueueBytes)

	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil, c.err
	case c.calls[s.key] != nil:
		return nil, refusal("a request with the id of another that is under way")
	case s.token != "" && c.tokens[s.token] != nil:
		return nil, refusal("a request with the progress token of another that is under way")
	}
	c.calls[s.key] = s
	if s.token != "" {
		c.tokens[s.token] = s
	}
	if s.method != methodSubscribe {
		c.single[s] = struct{}{}
	}
	return s, nil
}

// forget takes a call out of the lists. The connection's lock is held.
func (c *Conn) forget(s *call) {
	s.over = true
	delete(c.calls, s.key)
	delete(c.single, s)
	if s.token != "" {
		delete(c.tokens, s.token)
	}
	for id, to := range c.asked {
		if to == s {
			delete(c.asked, id)
		}
	}
	if s.stop != nil {
		s.stop()
	}
	if s.abort != nil {
		time.AfterFunc(patience, s.abort)
	}
}

// leave ends the stream at once with err, if the call is under way. What the server
// asked and nobody read is refused, so that it does not wait for an answer.
func (s *call) leave(err error) bool {
	c := s.conn
	c.mu.Lock()
	if s.over {
		c.mu.Unlock()
		return false
	}
	c.forget(s)
	c.mu.Unlock()
	c.lost(s.queue.discard(err))
	return true
}

// Next returns the next message of the call.
func (s *call) Next() (mcp.Message, error) {
	for {
		if m, err, ok := s.queue.pop(); ok {
			return m, err
		}
		<-s.queue.ready
	}
}

// Close ends the stream, and cancels the call if it is under way.
func (s *call) Close() error {
	if s.leave(ErrClosed) {
		s.cancel(context.Background())
		return nil
	}
	s.conn.lost(s.queue.discard(ErrClosed))
	return nil
}
