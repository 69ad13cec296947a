package llmtest

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// reply is an answer before a fault is applied to it.
type reply struct {
	status int
	header http.Header
	events [][]byte // of a stream each a whole event; else the body in one
	stream bool
	exact  bool // send no header but these
	// broken is the error event of this stream's protocol; nil when it has none.
	broken func(Fault) []byte
}

// send writes an answer, as far as its fault allows.
func (u *Upstream) send(w http.ResponseWriter, r *http.Request, a reply, f Fault) {
	if !u.pause(r, f.Delay) || f.Break == BeforeHeaders {
		panic(http.ErrAbortHandler)
	}
	n := breakAt(f, len(a.events))
	writeHead(w, a, f)
	flush := http.NewResponseController(w).Flush
	if f.Break == AfterHeaders {
		_ = flush()
		panic(http.ErrAbortHandler)
	}
	if a.stream || f.Break != "" {
		_ = flush()
	}
	out := io.Writer(w)
	if f.Gzip {
		z := gzip.NewWriter(w)
		defer func() { _ = z.Close() }()
		out, flush = z, func() error {
			_ = z.Flush()
			return http.NewResponseController(w).Flush()
		}
	}
	for i, event := range a.events {
		if i > 0 && !u.pause(r, f.EventDelay) || !u.step(r, f.Step) {
			panic(http.ErrAbortHandler)
		}
		if f.HugeLine > 0 && i == n {
			_, _ = fmt.Fprintf(out, ": %s\n\n", strings.Repeat("x", max(f.HugeLine-2, 0)))
		}
		if f.Break != "" && i >= n {
			rest := u.snap(r, a, f, event)
			_, _ = out.Write(rest)
			_ = flush()
			switch {
			case f.Break == End || f.Break == ErrorEvent:
				return
			case f.Break == MidRune && len(rest) == len(event):
				continue // nothing to cut in this one: in a later one, then
			}
			panic(http.ErrAbortHandler)
		}
		if _, err := out.Write(event); err != nil {
			return
		}
		if a.stream {
			_ = flush()
		}
	}
	if f.Break != "" && f.Break != End {
		panic(http.ErrAbortHandler)
	}
}

// snap returns what is sent of, or instead of, the event at which an answer
// breaks.
func (u *Upstream) snap(r *http.Request, a reply, f Fault, event []byte) []byte {
	switch f.Break {
	case MidEvent:
		return event[:len(event)/2]
	case MidRune:
		for i, b := range event {
			if b >= utf8.RuneSelf {
				return event[:i+1]
			}
		}
		return event
	case Stall:
		u.pause(r, time.Hour)
	case End:
		if !a.stream {
			return event[:len(event)/2]
		}
	case ErrorEvent:
		if a.broken != nil {
			return a.broken(f)
		}
	}
	return nil
}

// breakAt is the index of the event before which, or in which, an answer breaks.
func breakAt(f Fault, events int) int {
	n := f.After
	if n < 0 {
		n += events
	}
	return max(0, min(n, events-1))
}

func writeHead(w http.ResponseWriter, a reply, f Fault) {
	h := w.Header()
	if a.exact {
		h["Date"] = nil
		h["Content-Type"] = nil
	}
	maps.Copy(h, a.header)
	length := 0
	for _, event := range a.events {
		length += len(event)
	}
	if !a.stream && !f.Gzip && f.Break != End && h.Get("Content-Length") == "" {
		h.Set("Content-Length", strconv.Itoa(length))
	}
	if f.Gzip {
		h.Del("Content-Length")
		h.Set("Content-Encoding", "gzip")
	}
	if f.ContentType != "" {
		h.Set("Content-Type", f.ContentType)
	}
	if f.RetryAfter != "" {
		h.Set("Retry-After", f.RetryAfter)
	}
	if f.DuplicateHeaders {
		for _, name := range []string{"Content-Type", "X-Request-Id", "Request-Id", "Retry-After", "Set-Cookie"} {
			h[name] = append(h[name], "duplicate")
		}
	}
	for name, values := range f.Header {
		h[name] = append(h[name], values...)
	}
	w.WriteHeader(a.status)
}

// linger ends an answer that came before the request's end. Like RFC 9112 section 9.6
// it reads on until the caller closes, lest the rest of the request destroy the answer
// on its way. net/http waits for half a second instead, and whoever closes the server
// waits with it.
func linger(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	_ = http.NewResponseController(w).Flush()
	if _, err := io.Copy(io.Discard, r.Body); !errors.Is(err, http.ErrBodyReadAfterClose) { // which is a short one, read by net/http
		panic(http.ErrAbortHandler)
	}
}

// pause waits and says whether the request is still wanted.
func (u *Upstream) pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	u.mu.Lock()
	done := u.done()
	u.mu.Unlock()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-done:
	}
	return false
}

// step waits for a token and says whether the request is still wanted.
func (u *Upstream) step(r *http.Request, tokens <-chan struct{}) bool {
	if tokens == nil {
		return true
	}
	u.mu.Lock()
	done := u.done()
	u.mu.Unlock()
	select {
	case <-tokens:
		return true
	case <-r.Context().Done():
	case <-done:
	}
	return false
}
