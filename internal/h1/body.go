package h1

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// body is an answer's body. Read to its end, it gives the connection back; closed
// before that, it closes the connection, which is how an upstream learns that
// nobody listens any more.
type body struct {
	r       io.Reader
	c       *conn
	ctx     context.Context // of the call, which ends with the body
	stop    func() bool     // of what watches ctx
	silence time.Duration   // bounds each read, if it is not 0
	moved   time.Time       // when the deadline was
	keep    bool
	over    atomic.Bool
	err     error // of reading on; set from the start if there is no body
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.over.Load() {
		return 0, http.ErrBodyReadAfterClose // and not what is left in the buffer
	}
	if b.silence > 0 {
		// To move a deadline costs as much as to read an event; it may be an eighth late.
		if now := time.Now(); now.Sub(b.moved) > b.silence/8 {
			b.moved = now
			_ = b.c.SetReadDeadline(now.Add(b.silence + b.silence/8))
		}
	}
	n, err := b.r.Read(p)
	if err != nil {
		if err != io.EOF {
			err = explain(b.ctx, hide(err))
		}
		b.err = err
		b.end(err == io.EOF)
	}
	return n, err
}

func (b *body) Close() error {
	b.end(false)
	return nil
}

func (b *body) end(whole bool) {
	if !b.over.CompareAndSwap(false, true) {
		return
	}
	// The end of a context closes the connection.
	if b.stop() && whole && b.keep && b.c.in.Buffered() == 0 {
		b.c.t.idle.put(b.c)
		return
	}
	_ = b.c.Close()
}
