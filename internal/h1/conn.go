package h1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// conn is a connection. One call at a time uses it.
type conn struct {
	net.Conn
	t    *Transport
	addr string
	in   *bufio.Reader
	out  []byte // the head of a request, and a short body

	reused   bool
	wrote    int         // bytes of this call's request
	answered bool        // some of the answer has come
	deadline time.Time   // of this call
	rest     net.Buffers // of a long request: what is not sent yet
	headLeft int64       // of the head that is read now; below 0 it is not bounded
	since    time.Time
	raw      func() bool // what quiet has made
}

func (c *conn) Read(b []byte) (int, error) {
	if c.headLeft == 0 {
		return 0, ErrAnswer
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
	if c.answered || err == ErrTimeout {
		return false
	}
	if c.wrote == 0 {
		return !errors.Is(err, ErrHeader)
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
		b.err = io.EOF // to read may not touch the connection, which is another's now
		b.end(true)
	}
	resp.Body = b
	return resp, nil
}

func (c *conn) exchange(req *Request) (*http.Response, error) {
	c.headLeft = -1
	unsent := c.send(req)
	c.headLeft = c.t.MaxHead
	if c.headLeft == 0 {
		c.headLeft = 1 << 20
	}
	forHead := &http.Request{Method: req.Method}
	for {
		if err := c.await(unsent); err != nil {
			return nil, err
		}
		resp, err := http.ReadResponse(c.in, forHead)
		if err != nil {
			return nil, hide(err)
		}
		switch s := resp.StatusCode; {
		case s < 100, s == http.StatusSwitchingProtocols: // nobody asked for it
			return nil, ErrAnswer
		case s < 200:
			if unsent != nil {
				unsent = c.push()
			}
			continue
		}
		c.headLeft, c.rest = -1, nil
		// The rest of a request that was not sent whole would be missed, or taken for
		// another one.
		resp.Close = resp.Close || unsent != nil
		return resp, nil
	}
}

// await waits for an answer. An upstream that took no more of a request may give
// one nevertheless, as one does that finds it too large.
func (c *conn) await(unsent error) error {
	if unsent != nil && c.wrote == 0 {
		return unsent
	}
	_, err := c.in.Peek(1)
	if err == nil || unsent == nil || errors.Is(unsent, os.ErrDeadlineExceeded) {
		return hide(err)
	}
	return unsent
}

// hide keeps what the network said, and hides what net/http says of an answer,
// which could quote it.
func hide(err error) error {
	var network net.Error
	switch {
	case err == nil, errors.As(err, &network):
		return err
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	}
	return ErrAnswer
}
