package mcptest

import (
	"crypto/rand"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

// HTTP is a server over Streamable HTTP, at every path. The zero value is one that
// answers in events and has sessions for those who initialize. Fields are not to be
// changed once it serves.
type HTTP struct {
	Recorder
	// Server is what it carries out; nil is one of its own.
	Server *Server
	// JSON answers in JSON where the response comes first.
	JSON bool
	// Mislabeled says application/json of events, as some servers do.
	Mislabeled bool
	// Resumable gives events ids, so that streams can be gone on with, and primes them;
	// only in the era with sessions. Retry goes with them unless it is 0.
	Resumable bool
	Retry     time.Duration
	// Sessionless gives no ids to sessions: all legacy clients are one.
	Sessionless bool
	// NoListen refuses GET, and NoDelete DELETE, with 405.
	NoListen, NoDelete bool
	// Token is asked for as a bearer's unless it is empty.
	Token string

	once     sync.Once
	mu       sync.Mutex
	sessions map[string]*httpSession
}

// httpSession is a session of the legacy era.
type httpSession struct {
	*session
	aside   *eventLog
	heard   int                  // of aside
	streams map[string]*eventLog // that can be gone on with, by the names in their events' ids
}

func (h *HTTP) server() *Server {
	h.once.Do(func() {
		if h.Server == nil {
			h.Server = &Server{}
		}
		h.sessions = map[string]*httpSession{}
	})
	return h.Server
}

// Start serves on a port of its own until the test ends, and returns the URL.
func (h *HTTP) Start(t testing.TB) (url string) {
	t.Helper()
	return start(t, h, h.server())
}

// Sessions is the number of sessions that there are.
func (h *HTTP) Sessions() int {
	h.server()
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}

// Forget ends all sessions, as a restart of the server does. What is under way ends
// without a response.
func (h *HTTP) Forget() {
	h.server()
	h.mu.Lock()
	old := h.sessions
	h.sessions = map[string]*httpSession{}
	h.mu.Unlock()
	for _, c := range old {
		c.over()
	}
}

func (c *httpSession) over() {
	c.close()
	c.aside.crash()
}

// ServeHTTP implements [http.Handler].
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.server()
	body, f, taken := h.take(w, r)
	if taken {
		return
	}
	if h.Token != "" && r.Header.Get("Authorization") != "Bearer "+h.Token {
		unauthorized(w)
		return
	}
	p := &pump{w: w, r: r, h: h, fault: f, server: h.Server}
	switch r.Method {
	case http.MethodPost:
		p.post(body)
	case http.MethodGet:
		p.get()
	case http.MethodDelete:
		c := h.find(r)
		switch {
		case h.NoDelete || isModern(r.Header.Get("Mcp-Protocol-Version")):
			notAllowed(w)
		case c == nil:
			fail(w, http.StatusNotFound, jsonrpc.Errorf(-32001, "Session not found"), nil)
		default:
			h.mu.Lock()
			delete(h.sessions, r.Header.Get("Mcp-Session-Id"))
			h.mu.Unlock()
			c.over()
			w.WriteHeader(http.StatusOK)
		}
	default:
		notAllowed(w)
	}
}

// begin begins a session.
func (h *HTTP) begin() (string, *httpSession) {
	id := ""
	if !h.Sessionless {
		id = rand.Text()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.sessions[id]; c != nil {
		return id, c
	}
	c := &httpSession{aside: newLog(), streams: map[string]*eventLog{}}
	c.session = h.Server.open(c.aside, func(w way) { w.(*eventLog).crash() })
	h.sessions[id] = c
	return id, c
}

// find finds the session that a request names.
func (h *HTTP) find(r *http.Request) *httpSession {
	if h.Sessionless {
		_, c := h.begin()
		return c
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessions[r.Header.Get("Mcp-Session-Id")]
}

func isModern(version string) bool {
	return version >= FirstModern && len(version) == len(FirstModern)
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("Www-Authenticate", `Bearer realm="mcptest", resource_metadata="https://auth.example/.well-known/oauth-protected-resource"`)
	w.Header().Set("Set-Cookie", "secret=1")
	fail(w, http.StatusUnauthorized, jsonrpc.Errorf(-32001, "Unauthorized"), nil)
}

func notAllowed(w http.ResponseWriter) {
	w.Header().Set("Allow", "POST")
	fail(w, http.StatusMethodNotAllowed, jsonrpc.Errorf(-32000, "Method not allowed"), nil)
}

// fail refuses a request with an error of JSON-RPC.
func fail(w http.ResponseWriter, status int, e *jsonrpc.Error, id []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(e.Response(id))
}
