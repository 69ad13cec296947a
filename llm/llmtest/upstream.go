package llmtest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What every answer of an Upstream claims to have consumed. OpenAI's prompt_tokens
// and Gemini's promptTokenCount are the sum of the first three, as those protocols
// have it; Gemini does not tell which were written to a cache, and counts its
// candidates without ReasoningTokens.
const (
	InputTokens      = 25 // neither read from nor written to a cache
	CacheReadTokens  = 8
	CacheWriteTokens = 4
	OutputTokens     = 12 // ReasoningTokens included
	ReasoningTokens  = 3
)

// UnknownModel is a model that an Upstream does not have: it answers 404.
const UnknownModel = "no-such-model"

// Bounds of what an Upstream keeps and reads.
const (
	maxRecorded = 1000
	maxBody     = 64 << 20
	maxStored   = 1000
)

// Upstream is a fake LLM provider. It is an [http.Handler], safe for concurrent
// use; its zero value works and checks no key. It aborts connections by
// panicking with [http.ErrAbortHandler], as net/http has it, so serve it with an
// [http.Server] rather than call it with a recorder.
//
// It speaks OpenAI and Anthropic under /v1, and Gemini under /v1beta and /v1. Paths
// that several protocols have (models, files) are Anthropic's when the
// anthropic-version header is present, and Gemini's when x-goog-api-key is.
type Upstream struct {
	// URL is the origin, "http://127.0.0.1:PORT"; set by NewUpstream.
	URL string
	// Key is what callers must present: OpenAI's in Authorization, Anthropic's
	// in x-api-key or Authorization, Gemini's in x-goog-api-key, where a wrong one is
	// answered with 400, as Google does. Any other key beside it is refused too.
	// Empty accepts everybody. Set it before the first request.
	Key string

	prefix    string // what all paths begin with; see ProviderOptions.PathPrefix
	keyHeader string // where Key is looked for; see ProviderOptions.KeyHeader

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change of what is below
	total    int
	recorded []Recorded
	inFlight int
	canceled int
	awaited  int // cancellations that WaitCanceled has handed out
	conns    map[net.Conn]bool
	queue    []Fault
	script   func(Recorded) *Fault
	used     map[string]int // how often a marker with times= has been obeyed
	serial   int
	store    map[string]stored
	order    []string // keys of store, oldest first
	closed   chan struct{}
}

// Recorded is a request that an Upstream received.
type Recorded struct {
	Method string
	Path   string // still percent-encoded
	Query  url.Values
	Header http.Header
	Host   string
	Body   []byte
	// Remote tells connections apart: the client's address and port.
	Remote string
}

// NewUpstream serves an Upstream on loopback until the test ends.
func NewUpstream(t testing.TB) *Upstream {
	t.Helper()
	u := &Upstream{}
	srv := httptest.NewUnstartedServer(u)
	srv.Config.ConnState = u.ConnState
	srv.Start()
	u.URL = srv.URL
	t.Cleanup(func() {
		u.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	return u
}

// ConnState counts connections; install it as [http.Server.ConnState].
func (u *Upstream) ConnState(c net.Conn, s http.ConnState) {
	u.update(func() {
		if u.conns == nil {
			u.conns = map[net.Conn]bool{}
		}
		switch s {
		case http.StateNew:
			u.conns[c] = true
		case http.StateClosed, http.StateHijacked:
			delete(u.conns, c)
		}
	})
}

// Close releases the requests that a fault holds. It is called by NewUpstream's
// cleanup, and needed only by those who serve an Upstream themselves.
func (u *Upstream) Close() {
	u.update(func() {
		select {
		case <-u.done():
		default:
			close(u.closed)
		}
	})
}

// done is closed by Close. The lock must be held.
func (u *Upstream) done() chan struct{} {
	if u.closed == nil {
		u.closed = make(chan struct{})
	}
	return u.closed
}

// ServeHTTP answers one request.
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := Recorded{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.Query(), Header: r.Header.Clone(), Host: r.Host, Remote: r.RemoteAddr}
	u.update(func() { u.inFlight++ })
	canceled := func() { u.update(func() { u.canceled++ }) }
	stop := context.AfterFunc(r.Context(), canceled)
	defer func() {
		// What waits for the context may have come here before canceled ran.
		if stop() && r.Context().Err() != nil {
			canceled()
		}
		u.update(func() { u.inFlight-- })
	}()

	fault, queued := u.dequeue()
	if !fault.Early {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		rec.Body = body
		if err != nil {
			u.record(rec)
			panic(http.ErrAbortHandler) // the caller broke off, or is far too big
		}
	}
	u.record(rec)
	r = u.below(r)
	p := protocolOf(r)
	if a, refused := u.authenticate(p, r); refused {
		u.send(w, r, a, Fault{})
		return
	}
	if !queued {
		var err error
		if fault, err = u.faultOf(rec); err != nil {
			u.send(w, r, p.failure(http.StatusBadRequest, Fault{Message: err.Error()}), Fault{})
			return
		}
	}
	switch {
	case fault.raw != nil:
		u.send(w, r, *fault.raw, fault)
	case fault.refuses():
		u.send(w, r, p.failure(fault.Status, fault), fault)
	default:
		u.send(w, r, u.answer(p, r, rec, fault), fault)
	}
	if fault.Early {
		linger(w, r)
	}
}

// below is the request with its path as it is without the prefix; the path of one that
// does not have it is "/", where nothing is.
func (u *Upstream) below(r *http.Request) *http.Request {
	if u.prefix == "" {
		return r
	}
	path, ok := strings.CutPrefix(r.URL.Path, u.prefix)
	if !ok {
		path = "/"
	}
	below := *r
	below.URL = &url.URL{Path: path, RawQuery: r.URL.RawQuery}
	return &below
}

func (u *Upstream) record(rec Recorded) {
	u.update(func() {
		u.total++
		if len(u.recorded) == maxRecorded {
			u.recorded = slices.Delete(u.recorded, 0, 1)
		}
		u.recorded = append(u.recorded, rec)
	})
}

// dequeue takes the next enqueued fault.
func (u *Upstream) dequeue() (f Fault, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.queue) == 0 {
		return Fault{}, false
	}
	f, u.queue = u.queue[0], u.queue[1:]
	return f, true
}

// faultOf asks the script and, when it has nothing to say, the request itself.
func (u *Upstream) faultOf(rec Recorded) (Fault, error) {
	u.mu.Lock()
	script := u.script
	u.mu.Unlock()
	if script != nil {
		if f := script(rec); f != nil {
			return *f, nil
		}
	}
	marker, ok := findMarker(rec)
	if !ok {
		return Fault{}, nil
	}
	f, err := ParseFault(marker)
	if err != nil || f.times == 0 {
		return f, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.used == nil {
		u.used = map[string]int{}
	}
	if u.used[marker]++; u.used[marker] > f.times {
		return Fault{}, nil
	}
	return f, nil
}
