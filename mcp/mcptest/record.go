package mcptest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
)

// Break is how an answer goes wrong on its way.
type Break string

// The breaks. Each happens after Fault.After messages.
const (
	BeforeHeaders Break = "before_headers" // the connection is cut before any byte; After does not count
	AfterHeaders  Break = "after_headers"  // … after the status and headers, and nothing else
	MidEvent      Break = "mid_event"      // … in the middle of the next message
	MidRune       Break = "mid_rune"       // … inside a multi-byte character
	Cut           Break = "cut"            // … between two messages
	Stall         Break = "stall"          // silence, until the client goes away
	End           Break = "end"            // the answer ends as if whole, without its response
)

// Fault is how a server treats one HTTP request. The zero value is a good answer.
type Fault struct {
	// Method is that of the HTTP requests that it is for; empty is any. Text is in their
	// bodies.
	Method, Text string
	// Serve answers in the server's place, if it is not nil.
	Serve http.HandlerFunc
	// Break breaks an answer of events or JSON off after After messages.
	Break Break
	After int
}

// Request is one that has come.
type Request struct {
	Method, Path, Query string
	Host                string
	Header              http.Header
	Body                []byte
}

// Recorder remembers requests, and holds the faults for those to come. Its methods are
// safe for concurrent use.
type Recorder struct {
	mu       sync.Mutex
	requests []Request
	faults   []Fault
	changed  chan struct{}
}

// Enqueue arms faults, each for one of the next requests that it is for.
func (c *Recorder) Enqueue(f ...Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, f...)
}

// Requests returns what has come, in its order.
func (c *Recorder) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// WaitRequest waits for a request that is as wanted, and returns the first.
func (c *Recorder) WaitRequest(ctx context.Context, wanted func(Request) bool) (Request, error) {
	for {
		c.mu.Lock()
		if c.changed == nil {
			c.changed = make(chan struct{})
		}
		i, changed := slices.IndexFunc(c.requests, wanted), c.changed
		var found Request
		if i >= 0 {
			found = c.requests[i]
		}
		c.mu.Unlock()
		if i >= 0 {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Request{}, ctx.Err()
		}
	}
}

// take records a request, and does with it what a fault says.
func (c *Recorder) take(w http.ResponseWriter, r *http.Request) (body []byte, f Fault, taken bool) {
	body, _ = io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	c.mu.Lock()
	if len(c.requests) >= maxReceived {
		c.requests = slices.Delete(c.requests, 0, maxReceived/2)
	}
	c.requests = append(c.requests, Request{r.Method, r.URL.Path, r.URL.RawQuery, r.Host, r.Header.Clone(), body})
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
	if i := slices.IndexFunc(c.faults, func(f Fault) bool {
		return (f.Method == "" || f.Method == r.Method) && bytes.Contains(body, []byte(f.Text))
	}); i >= 0 {
		f = c.faults[i]
		c.faults = slices.Delete(c.faults, i, i+1)
	}
	c.mu.Unlock()
	if f.Break == BeforeHeaders {
		panic(http.ErrAbortHandler)
	}
	if f.Serve != nil {
		f.Serve(w, r)
	}
	return body, f, f.Serve != nil
}
