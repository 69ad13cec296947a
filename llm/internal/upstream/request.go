package upstream

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"

	"github.com/agent-gateway/agent-gateway/internal/h1"
	"github.com/agent-gateway/agent-gateway/llm"
)

// inShort says whether a call goes by the short way, and with which bytes; done
// gives them back.
func (c *Client) inShort(call *llm.Call, u *url.URL) (text []byte, done func(), ok bool) {
	if c.short == nil || u.Host != c.base.Host || u.Scheme != c.base.Scheme { // which a proxy may be chosen by
		return nil, nil, false
	}
	done = func() {}
	if call.Body == nil {
		return nil, done, h1.Takes(u, 0)
	}
	m, ok := call.Body.(llm.InMemory)
	if !ok || !h1.Takes(u, call.Body.Len()) {
		return nil, nil, false
	}
	text, give := m.Bytes()
	if give != nil {
		done = give
	}
	return text, done, true
}

// setBody gives the request its body. Bytes in memory go in as a *bytes.Reader,
// which the transport knows: it then sends head and body in one write. The lease
// is nil for other bodies.
func setBody(ctx context.Context, req *http.Request, b llm.Body) (context.Context, *lease, error) {
	if b == nil {
		return ctx, nil, nil
	}
	req.ContentLength = b.Len()
	m, ok := b.(llm.InMemory)
	if !ok {
		rc, err := b.Open()
		req.Body = rc
		if b.Replayable() {
			req.GetBody = b.Open
		}
		return ctx, nil, err
	}
	text, done := m.Bytes()
	if len(text) == 0 {
		req.Body = http.NoBody
		return ctx, nil, nil
	}
	if done == nil {
		req.Body = io.NopCloser(bytes.NewReader(text))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
		return ctx, nil, nil
	}
	l := &lease{begun: 1, done: done}
	req.Body = io.NopCloser(bytes.NewReader(text))
	req.GetBody = func() (io.ReadCloser, error) {
		l.begin()
		return io.NopCloser(bytes.NewReader(text)), nil
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: l.wrote}), l, nil
}

// lease gives bytes back when the transport certainly reads them no more: when
// RoundTrip has returned, so that no other attempt can begin, and each attempt
// has said that its request is written, which may be later than the answer. When
// an attempt failed to write, it is never certain, and the bytes are left to the
// collector.
type lease struct {
	mu             sync.Mutex
	begun, written int
	failed         bool
	returned       bool
	done           func()
}

func (l *lease) begin() {
	l.mu.Lock()
	l.begun++
	l.mu.Unlock()
}

func (l *lease) wrote(info httptrace.WroteRequestInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written++
	l.failed = l.failed || info.Err != nil
	l.settle()
}

func (l *lease) roundTripReturned() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.returned = true
	l.settle()
}

func (l *lease) settle() {
	if l.returned && !l.failed && l.written == l.begun {
		l.failed = true // once
		l.done()
	}
}
