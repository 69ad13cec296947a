package echo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/agent-gateway/agent-gateway/llm"
)

// event is one server-sent event. Its name is empty in protocols without names.
type event struct {
	name string
	data any // encoded as JSON when the event is read; a literal is sent as it is
}

// literal is data that is not JSON.
type literal string

// numbered is data that carries its place in the stream.
type numbered interface{ setNumber(n int) }

// segment is a stretch of a stream: events, a text in deltas, events. The
// deltas are made one by one while the stream is read, so that a long text
// costs no more memory than itself.
type segment struct {
	head  []event
	text  string
	cut   func(text string) int // length of a text's first piece
	delta func(piece string) event
	tail  []event
}

// stream is a response body that makes its events as they are read. One
// goroutine reads; Close may be called by another.
type stream struct {
	ctx       context.Context // the call's: llm.Provider ties the body to it
	segments  []segment
	delay     time.Duration
	delayed   bool // a delta went out, so that the next one waits
	sent      int
	unread    []byte
	closed    chan struct{}
	closeOnce sync.Once
}

var errClosed = errors.New("echo: the response body is closed")

func newStream(ctx context.Context, segments []segment, delay time.Duration) *llm.Response {
	return &llm.Response{
		Status:        http.StatusOK,
		Header:        http.Header{"Content-Type": {"text/event-stream"}, "Cache-Control": {"no-cache"}},
		Body:          &stream{ctx: ctx, segments: segments, delay: delay, closed: make(chan struct{})},
		ContentLength: -1,
	}
}

// Read returns the next event, or what is left of one. Once ctx is done it
// fails with ctx's error.
func (s *stream) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	select {
	case <-s.closed:
		return 0, errClosed
	default:
	}
	if len(p) == 0 {
		return 0, nil
	}
	if len(s.unread) == 0 {
		e, err := s.next()
		if err != nil {
			return 0, err
		}
		s.unread = s.frame(e)
	}
	n := copy(p, s.unread)
	s.unread = s.unread[n:]
	return n, nil
}

func (s *stream) Close() error {
	s.closeOnce.Do(func() { close(s.closed) })
	return nil
}

func (s *stream) next() (event, error) {
	for len(s.segments) > 0 {
		g := &s.segments[0]
		switch {
		case len(g.head) > 0:
			e := g.head[0]
			g.head = g.head[1:]
			return e, nil
		case g.text != "":
			if s.delayed {
				if err := wait(s.ctx, s.closed, s.delay); err != nil {
					return event{}, err
				}
			}
			s.delayed = true
			n := g.cut(g.text)
			e := g.delta(g.text[:n])
			g.text = g.text[n:]
			return e, nil
		default:
			g.head, g.tail = g.tail, nil
			if len(g.head) == 0 {
				s.segments = s.segments[1:]
			}
		}
	}
	return event{}, io.EOF
}

func (s *stream) frame(e event) []byte {
	var frame []byte
	if e.name != "" {
		frame = append(append(append(frame, "event: "...), e.name...), '\n')
	}
	frame = append(frame, "data: "...)
	if n, ok := e.data.(numbered); ok {
		n.setNumber(s.sent)
	}
	s.sent++
	if l, ok := e.data.(literal); ok {
		frame = append(frame, l...)
	} else {
		frame = append(frame, encode(e.data)...)
	}
	return append(frame, "\n\n"...)
}

// wait sleeps for d, or until ctx or closed is done.
func wait(ctx context.Context, closed <-chan struct{}, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-closed:
		return errClosed
	}
}

// word is the length of a text's first word, with the white space before it and,
// when it is the last one, after it.
func word(text string) int {
	start := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsSpace(r) })
	if start < 0 {
		return len(text)
	}
	n := strings.IndexFunc(text[start:], unicode.IsSpace)
	if n < 0 || strings.TrimSpace(text[start+n:]) == "" {
		return len(text)
	}
	return start + n
}

// fragment is the length of the first few characters of a text.
func fragment(text string) int {
	n := 0
	for range 12 {
		_, size := utf8.DecodeRuneInString(text[n:])
		n += size
	}
	return n
}
