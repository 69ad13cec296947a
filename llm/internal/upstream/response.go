package upstream

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
)

// response hands the upstream's answer on. One that is compressed, though
// identity was asked for, is decompressed: the gateway could not read it.
func (c *Client) response(ctx context.Context, resp *http.Response, cancel context.CancelCauseFunc, timer *time.Timer) *llm.Response {
	b := &body{r: resp.Body, rc: resp.Body, ctx: ctx, cancel: cancel, timer: timer, timeout: c.timeout}
	b.idle = strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
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

// body ends the call when it is closed, and bounds the time that reading takes.
type body struct {
	r       io.Reader
	rc      io.ReadCloser
	ctx     context.Context // of this call: it ends with the body
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	timeout time.Duration
	idle    bool // the time counts anew with each read
}

func (b *body) Read(p []byte) (int, error) {
	if b.idle { // only the upstream's silence counts, not the caller's
		b.timer.Reset(b.timeout)
	}
	n, err := b.r.Read(p)
	if b.idle {
		b.timer.Stop()
	}
	if err != nil && err != io.EOF && errors.Is(context.Cause(b.ctx), errTimeout) {
		return n, &llm.Error{Code: llm.CodeUpstreamTimeout, Message: "the upstream went silent in the middle of its answer", Cause: errTimeout}
	}
	if err != nil {
		err = withoutContent(err)
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	err := b.rc.Close()
	b.cancel(nil)
	return err
}
