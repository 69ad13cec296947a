package duplex

import (
	"errors"
	"io"
	"math/bits"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// deliver puts one received message where it belongs.
func (c *Conn) deliver(m mcp.Message) {
	msg, err := jsonrpc.Parse(m.Data)
	if errors.Is(err, jsonrpc.ErrBatch) && c.batch(m) {
		return
	}
	if err != nil {
		c.skip(m)
		return
	}
	switch msg.Kind() {
	case jsonrpc.Response:
		c.respond(m, msg)
	case jsonrpc.Request:
		c.ask(m, msg)
	default:
		c.note(m, msg)
	}
}

// batch delivers the messages of an array, which 2025-03-26 lets a server send.
func (c *Conn) batch(m mcp.Message) bool {
	var parts [][]byte
	end := jsonscan.Walk(m.Data, 0, func(_ []byte, at int) int {
		end := jsonscan.Skip(m.Data, at)
		if end < 0 || m.Data[at] != '{' {
			return -1
		}
		parts = append(parts, m.Data[at:end])
		return end
	})
	if end < 0 || len(parts) == 0 {
		return false
	}
	for _, part := range parts {
		one := m
		one.Data = part
		c.deliver(one)
	}
	return true
}

// skip counts what is no message. The first is logged, and then ever fewer of many: a
// server that writes its log to its output must not fill the gateway's.
func (c *Conn) skip(m mcp.Message) {
	n := c.counters.skipped.Add(1)
	if bits.OnesCount64(n) == 1 {
		c.opts.Log.Warn("mcp: skipped what a server sent, as it is no message", "bytes", len(m.Data), "skipped", n)
	}
}

// respond delivers a response. An error with id null is one to a message that the server
// could not read: to the call that is under way, if nothing else can be meant. There are
// servers that answer notifications so.
func (c *Conn) respond(m mcp.Message, msg *jsonrpc.Message) {
	c.counters.received.Add(1)
	c.mu.Lock()
	s := c.calls[msg.Key()]
	if string(msg.ID.Of(m.Data)) == "null" {
		if s = c.only(); s != nil && (s.told != c.told.Load() || !unread(msg)) {
			s = nil
		}
	}
	if s != nil {
		s.full = true
		c.forget(s)
	}
	c.mu.Unlock()
	if s == nil {
		c.counters.unclaimed.Add(1)
		return
	}
	s.queue.last(m, io.EOF)
}

// unread says whether an error is that of a message that could not be read.
func unread(msg *jsonrpc.Message) bool {
	code := msg.DecodeError().Code
	return code == jsonrpc.CodeParse || code == jsonrpc.CodeInvalidRequest
}

// ask delivers a request of the server's.
func (c *Conn) ask(m mcp.Message, msg *jsonrpc.Message) {
	c.counters.received.Add(1)
	c.mu.Lock()
	s := c.only()
	if len(c.asked) >= maxAsked { // a server that is never answered; any will do
		for id := range c.asked {
			delete(c.asked, id)
			break
		}
	}
	c.asked[msg.Key()] = s
	c.mu.Unlock()
	c.push(s, item{m: m, class: asking, id: msg.ID.Of(m.Data)})
}

// note delivers a notification.
func (c *Conn) note(m mcp.Message, msg *jsonrpc.Message) {
	found, err := msg.Members(msg.Params, "_meta", "progressToken", "requestId")
	var subscription jsonrpc.Span
	if err == nil {
		subscription, err = msg.Member(found[0], mcp.SubscriptionKey)
	}
	if err != nil {
		c.skip(m)
		return
	}
	c.counters.received.Add(1)
	key := func(at jsonrpc.Span) string { return jsonrpc.Key(at.Of(m.Data)) }
	it := item{m: m, class: notice}
	var s *call
	known := true
	c.mu.Lock()
	switch {
	case msg.Method == "notifications/cancelled" && found[2].OK():
		s, known = c.takenBack(key(found[2]), subscription.OK())
	case subscription.OK():
		s = c.calls[key(subscription)]
		known = s != nil && s.method == methodSubscribe
	case msg.Method == "notifications/progress":
		it.class = lossy
		if found[1].OK() {
			s = c.tokens[key(found[1])]
		}
	case ofServer[msg.Method]:
	default:
		if msg.Method == "notifications/message" {
			it.class = lossy
		}
		s = c.only()
	}
	torn := s != nil && known && s.method == methodSubscribe && msg.Method == "notifications/cancelled"
	if torn {
		c.forget(s)
	}
	c.mu.Unlock()
	if !known {
		c.counters.unclaimed.Add(1)
		return
	}
	c.push(s, it)
	if torn {
		s.queue.finish(io.EOF)
	}
}

// ofServer are the notifications that tell of the server, whatever is under way.
var ofServer = map[string]bool{
	"notifications/tools/list_changed":     true,
	"notifications/prompts/list_changed":   true,
	"notifications/resources/list_changed": true,
	"notifications/resources/updated":      true,
}

// takenBack finds where a cancellation belongs: to the subscription that the server
// ends, or to where its own request went. Ids of the two sides may be equal; that of an
// open request of the server's is meant then, unless the notification says otherwise.
func (c *Conn) takenBack(key string, subscription bool) (s *call, known bool) {
	if to, ok := c.asked[key]; ok && !subscription {
		delete(c.asked, key)
		return to, true
	}
	s = c.calls[key]
	return s, s != nil && s.method == methodSubscribe
}

// only is the call that is under way if no other is, subscriptions aside.
func (c *Conn) only() *call {
	if len(c.single) == 1 {
		for s := range c.single {
			return s
		}
	}
	return nil
}

// push puts a message into the queue of a call, or into that of Listen for none.
func (c *Conn) push(s *call, it item) {
	q := &c.listen
	if s != nil {
		q = &s.queue
	}
	c.lost(q.push(it))
}

// lost counts messages that nobody gets, and answers the requests among them.
func (c *Conn) lost(items []item) {
	for _, it := range items {
		switch it.class {
		case asking:
			c.mu.Lock()
			delete(c.asked, jsonrpc.Key(it.id))
			c.mu.Unlock()
			c.counters.refused.Add(1)
			c.post(jsonrpc.Errorf(jsonrpc.CodeInternal, "nobody takes the request").Response(it.id))
		case lossy, notice:
			c.counters.dropped.Add(1)
		}
	}
}
