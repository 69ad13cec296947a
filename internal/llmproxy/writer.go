package llmproxy

import (
	"errors"
	"net/http"
	"sync"
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

	// mu keeps apart what is written and the flush that flushSoon has set up.
	mu    sync.Mutex
	begun bool // something was written, or nothing will be
	soon  *time.Timer

	unguarded int       // bytes since the deadline was moved
	moved     time.Time // when it was, or when the answer began
	guarded   bool
}

const (
	guardBytes = 64 << 10
	guardEvery = 30 * time.Second
	// headWait is how long an answer's head waits to go out with its first bytes.
	headWait = 20 * time.Millisecond
)

func (x *exchange) writer() *writer {
	return &writer{w: x.w, stall: x.limits.ClientStall, now: x.now, moved: x.now()}
}

// write writes b, and flushes it when asked to.
func (w *writer) write(b []byte, flush bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = true
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

// flushSoon sends the head of the answer on its own when nothing follows it at
// once: a model may think for a while, and its caller should know that it does.
func (w *writer) flushSoon() {
	w.soon = time.AfterFunc(headWait, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.begun {
			_ = w.controller().Flush()
		}
	})
}

// close ends what flushSoon has set up, and takes the deadline away again: the
// connection may serve other requests.
func (w *writer) close() {
	if w.soon != nil {
		w.soon.Stop()
		w.mu.Lock()
		w.begun = true
		w.mu.Unlock()
	}
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
