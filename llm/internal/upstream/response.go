package upstream

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/h1"
	"github.com/agent-gateway/agent-gateway/llm"
)

// response hands the upstream's answer on. One that is compressed, though
// identity was asked for, is decompressed: the gateway could not read it. clock is
// nil where the connection keeps the time.
func response(resp *http.Response, clock *clock) *llm.Response {
	b := &body{r: resp.Body, rc: resp.Body, clock: clock}
	if clock != nil {
		clock.idle = strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
	}
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		resp.ContentLength = -1
		b.r = &gunzip{r: resp.Body}
	}
	return &llm.Response{Status: resp.StatusCode, Header: resp.Header, ContentLength: resp.ContentLength, Body: b}
}

// gunzip reads the gzip header with the first Read, as it may not be there yet.
type gunzip struct {
	r io.Reader
	z *gzip.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.z == nil {
		z, err := gzip.NewReader(g.r)
		if err != nil {
			return 0, err
		}
		g.z = z
	}
	return g.z.Read(p)
}

// body says in the gateway's words why reading failed.
type body struct {
	r     io.Reader
	rc    io.ReadCloser
	clock *clock
}

func (b *body) Read(p []byte) (int, error) {
	b.clock.begin()
	n, err := b.r.Read(p)
	b.clock.end()
	if err == nil || err == io.EOF {
		return n, err
	}
	if errors.Is(err, h1.ErrTimeout) || b.clock.over() {
		return n, &llm.Error{Code: llm.CodeUpstreamTimeout, Message: "the upstream went silent in the middle of its answer", Cause: h1.ErrTimeout}
	}
	return n, withoutContent(err)
}

func (b *body) Close() error {
	err := b.rc.Close()
	b.clock.stop()
	return err
}

// clock bounds the time that a call through http.Transport takes, and ends the
// call with its body. A nil clock does nothing.
type clock struct {
	ctx     context.Context // of the call
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	timeout time.Duration
	idle    bool // the time counts anew with each read: only the upstream's silence, not the caller's
}

func startClock(ctx context.Context, timeout time.Duration) *clock {
	c := &clock{timeout: timeout}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.timer = time.AfterFunc(timeout, func() { c.cancel(h1.ErrTimeout) })
	return c
}

func (c *clock) begin() {
	if c != nil && c.idle {
		c.timer.Reset(c.timeout)
	}
}

func (c *clock) end() {
	if c != nil && c.idle {
		c.timer.Stop()
	}
}

func (c *clock) over() bool {
	return c != nil && errors.Is(context.Cause(c.ctx), h1.ErrTimeout)
}

func (c *clock) stop() {
	if c != nil {
		c.timer.Stop()
		c.cancel(nil)
	}
}
