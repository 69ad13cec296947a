package h1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// MaxBody is the longest request body that is taken: a connection's buffers hold
// that much, so that to write it does not wait for an upstream which answers
// without reading.
const MaxBody = 64 << 10

const readBuffer = 32 << 10

// maxInterim bounds the 1xx answers before the final one.
const maxInterim = 8

// Transport makes calls. Its fields are set before the first one. It is safe for
// concurrent use; who makes one closes its idle connections.
type Transport struct {
	// Dial makes a connection; nil is a [net.Dialer] of zero value.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// MaxIdle bounds the idle connections of all hosts, MaxIdlePerHost those of
	// one; 0 keeps none.
	MaxIdle, MaxIdlePerHost int
	// IdleTimeout is how long a connection is kept idle; 0 is for as long as the
	// upstream does.
	IdleTimeout time.Duration
	// MaxHead bounds the bytes of an answer's head; 0 is 1 MiB.
	MaxHead int64

	idle pool
}

// Request is one call. Body is read while RoundTrip runs, and not afterwards.
type Request struct {
	Method string
	URL    *url.URL
	Host   string
	Header http.Header
	Body   []byte
	// Timeout bounds the call; when the answer is a stream of events it bounds the
	// wait for the head, and then each read. 0 is no bound.
	Timeout time.Duration
}

// Takes says whether the transport makes calls to u with a body of n bytes.
func Takes(u *url.URL, n int64) bool {
	return available && u.Scheme == "http" && n <= MaxBody
}

// Errors that are told apart.
var (
	// ErrHead is the cause when an upstream's answer is not HTTP, or its head is
	// too long.
	ErrHead = errors.New("the answer's head is not valid HTTP, or too long")
	// ErrHeader is returned, and nothing sent, for a header that HTTP does not allow.
	ErrHeader = errors.New("a header has a character that HTTP does not allow")
	// ErrTimeout says that Request.Timeout is over.
	ErrTimeout = errors.New("the upstream was silent for too long")
)

// RoundTrip makes one call. The context holds until the answer's body is read to
// its end or closed, which is the caller's to do. A call is made again on another
// connection only where the upstream cannot have seen it.
func (t *Transport) RoundTrip(ctx context.Context, req *Request) (*http.Response, error) {
	addr := address(req.URL)
	var deadline time.Time
	if req.Timeout > 0 {
		deadline = time.Now().Add(req.Timeout)
	}
	for {
		c, err := t.conn(ctx, addr, deadline)
		if err != nil {
			return nil, explain(ctx, err)
		}
		resp, err := c.roundTrip(ctx, req)
		if err == nil {
			return resp, nil
		}
		_ = c.Close()
		if err = explain(ctx, err); !c.reused || ctx.Err() != nil || !c.unseen(req, err) {
			return nil, err
		}
	}
}

// explain tells an ended context, which closes the connection, from a deadline
// that was reached and from what the network said.
func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return ErrTimeout
	}
	return err
}

// CloseIdleConnections closes them, and calls that end later close theirs.
func (t *Transport) CloseIdleConnections() { t.idle.close() }

// conn returns a connection whose deadline is set.
func (t *Transport) conn(ctx context.Context, addr string, deadline time.Time) (*conn, error) {
	if c := t.idle.get(addr, deadline); c != nil {
		c.reused, c.wrote, c.answered = true, 0, false
		return c, nil
	}
	dial := t.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	nc, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: nc, t: t, addr: addr}
	c.in = bufio.NewReaderSize(c, readBuffer)
	return c, nc.SetDeadline(deadline)
}

func address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// conn is a connection. One call at a time uses it.
type conn struct {
	net.Conn
	t    *Transport
	addr string
	in   *bufio.Reader
	out  []byte // the head of a request, and a short body

	reused   bool
	wrote    int   // bytes of this call's request
	answered bool  // some of the answer has come
	headLeft int64 // of the head that is read now; below 0 it is not bounded
	since    time.Time
	raw      func() bool // what quiet has made
}

func (c *conn) Read(b []byte) (int, error) {
	if c.headLeft == 0 {
		return 0, ErrHead
	}
	if c.headLeft > 0 && int64(len(b)) > c.headLeft {
		b = b[:c.headLeft]
	}
	n, err := c.Conn.Read(b)
	c.answered = c.answered || n > 0
	if c.headLeft > 0 {
		c.headLeft -= int64(n)
	}
	return n, err
}

// unseen says whether the upstream cannot have acted upon a request that failed
// with err on a connection which was used before: it had closed it. One that was
// sent and not answered may be sent again only if that does no harm (RFC 9110,
// 9.2.2).
func (c *conn) unseen(req *Request, err error) bool {
	if c.wrote == 0 {
		return !errors.Is(err, ErrHeader)
	}
	if c.answered || err == ErrTimeout {
		return false
	}
	return req.Method == http.MethodGet || req.Method == http.MethodHead || req.Header["Idempotency-Key"] != nil
}

func (c *conn) roundTrip(ctx context.Context, req *Request) (*http.Response, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	resp, err := c.exchange(req)
	if err != nil {
		stop()
		return nil, err
	}
	b := &body{r: resp.Body, c: c, ctx: ctx, stop: stop, keep: !resp.Close}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		b.silence = req.Timeout
	}
	if resp.Body == http.NoBody {
		b.end(true)
	}
	resp.Body = b
	return resp, nil
}

func (c *conn) exchange(req *Request) (*http.Response, error) {
	c.headLeft = -1
	if err := c.send(req); err != nil && !c.refused() {
		return nil, err
	}
	c.headLeft = c.t.MaxHead
	if c.headLeft == 0 {
		c.headLeft = 1 << 20
	}
	forHead := &http.Request{Method: req.Method}
	for range maxInterim {
		if _, err := c.in.Peek(1); err != nil {
			return nil, c.headError(err)
		}
		resp, err := http.ReadResponse(c.in, forHead)
		if err != nil {
			return nil, c.headError(err)
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			c.headLeft = -1
			if resp.StatusCode == http.StatusSwitchingProtocols {
				return nil, ErrHead // nobody asked for it
			}
			return resp, nil
		}
	}
	return nil, ErrHead
}

// headError keeps what the network said, and hides what net/http says of an
// answer, which could quote it.
func (c *conn) headError(err error) error {
	var network net.Error
	switch {
	case errors.As(err, &network):
		return err
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	}
	return ErrHead
}

// refused says whether an upstream that took no more of a request has answered it
// nevertheless, as one does that finds it too large.
func (c *conn) refused() bool {
	if c.wrote == 0 {
		return false
	}
	_, err := c.in.Peek(1)
	return err == nil
}
