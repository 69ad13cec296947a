package duplex

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// Conn is a connection over a wire. It is safe for concurrent use. Who made it closes
// it; when the wire ends by itself, the Conn does too and leaves nothing behind.
type Conn struct {
	wire     Wire
	opts     Options
	counters counters
	listen   queue          // what belongs to no call
	done     chan struct{}  // closed when nothing is received any more
	sending  sync.WaitGroup // goroutines that send
	closing  sync.Once
	closed   error         // what the wire's Close returned
	told     atomic.Uint64 // messages without an answer that were sent

	mu        sync.Mutex
	err       error              // why the connection ended; nil while it lasts
	calls     map[string]*call   // by their ids
	tokens    map[string]*call   // by their progress tokens
	single    map[*call]struct{} // those that are no subscriptions
	asked     map[string]*call   // by the ids of the server's requests, the calls they went to; nil for Listen
	listening bool
	outbox    [][]byte
	posting   bool // a goroutine empties the outbox
}

var _ mcp.Conn = (*Conn)(nil)

// New begins to receive from the wire, which the connection closes.
func New(wire Wire, opts Options) *Conn {
	c := &Conn{
		wire: wire, opts: opts.filled(), done: make(chan struct{}),
		calls: map[string]*call{}, tokens: map[string]*call{}, single: map[*call]struct{}{}, asked: map[string]*call{},
	}
	c.listen.init(c.opts.Backlog, c.opts.QueueBytes)
	go c.receive()
	return c
}

// Done is closed when the connection has ended, by itself or by Close.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection ended, [ErrClosed] after Close, nil while it lasts.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Notify sends a notification, or the answer to a request of the server's.
func (c *Conn) Notify(ctx context.Context, m mcp.Message) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	msg, err := jsonrpc.Parse(m.Data)
	if err != nil {
		return refusal("a notification: " + err.Error())
	}
	c.mu.Lock()
	err = c.err
	switch msg.Kind() {
	case jsonrpc.Request:
		err = refusal("a notification that has an id")
	case jsonrpc.Response:
		delete(c.asked, msg.Key())
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	c.told.Add(1)
	return c.send(ctx, m)
}

func (c *Conn) send(ctx context.Context, m mcp.Message) error {
	err := c.wire.Send(ctx, m)
	if err == nil {
		c.counters.sent.Add(1)
	}
	return err
}

// Close ends the connection and what is under way. ctx bounds how long the other side
// may take to end in good order.
func (c *Conn) Close(ctx context.Context) error {
	c.end(ErrClosed)
	c.closing.Do(func() { c.closed = c.wire.Close(ctx) })
	<-c.done
	c.sending.Wait()
	return c.closed
}

func (c *Conn) receive() {
	defer close(c.done)
	for {
		m, err := c.wire.Receive()
		if err != nil {
			c.end(err)
			return
		}
		c.deliver(m)
	}
}

// end ends everything with err, the first time that it is called.
func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	c.outbox = nil
	for _, s := range c.calls {
		c.forget(s)
		s.queue.finish(err)
	}
	c.listen.finish(err)
}

// Bounds of what is kept besides streams.
const (
	maxOutbox = 4096
	maxAsked  = 4096
)

// post sends a message of the connection's own without waiting for it: neither who
// reads the wire nor who closes a stream may be held up by a server that does not read.
func (c *Conn) post(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || len(c.outbox) >= maxOutbox {
		c.counters.unsent.Add(1)
		return
	}
	c.outbox = append(c.outbox, data)
	if !c.posting {
		c.posting = true
		c.sending.Go(c.empty)
	}
}

// empty sends what is in the outbox.
func (c *Conn) empty() {
	for {
		c.mu.Lock()
		if len(c.outbox) == 0 {
			c.posting, c.outbox = false, nil
			c.mu.Unlock()
			return
		}
		data := c.outbox[0]
		c.outbox = c.outbox[1:]
		c.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if c.send(ctx, mcp.Message{Data: data}) != nil {
			c.counters.unsent.Add(1)
		}
		cancel()
	}
}
