package mcptest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

// SSE is a server over the older HTTP with server-sent events (2024-11-05): a GET at any
// path is a session, and POSTs go to the address that its first event names. The zero
// value is good. Fields are not to be changed once it serves.
type SSE struct {
	Recorder
	// Server is what it carries out; nil is one of its own.
	Server *Server
	// Endpoint is the address for POSTs that is named instead of the right one; %s in it
	// becomes the id of the session.
	Endpoint string
	// Answers says that POSTs are answered with 200 and "Accepted" instead of 202.
	Answers bool
	// Token is asked for as a bearer's unless it is empty.
	Token string

	once     sync.Once
	mu       sync.Mutex
	sessions map[string]*session
	logs     map[string]*eventLog
}

func (h *SSE) server() *Server {
	h.once.Do(func() {
		if h.Server == nil {
			h.Server = &Server{}
		}
		h.sessions, h.logs = map[string]*session{}, map[string]*eventLog{}
	})
	return h.Server
}

// Start serves on a port of its own until the test ends, and returns the URL for GET.
func (h *SSE) Start(t testing.TB) (url string) {
	t.Helper()
	return strings.TrimSuffix(start(t, h, h.server()), "/mcp") + "/sse"
}

func start(t testing.TB, h http.Handler, s *Server) string {
	t.Helper()
	ts := httptest.NewServer(h)
	t.Cleanup(func() {
		s.Close()
		ts.Close()
	})
	return ts.URL + "/mcp"
}

// Sessions is the number of sessions that there are.
func (h *SSE) Sessions() int {
	h.server()
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}

// Forget breaks off all sessions.
func (h *SSE) Forget() {
	h.server()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, log := range h.logs {
		log.crash()
	}
}

// ServeHTTP implements [http.Handler].
func (h *SSE) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.server()
	body, f, taken := h.take(w, r)
	if taken {
		return
	}
	if h.Token != "" && r.Header.Get("Authorization") != "Bearer "+h.Token {
		unauthorized(w)
		return
	}
	switch r.Method {
	case http.MethodGet:
		h.get(w, r, f)
	case http.MethodPost:
		h.post(w, r, body)
	default:
		notAllowed(w)
	}
}

// get begins a session, which lasts as long as its answer.
func (h *SSE) get(w http.ResponseWriter, r *http.Request, f Fault) {
	log := newLog()
	log.shared = true
	c := h.Server.open(log, func(way) { log.crash() })
	defer c.close()
	c.oneWire = true
	id := rand.Text()
	h.mu.Lock()
	h.sessions[id], h.logs[id] = c, log
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.sessions, id)
		delete(h.logs, id)
		h.mu.Unlock()
	}()
	endpoint := "/messages?session=" + id
	if h.Endpoint != "" {
		endpoint = strings.ReplaceAll(h.Endpoint, "%s", id)
	}
	p := &pump{w: w, r: r, h: &HTTP{}, fault: f, server: h.Server}
	p.begin()
	fmt.Fprintf(w, "event: endpoint\ndata: %s\n\n", endpoint)
	p.flush()
	p.run(log, 0, true)
}

// post takes a message.
func (h *SSE) post(w http.ResponseWriter, r *http.Request, body []byte) {
	h.mu.Lock()
	id := r.URL.Query().Get("session")
	c, log := h.sessions[id], h.logs[id]
	h.mu.Unlock()
	if c == nil {
		fail(w, http.StatusNotFound, jsonrpc.Errorf(-32001, "Session not found"), nil)
		return
	}
	m, err := jsonrpc.Parse(body)
	if err != nil {
		h.Server.remember(body)
		http.Error(w, "Invalid message", http.StatusBadRequest)
		return
	}
	if status(w, m) {
		return
	}
	c.message(m, log)
	if h.Answers {
		_, _ = w.Write([]byte("Accepted"))
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
