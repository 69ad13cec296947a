package h1

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// MaxBody is the longest request body that is taken: a connection's buffers
// usually hold that much, so that to write it does not wait for an upstream which
// answers without reading.
const MaxBody = 64 << 10

const readBuffer = 32 << 10

// Transport makes calls. Its fields are set before the first one. It is safe for
// concurrent use; who makes one closes its idle connections.
type Transport struct {
	// Dial makes a connection of the system's; nil is a [net.Dialer] of zero value.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// MaxIdle bounds the idle connections of all hosts, MaxIdlePerHost those of
	// one; 0 keeps none.
	MaxIdle, MaxIdlePerHost int
	// IdleTimeout is how long a connection is kept idle; 0 is for as long as the
	// upstream does.
	IdleTimeout time.Duration
	// MaxHead bounds the bytes of an answer's head, with all 1xx answers before it;
	// 0 is 1 MiB.
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

// Takes says whether the transport makes calls to u with a body of n bytes. A host
// that is not sent as it is written, since it is not ASCII or has an IPv6 zone, is
// left to http.Transport.
func Takes(u *url.URL, n int64) bool {
	if !available || u.Scheme != "http" || n > MaxBody {
		return false
	}
	for i := range len(u.Host) {
		if u.Host[i] == '%' || u.Host[i] >= 0x80 {
			return false
		}
	}
	return u.Host != ""
}

// Errors that are told apart.
var (
	// ErrAnswer is the cause when an upstream's answer is not HTTP, or its head is
	// too long.
	ErrAnswer = errors.New("the answer is not valid HTTP, or its head is too long")
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
		if ctx.Err() != nil {
			return nil, context.Cause(ctx) // an idle connection would send nevertheless
		}
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
		c.reused, c.wrote, c.answered, c.deadline = true, 0, false, deadline
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
	if err := nc.SetDeadline(deadline); err != nil {
		_ = nc.Close()
		return nil, err
	}
	c := &conn{Conn: nc, t: t, addr: addr, deadline: deadline}
	c.in = bufio.NewReaderSize(c, readBuffer)
	return c, nil
}

func address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}
