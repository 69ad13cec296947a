package sse_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/sse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what has to happen; nothing is measured by it.
const patience = time.Minute

// server is one with a stream, whose text the test writes.
type server struct {
	*httptest.Server
	text   chan string        // is written to the stream as it is; closing it ends the stream
	posted chan *http.Request // with the body in Body
	post   http.HandlerFunc   // nil is 202

	mu      sync.Mutex
	streams []http.Header // of the GETs
	open    int           // streams
}

func newServer(t *testing.T) *server {
	s := &server{text: make(chan string, 100), posted: make(chan *http.Request, 1000)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sse", s.stream)
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(&text{body})
		s.posted <- r
		if s.post != nil {
			s.post(w, r)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

type text struct{ b []byte }

func (t *text) Read(p []byte) (int, error) {
	if len(t.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, t.b)
	t.b = t.b[n:]
	return n, nil
}

func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.streams = append(s.streams, r.Header)
	s.open++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.open--
		s.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case text, ok := <-s.text:
			if !ok {
				return
			}
			_, _ = io.WriteString(w, text)
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func (s *server) service() mcp.Service { return mcp.Service{ID: "s", URL: s.URL + "/sse"} }

// idle waits until no stream is open, which could take the text for another.
func (s *server) idle(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.open == 0
	}, patience, time.Millisecond)
}

// received is the next message that was posted.
func (s *server) received(t *testing.T) (r *http.Request, body string) {
	t.Helper()
	select {
	case r := <-s.posted:
		b, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		return r, string(b)
	case <-time.After(patience):
		t.Fatal("nothing was posted")
		return nil, ""
	}
}

func event(name, data string) string { return fmt.Sprintf("event: %s\ndata: %s\n\n", name, data) }

// options are those of a transport whose connections end with the test.
func options(t *testing.T) sse.Options {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	return sse.Options{Client: &http.Client{Transport: transport}, Log: slog.New(slog.DiscardHandler)}
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, opts sse.Options, s mcp.Service) mcp.Conn {
	t.Helper()
	c, err := sse.New(opts).Dial(limited(t), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return c
}

func call(t *testing.T, c mcp.Conn, id int) mcp.Stream {
	t.Helper()
	s, err := c.Call(limited(t), request(id))
	require.NoError(t, err)
	return s
}

func request(id int) mcp.Message {
	return mcp.Message{Data: fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"m","params":{"_meta":{"progressToken":%d}}}`, id, id)}
}

func next(t *testing.T, s mcp.Stream) mcp.Message {
	t.Helper()
	m, err := s.Next()
	require.NoError(t, err)
	return m
}
