package mcpproxy

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// reply is the answer to a caller: one JSON message, or a stream of events once there is
// more to say than the response. It is safe for concurrent use, as what keeps it alive
// works beside.
type reply struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	stall time.Duration
	json  bool // the caller takes JSON
	sse   bool // the caller takes events

	mu     sync.Mutex
	stream bool // events have begun
	paused bool
	over   bool
	status int // 0: nothing is written
	failed error
	buf    []byte
	keep   *time.Timer
	every  time.Duration
}

// newReply begins the answer, or goes on with one that was paused.
func (x *exchange) newReply() *reply {
	if p := x.reply; p != nil {
		p.resume()
		return p
	}
	p := &reply{w: x.w, rc: http.NewResponseController(x.w), stall: x.limits.ClientStall, every: x.limits.KeepAlive, json: x.json, sse: x.events}
	x.reply = p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sse {
		p.keep = time.AfterFunc(p.every, p.comment)
	}
	return p
}

// pause has nothing written meanwhile but by its caller.
func (p *reply) pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = true
	if p.keep != nil {
		p.keep.Stop()
	}
}

func (p *reply) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = false
	if p.keep != nil {
		p.keep.Reset(p.every)
	}
}

// comment tells a caller that waits, and what stands between, that the connection lives.
func (p *reply) comment() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.paused || p.failed != nil {
		return
	}
	p.begin()
	p.write([]byte(": keep-alive\n\n"))
	p.keep.Reset(p.every)
}

// begin begins the events. The caller holds mu.
func (p *reply) begin() {
	if p.stream {
		return
	}
	h := p.w.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["Cache-Control"] = []string{"no-cache, no-transform"}
	h["X-Accel-Buffering"] = []string{"no"} // nginx would hold events back
	p.stream, p.status = true, http.StatusOK
	p.w.WriteHeader(p.status)
}

// write writes and flushes. The caller holds mu.
func (p *reply) write(b []byte) {
	_ = p.rc.SetWriteDeadline(time.Now().Add(p.stall)) // not every writer has deadlines
	if _, err := p.w.Write(b); err != nil {
		p.failed = err
		return
	}
	p.failed = p.rc.Flush()
}

// event sends a message as an event. The error says that the caller cannot be reached.
func (p *reply) event(m mcp.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil && !p.over {
		p.begin()
		p.buf = appendEvent(p.buf[:0], m)
		p.write(p.buf)
		if p.keep != nil {
			p.keep.Reset(p.every)
		}
	}
	return p.failed
}

// flush sends what the header says, for a stream that may have nothing to say for long.
func (p *reply) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin()
	p.failed = p.rc.Flush()
}

// finish sends the response, as JSON where that is possible still.
func (p *reply) finish(status int, m mcp.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.over = true
	if p.keep != nil {
		p.keep.Stop()
	}
	// An id is for the caller to come back with, and only events have one.
	if p.stream || status == http.StatusOK && (!p.json || p.sse && m.EventID != "") {
		p.begin()
		p.buf = appendEvent(p.buf[:0], m)
		p.write(p.buf)
		return
	}
	p.status = status
	_ = p.rc.SetWriteDeadline(time.Now().Add(p.stall))
	p.failed = writeMessage(p.w, status, m.Data)
}

// end ends the events without a response, as the server did.
func (p *reply) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.keep != nil {
		p.keep.Stop()
	}
	if p.status == 0 {
		p.begin()
	}
}

// gone says whether the caller cannot be reached any longer.
func (p *reply) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed != nil
}

// events says whether there are events already, or nothing else can be.
func (p *reply) events() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stream
}

// appendEvent writes a message as a server-sent event.
func appendEvent(b []byte, m mcp.Message) []byte {
	if m.EventID != "" {
		b = append(append(append(b, "id: "...), m.EventID...), '\n')
	}
	if m.Retry > 0 {
		b = append(strconv.AppendInt(append(b, "retry: "...), m.Retry.Milliseconds(), 10), '\n')
	}
	if len(m.Data) == 0 {
		return append(b, "data: \n\n"...)
	}
	b = append(b, "event: message\n"...)
	for data := m.Data; ; {
		i := bytes.IndexAny(data, "\r\n") // which stand between tokens only
		if i < 0 {
			return append(append(append(b, "data: "...), data...), "\n\n"...)
		}
		b = append(append(append(b, "data: "...), data[:i]...), '\n')
		data = data[i+1:]
	}
}
