package llmproxy

import (
	"errors"
	"net/http"
	"time"
)

// writer writes to the caller and gives up on one that does not read. A deadline
// costs more to set than a write costs to make, so an answer gets one only when
// it is long enough to fill a connection's buffers, or takes long.
type writer struct {
	w     http.ResponseWriter
	c     *http.ResponseController // made when it is needed
	stall time.Duration
	now   func() time.Time

	unguarded int       // bytes since the deadline was moved
	moved     time.Time // when it was, or when the answer began
	guarded   bool
}

const (
	guardBytes = 64 << 10
	guardEvery = 30 * time.Second
)

func (x *exchange) writer() *writer {
	return &writer{w: x.w, stall: x.limits.ClientStall, now: x.now, moved: x.now()}
}

// write writes b, and flushes it when asked to.
func (w *writer) write(b []byte, flush bool) error {
	w.unguarded += len(b)
	if now := w.now(); w.unguarded > guardBytes || now.Sub(w.moved) > guardEvery {
		w.unguarded, w.moved, w.guarded = 0, now, true
		if err := w.controller().SetWriteDeadline(now.Add(w.stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
	}
	if _, err := w.w.Write(b); err != nil {
		return err
	}
	if !flush {
		return nil
	}
	if err := w.controller().Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// close takes the deadline away again: the connection may serve other requests.
func (w *writer) close() {
	if w.guarded {
		_ = w.c.SetWriteDeadline(time.Time{})
	}
}

func (w *writer) controller() *http.ResponseController {
	if w.c == nil {
		w.c = http.NewResponseController(w.w)
	}
	return w.c
}
