package llmtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
)

// NewProvider makes the provider under test for an upstream at baseURL. The
// suite closes the provider if it is an [io.Closer].
type NewProvider func(t *testing.T, baseURL string) llm.Provider

// RunProvider is the conformance suite of [llm.Provider]: each promise of the
// interface is a subtest.
func RunProvider(t *testing.T, newProvider NewProvider, opt ProviderOptions) {
	t.Helper()
	if len(opt.Operations) == 0 {
		t.Fatal("llmtest: ProviderOptions.Operations is empty: name at least one operation that the provider serves")
	}
	s := suite{newProvider, opt}
	tests := []struct {
		name     string
		run      func(*testing.T)
		upstream bool // needs one
	}{
		{"Native", s.native, false},
		{"Answers", s.answers, false},
		{"Concurrent", s.concurrent, false},
		{"CanceledContext", s.canceledContext, false},
		{"CallIsNotChanged", s.callIsNotChanged, false},
		{"OptionalInterfaces", s.optionalInterfaces, false},
		{"Goroutines", s.goroutines, false},
		{"Request", s.request, true},
		{"Response", s.response, true},
		{"Statuses", s.statuses, true},
		{"Unbuffered", s.unbuffered, true},
		{"Encoding", s.encoding, true},
		{"Credential", s.credential, true},
		{"Redirect", s.redirect, true},
		{"NoResponse", s.noResponse, true},
		{"BrokenResponse", s.brokenResponse, true},
		{"Collecting", s.collecting, true},
		{"CancelBeforeResponse", s.cancelBeforeResponse, true},
		{"CancelInResponse", s.cancelInResponse, true},
		{"CloseInResponse", s.closeInResponse, true},
		{"RequestBody", s.requestBody, true},
		{"InMemoryBody", s.inMemoryBody, true},
		{"EarlyResponse", s.earlyResponse, true},
	}
	for _, tt := range tests {
		if !tt.upstream || !opt.InProcess {
			t.Run(tt.name, tt.run)
		}
	}
}

// patience is for what must happen; soon is for what must happen at once.
var (
	patience = 5 * time.Second
	soon     = time.Second
)

const upstreamKey = "sk-llmtest-upstream"

type suite struct {
	new NewProvider
	opt ProviderOptions
}

// start makes a provider and, unless it is in-process, its upstream.
func (s suite) start(t *testing.T) (*Upstream, llm.Provider) {
	t.Helper()
	if s.opt.InProcess {
		return nil, s.provider(t, "")
	}
	up := s.upstream(t)
	up.Key = upstreamKey
	return up, s.provider(t, up.URL)
}

// upstream is one as the provider's.
func (s suite) upstream(t *testing.T) *Upstream {
	t.Helper()
	up := NewUpstream(t)
	up.prefix, up.keyHeader = s.opt.PathPrefix, s.opt.KeyHeader
	return up
}

func (s suite) provider(t *testing.T, origin string) llm.Provider {
	t.Helper()
	if origin != "" {
		origin += s.opt.BasePath
	}
	p := s.new(t, origin)
	if p == nil {
		t.Fatal("there is no provider")
	}
	if c, ok := p.(io.Closer); ok {
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	return p
}

// send makes a call that must be answered. The context ends with the test.
func send(t *testing.T, p llm.Provider, call *llm.Call) *llm.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	resp, err := p.Send(ctx, call)
	if err != nil {
		t.Fatalf("Send(%s %s): %v", call.Operation, call.Path, err)
	}
	checkResponse(t, resp)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func checkResponse(t *testing.T, resp *llm.Response) {
	t.Helper()
	switch {
	case resp == nil:
		t.Fatal("Send returned neither a response nor an error")
	case resp.Body == nil:
		t.Fatal("Response.Body is nil: it must never be")
	case resp.Status < 100 || resp.Status > 999:
		t.Fatalf("Response.Status is %d", resp.Status)
	case resp.Header == nil:
		t.Fatal("Response.Header is nil")
	}
}

// read reads a body to its end, which must be a good one, and closes it.
func read(t *testing.T, resp *llm.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("reading the body: %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Errorf("closing the body: %v", err)
	}
	if resp.ContentLength >= 0 && resp.ContentLength != int64(len(b)) {
		t.Errorf("Response.ContentLength is %d, but the body has %d bytes", resp.ContentLength, len(b))
	}
	return b
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s is\n%q\nwant exactly\n%q", what, clip(string(got), 1000), clip(string(want), 1000))
	}
}

// within bounds a wait.
func within(t *testing.T, d time.Duration, what string, wait func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := wait(ctx); err != nil {
		t.Fatalf("%s: not within %s: %v", what, d, err)
	}
}

// refused checks the error of a call to which no response came.
func refused(t *testing.T, resp *llm.Response, err error) *llm.Error {
	t.Helper()
	if err == nil {
		_ = resp.Body.Close()
		t.Fatalf("Send returned a response with status %d, want an error", resp.Status)
	}
	if resp != nil {
		t.Errorf("Send returned an error and a response")
	}
	var e *llm.Error
	if !errors.As(err, &e) {
		t.Fatalf("Send's error is a %T (%v), want an *llm.Error or one that wraps it", err, err)
	}
	if e.Code == "" || e.Message == "" {
		t.Errorf("Send's error has no code or no message: %+v", e)
	}
	if bytes.Contains([]byte(err.Error()), []byte(upstreamKey)) {
		t.Errorf("the key is in the error: %v", err)
	}
	return e
}

// goroutines checks that after all work there are no more of them than before.
func (s suite) goroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("Work", func(t *testing.T) {
		up, p := s.start(t)
		for range 5 {
			read(t, send(t, p, s.first().call()))
		}
		x, ok := s.streamed()
		if !ok {
			return
		}
		if up != nil {
			up.Enqueue(Fault{Break: Stall, After: 1})
		}
		resp := send(t, p, x.call())
		_, _ = resp.Body.Read(make([]byte, 1))
		_ = resp.Body.Close()
	})
	http.DefaultClient.CloseIdleConnections()
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 64<<10)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
		pause()
	}
}

// pause is the interval at which a condition is looked at that cannot be waited
// for.
func pause() { <-time.After(time.Millisecond) }
