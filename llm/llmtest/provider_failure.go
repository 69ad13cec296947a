package llmtest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// noResponse: when no response started, Send says so with an error that allows
// another target.
func (s suite) noResponse(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + nobody.Addr().String()
	_ = nobody.Close()
	silly := listen(t, "this is not HTTP\r\n\r\n")
	up := s.upstream(t)
	up.Script(func(Recorded) *Fault { return &Fault{Break: BeforeHeaders} })
	for name, origin := range map[string]string{"nobody listens": closed, "not HTTP": silly, "cut": up.URL} {
		p := s.provider(t, origin)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		resp, err := p.Send(ctx, s.first().call())
		if e := refused(t, resp, err); e.Final {
			t.Errorf("%s: the error is final, but another target could do better: %v", name, err)
		}
		cancel()
	}
}

// listen answers every connection with the same bytes.
func listen(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return "http://" + l.Addr().String()
}

// brokenResponse: an answer that breaks off never looks like a whole one.
func (s suite) brokenResponse(t *testing.T) {
	up, p := s.start(t)
	first := s.relayed()
	list := []sample{first}
	if x, ok := s.streamed(); ok && x != first {
		list = append(list, x)
	}
	for _, x := range list {
		for _, f := range []Fault{{Break: AfterHeaders}, {Break: MidEvent}, {Break: MidEvent, After: 2}, {Break: Cut, After: 2}, {Break: MidRune}} {
			up.Enqueue(f)
			resp := send(t, p, x.call())
			b, err := io.ReadAll(resp.Body)
			if err == nil {
				t.Errorf("%s: %s: reading the body ended well, with %q", x, f.Break, clip(string(b), 200))
			}
			_ = resp.Body.Close()
			if n, again := resp.Body.Read(make([]byte, 1)); n != 0 || again == nil {
				t.Errorf("%s: %s: Read after Close: %d, %v", x, f.Break, n, again)
			}
		}
	}
	read(t, send(t, p, first.call())) // and the provider is still good
}

// cancelBeforeResponse: cancelling ends a call that waits for its response, here
// and upstream.
func (s suite) cancelBeforeResponse(t *testing.T) {
	up, p := s.start(t)
	up.Enqueue(Fault{Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		resp, err := p.Send(ctx, s.first().call())
		if err == nil {
			_ = resp.Body.Close()
		}
		result <- err
	}()
	within(t, patience, "the request's arrival", func(ctx context.Context) error { return up.WaitCount(ctx, 1) })
	cancel()
	fails(t, result)
	within(t, soon, "the cancellation upstream", up.WaitCanceled)
}

// fails checks that Send, cancelled just now, returns an error.
func fails(t *testing.T, result <-chan error) {
	t.Helper()
	select {
	case err := <-result:
		if err == nil {
			t.Error("Send succeeded")
		}
	case <-time.After(soon):
		t.Errorf("Send did not return within %s of the cancellation", soon)
	}
}

// cancelInResponse: cancelling breaks the body, here and upstream.
func (s suite) cancelInResponse(t *testing.T) {
	up, p := s.start(t)
	up.Enqueue(stalled())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp, err := p.Send(ctx, s.relayed().call())
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.ReadFull(resp.Body, make([]byte, 9)); err != nil {
		t.Fatalf("reading the first event: %v", err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := resp.Body.Read(make([]byte, 1))
		result <- err
	}()
	cancel()
	select {
	case err := <-result:
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("the read ended with %v, want an error: the answer is not whole", err)
		}
	case <-time.After(soon):
		t.Errorf("the read did not end within %s of the cancellation", soon)
	}
	within(t, soon, "the cancellation upstream", up.WaitCanceled)
}

// closeInResponse: closing the body ends the call upstream.
func (s suite) closeInResponse(t *testing.T) {
	up, p := s.start(t)
	up.Enqueue(stalled())
	resp := send(t, p, s.relayed().call())
	if _, err := io.ReadFull(resp.Body, make([]byte, 9)); err != nil {
		t.Fatalf("reading the first event: %v", err)
	}
	_ = resp.Body.Close()
	within(t, soon, "the cancellation upstream", up.WaitCanceled)
	up.Enqueue(Fault{})
	read(t, send(t, p, s.first().call())) // and the provider is still good
}

// stalled is one event, then silence.
func stalled() Fault {
	f := Raw(200, http.Header{"Content-Type": {"text/event-stream"}}, []byte("data: a\n\n"), []byte("data: b\n\n"))
	f.Break, f.After = Stall, 1
	return *f
}
