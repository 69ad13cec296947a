// Package httpbody gives callers a time in which to send what they have announced. A
// server's own timeouts cannot: they count the answer, which may take any time.
package httpbody

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// slowest is how many bytes a second a body has to come with, once its time is over.
	slowest = 1 << 10
	// restTime is how long a caller may take to send the rest of what nobody wants.
	restTime = 5 * time.Second
	// step is by how much a deadline has to move to be set anew.
	step = time.Second
)

// Timed has the body of a request come within d, plus a second for each KiB that has come.
// Reading it fails with [os.ErrDeadlineExceeded] later. The handler calls done when it
// returns: what is left unread then has five seconds at most to come, for which net/http waits
// before it answers. Where the server knows no deadlines nothing is changed.
func Timed(w http.ResponseWriter, r *http.Request, d time.Duration) (timed *http.Request, done func()) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return r, func() {}
	}
	b := &body{ReadCloser: r.Body, rc: http.NewResponseController(w), until: time.Now().Add(d)}
	if b.rc.SetReadDeadline(b.until) != nil {
		return r, func() {}
	}
	own := *r
	own.Body = b
	return &own, b.done
}

type body struct {
	io.ReadCloser
	rc    *http.ResponseController
	until time.Time     // as it is set
	more  time.Duration // what has been earned since
	over  bool
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		// Or the server would take a caller that waits for its answer for gone.
		b.over = true
		_ = b.rc.SetReadDeadline(time.Time{})
	case err == nil:
		if b.more += time.Duration(n) * time.Second / slowest; b.more >= step {
			b.until, b.more = b.until.Add(b.more), 0
			_ = b.rc.SetReadDeadline(b.until)
		}
	default:
		b.over = true // and the deadline stays: there is nothing to wait for
	}
	return n, err
}

func (b *body) done() {
	if rest := time.Now().Add(restTime); !b.over && rest.Before(b.until) {
		_ = b.rc.SetReadDeadline(rest)
	}
}
