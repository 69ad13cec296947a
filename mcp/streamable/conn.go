package streamable

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/h1"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// conn is a session, once the server has given it an id; until then, or without, it is
// an address.
type conn struct {
	t      *Transport
	url    *url.URL
	header http.Header
	direct bool // there is no proxy on the way

	live    context.Context // ends with Close
	end     context.CancelFunc
	work    sync.WaitGroup // cancellations on their way
	cancels chan struct{}  // holds a token for each

	mu      sync.Mutex
	session []string // its id, as a header has it; nil without one
	version []string // of the protocol, as agreed on
	closed  bool
}

var _ mcp.Conn = (*conn)(nil)

// SessionID is the id that the server has given the session; empty before initialize, and
// where the server gives none.
func (c *conn) SessionID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.session, "")
}

// lease is the time that an exchange may take: as long as the caller wants, and as the
// session lasts.
type lease struct {
	cancel context.CancelCauseFunc
	stop   func() bool
	cause  func() error // why it has ended; nil while it has not
}

// lease returns a context for an exchange, and what ends it.
func (c *conn) lease(ctx context.Context) (context.Context, lease, error) {
	if ctx.Err() != nil {
		return nil, lease{}, context.Cause(ctx)
	}
	ctx, l := newLease(ctx)
	l.stop = context.AfterFunc(c.live, func() { l.cancel(ErrClosed) })
	if c.live.Err() != nil {
		l.over()
		return nil, lease{}, ErrClosed
	}
	return ctx, l, nil
}

func newLease(ctx context.Context) (context.Context, lease) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, lease{cancel: cancel, stop: func() bool { return false }, cause: func() error { return context.Cause(ctx) }}
}

// over ends the exchange, if it has not ended.
func (l lease) over() {
	l.stop()
	l.cancel(ErrClosed)
}

// within ends the exchange when it takes longer; the function that it returns takes that
// back.
func (l lease) within(d time.Duration) (stop func() bool) {
	return time.AfterFunc(d, func() { l.cancel(errSlow) }).Stop
}

// outgoing is a request.
type outgoing struct {
	method string
	accept []string
	own    http.Header // of the message
	after  string      // the id of the last event
	body   []byte
	first  bool // it begins a session, so it belongs to none
}

var (
	acceptBoth   = []string{"application/json, text/event-stream"}
	acceptEvents = []string{"text/event-stream"}
	contentJSON  = []string{"application/json"}
)

func (c *conn) headers(o outgoing) http.Header {
	h := maps.Clone(c.header)
	c.mu.Lock()
	if !o.first && c.session != nil {
		h["Mcp-Session-Id"] = c.session
	}
	if !o.first && c.version != nil {
		h["Mcp-Protocol-Version"] = c.version
	}
	c.mu.Unlock()
	if o.accept != nil {
		h["Accept"] = o.accept
	}
	if o.body != nil {
		h["Content-Type"] = contentJSON
	}
	if o.after != "" {
		h["Last-Event-Id"] = []string{o.after}
	}
	for name, v := range o.own {
		// Whatever else a message brings along is not for the server.
		if name = http.CanonicalHeaderKey(name); strings.HasPrefix(name, "Mcp-") && name != "Mcp-Session-Id" {
			h[name] = v
		}
	}
	return h
}

// maxRedirects bounds the detours of one request.
const maxRedirects = 3

// send sends a request. The error does not tell where to, as there may be secrets in an
// address. A redirect is followed within the service's origin, where its credentials
// belong; another is an answer like others.
func (c *conn) send(ctx context.Context, l lease, o outgoing) (*http.Response, error) {
	h, u := c.headers(o), c.url
	for n := 0; ; n++ {
		resp, err := c.exchange(ctx, o, u, h)
		if err != nil {
			return nil, failure(l, "the server cannot be reached", err)
		}
		if resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusPermanentRedirect || n == maxRedirects {
			return resp, nil
		}
		next, err := u.Parse(resp.Header.Get("Location"))
		if err != nil || resp.Header.Get("Location") == "" || !sameOrigin(next, u) {
			return resp, nil
		}
		_ = resp.Body.Close()
		next.User, next.Fragment, next.RawFragment = nil, "", ""
		u = next
	}
}

func sameOrigin(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		switch {
		case u.Port() != "":
			return u.Port()
		case u.Scheme == "https":
			return "443"
		}
		return "80"
	}
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// exchange sends a request to one address.
func (c *conn) exchange(ctx context.Context, o outgoing, u *url.URL, h http.Header) (*http.Response, error) {
	if c.direct && h1.Takes(u, int64(len(o.body))) {
		return c.t.short.RoundTrip(ctx, &h1.Request{Method: o.method, URL: u, Host: u.Host, Header: h, Body: o.body})
	}
	r := &http.Request{Method: o.method, URL: u, Host: u.Host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if o.body != nil {
		r.ContentLength = int64(len(o.body))
		r.Body = io.NopCloser(bytes.NewReader(o.body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o.body)), nil }
	}
	return c.t.long.RoundTrip(r.WithContext(ctx))
}

// Close implements [mcp.Conn].
func (c *conn) Close(ctx context.Context) error {
	c.mu.Lock()
	session, closed := c.session, c.closed
	c.closed = true
	c.mu.Unlock()
	c.end()
	c.work.Wait() // they end with the session
	if closed || session == nil {
		return nil
	}
	ctx, l := newLease(ctx)
	defer l.over()
	defer l.within(c.t.opts.NotifyTimeout)()
	// The server may refuse to end the session before it does so by itself
	// (2025-11-25, Session Management), so that any answer will do.
	resp, err := c.send(ctx, l, outgoing{method: http.MethodDelete})
	if err != nil {
		return err
	}
	drain(l, resp.Body)
	return nil
}
