package llmtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/agent-gateway/agent-gateway/llm"
)

// watched is a body that counts how it is used.
type watched struct {
	data       []byte
	replayable bool
	length     int64
	held       <-chan struct{} // holds back the end until it is closed; nil for no hold

	mu             sync.Mutex
	opened, closed int
}

func (b *watched) Len() int64       { return b.length }
func (b *watched) Replayable() bool { return b.replayable }

func (b *watched) Open() (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened++; b.opened > 1 && !b.replayable {
		return nil, errors.New("llmtest: a second Open of a body that is not replayable")
	}
	return &watchedReader{Reader: bytes.NewReader(b.data), body: b}, nil
}

type watchedReader struct {
	*bytes.Reader
	body *watched
	once sync.Once
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF && r.body.held != nil {
		<-r.body.held
	}
	return n, err
}

// WriteTo is hidden: a transport must read as it would from a network.
func (r *watchedReader) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{r})
}

func (r *watchedReader) Close() error {
	r.once.Do(func() {
		r.body.mu.Lock()
		defer r.body.mu.Unlock()
		r.body.closed++
	})
	return nil
}

// settled waits until what was opened is closed. The transport may close a body
// a moment after the answer is in.
func (b *watched) settled(t *testing.T, what string, maxOpened int) {
	t.Helper()
	within(t, patience, what+": every opened request body is closed", func(ctx context.Context) error {
		for {
			b.mu.Lock()
			opened, closed := b.opened, b.closed
			b.mu.Unlock()
			if opened > maxOpened {
				t.Errorf("%s: the body was opened %d times, want at most %d", what, opened, maxOpened)
			}
			if opened == closed {
				return nil
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			pause()
		}
	})
}

// requestBody: bodies of all kinds arrive whole, are closed, and are opened again
// only when they may be.
func (s suite) requestBody(t *testing.T) {
	up, p := s.start(t)
	x, ok := s.uploading()
	if !ok {
		return
	}
	big := bytes.Repeat([]byte(odd), 1<<20/len(odd))
	for _, tt := range []struct {
		name       string
		data       []byte
		replayable bool
		unknown    bool // the length
	}{
		{"replayable", []byte(odd), true, false},
		{"once", []byte(odd), false, false},
		{"once, unknown length", []byte(odd), false, true},
		{"big, once", big, false, false},
		{"big, once, unknown length", big, false, true},
		{"big, replayable", big, true, false},
	} {
		for _, f := range []Fault{*Raw(200, nil, []byte("{}")), {Status: 500}, {Break: BeforeHeaders}} {
			body := &watched{data: tt.data, replayable: tt.replayable, length: int64(len(tt.data))}
			if tt.unknown {
				body.length = -1
			}
			call := x.call()
			call.Body = body
			up.Enqueue(f)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			resp, err := p.Send(ctx, call)
			if (err != nil) != (f.Break != "") {
				t.Errorf("%s: Send: %v", tt.name, err)
			}
			if err == nil {
				read(t, resp)
				equal(t, tt.name+": the body at the upstream", up.Last().Body, tt.data)
			}
			cancel()
			most := 1
			if tt.replayable {
				most = 3
			}
			body.settled(t, tt.name, most)
		}
		up.Reset()
	}
}

// inMemory is a body in memory that is overwritten as soon as it is given back.
type inMemory struct {
	*watched
	given *atomic.Int32
}

func (b inMemory) Bytes() ([]byte, func()) {
	return b.data, func() {
		b.given.Add(1)
		for i := range b.data {
			b.data[i] = 'X'
		}
	}
}

var _ llm.InMemory = inMemory{}

// inMemoryBody: the bytes are given back once, and not before they are sent.
func (s suite) inMemoryBody(t *testing.T) {
	up, p := s.start(t)
	x, ok := s.uploading()
	if !ok {
		return
	}
	long := `{"model":"llmtest","input":[` + strings.Repeat(odd+",", 2000) + `""]}`
	for _, f := range []Fault{*Raw(200, nil, []byte("{}")), {Status: 500}, {Break: BeforeHeaders}, {Status: 413, Early: true}} {
		for _, text := range []string{odd, long} {
			want := []byte(text)
			b := inMemory{&watched{data: bytes.Clone(want), replayable: true, length: int64(len(want))}, new(atomic.Int32)}
			call := x.call()
			call.Body = b
			up.Enqueue(f)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			resp, err := p.Send(ctx, call)
			if err == nil {
				read(t, resp)
			} else if f.Break == "" {
				t.Errorf("Send: %v", err)
			}
			if !f.Early && f.Break == "" {
				equal(t, "the body at the upstream", up.Last().Body, s.opt.sent(x.op, want))
			}
			cancel()
			b.settled(t, "in memory", 3)
			if n := b.given.Load(); n > 1 {
				t.Errorf("the bytes were given back %d times", n)
			}
			up.Reset()
		}
	}
}

// earlyResponse: an upstream that answers before the body has come to its end is heard.
func (s suite) earlyResponse(t *testing.T) {
	up, p := s.start(t)
	x, ok := s.uploading()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	body := &watched{data: bytes.Repeat([]byte(odd), 2000), length: -1, held: ctx.Done()}
	call := x.call()
	call.Body = body
	up.Enqueue(Fault{Status: 413, Early: true})
	resp, err := p.Send(ctx, call)
	if err != nil {
		t.Fatalf("Send: %v; want the upstream's 413, which came before the request's end", err)
	}
	if resp.Status != 413 {
		t.Errorf("status %d, want 413", resp.Status)
	}
	if b := read(t, resp); len(b) == 0 {
		t.Error("the answer is empty")
	}
	cancel()
	body.settled(t, "early response", 1)
}
