package mcpproxy

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// session is a caller's. It is bound to the key and the route that made it: for anybody
// else there is no such session.
type session struct {
	id, routeID, keyID string
	inst               *instance
	used               atomic.Int64 // when, in Unix nanoseconds
	active             atomic.Int32 // requests and streams under way

	mu      sync.Mutex
	ended   bool
	asked   []string            // ids of the server's requests that wait for an answer, the oldest first
	calls   map[string]*call    // under way, by the caller's ids
	watched map[digest]struct{} // URIs of resources that it has subscribed to
	waiting []waiting           // what no stream has taken yet
	bytes   int                 // of it
	wake    chan struct{}       // tells the stream that something waits; nil without one
	gone    chan struct{}       // closed when the session has ended
	dropped atomic.Int64
}

// begin marks a request or a stream under way, until end.
func (s *session) begin(now time.Time) { s.active.Add(1); s.used.Store(now.UnixNano()) }

func (s *session) end(now time.Time) { s.used.Store(now.UnixNano()); s.active.Add(-1) }

// maxAsked bounds a server's requests that wait for a caller's answer.
const maxAsked = 256

// ask notes a request of the server's, whose answer may then come. Where too many wait,
// the oldest waits no longer: there are callers that do not answer.
func (s *session) ask(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) >= maxAsked {
		s.asked = slices.Delete(s.asked, 0, 1)
	}
	s.asked = append(s.asked, id)
}

// answered says whether the server has asked this session that.
func (s *session) answered(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.asked, id)
	if i < 0 {
		return false
	}
	s.asked = slices.Delete(s.asked, i, i+1)
	return true
}

// waiting is a message that waits for a stream.
type waiting struct {
	mcp.Message
	asks bool // it is a request of the server's
}

// maxWaiting bounds the bytes that wait for a stream. One message is taken whatever its
// length.
const maxWaiting = 4 << 20

// put lets a message wait for a stream. Where there is no room the oldest notifications go,
// and if there are none, false says that the message is not taken.
func (s *session) put(m waiting, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	for len(s.waiting) > 0 && (len(s.waiting) >= most || s.bytes+len(m.Data) > maxWaiting) {
		s.dropped.Add(1)
		i := slices.IndexFunc(s.waiting, func(w waiting) bool { return !w.asks })
		if i < 0 {
			return false
		}
		s.bytes -= len(s.waiting[i].Data)
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	s.waiting, s.bytes = append(s.waiting, m), s.bytes+len(m.Data)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return true
}

// attach begins a stream, which is woken when something waits. It takes the place of
// the one before it, whose caller may have gone without being missed.
func (s *session) attach() (wake chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wake != nil {
		close(s.wake)
	}
	s.wake = make(chan struct{}, 1)
	return s.wake
}

// take takes what waits for a stream; false when another has its place.
func (s *session) take(wake chan struct{}) ([]waiting, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wake != wake {
		return nil, false
	}
	list := s.waiting
	s.waiting, s.bytes = nil, 0
	return list, true
}

// enter notes a call under the caller's id; false when one of that id is under way.
func (s *session) enter(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[c.key] != nil {
		return false
	}
	s.calls[c.key] = c
	return true
}

func (s *session) leave(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, c.key)
}

// call is the call under way of that id, nil for none.
func (s *session) call(id []byte) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[jsonrpc.Key(id)]
}

// digest stands for a URI, which may be long.
type digest [sha256.Size]byte

func digestOf(uri string) digest { return sha256.Sum256([]byte(uri)) }

// watch notes that the session is subscribed to a resource, or no longer.
func (s *session) watch(uri string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if on && len(s.watched) < maxWatched {
		s.watched[digestOf(uri)] = struct{}{}
	} else {
		delete(s.watched, digestOf(uri))
	}
}

// maxWatched bounds the resources that a session is subscribed to.
const maxWatched = 1024

func (s *session) watches(uri string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.watched[digestOf(uri)]
	return ok
}

// newSession makes a session that nobody finds before add.
func newSession(routeID, keyID string, inst *instance, now time.Time) *session {
	s := &session{
		id: randomID(), routeID: routeID, keyID: keyID, inst: inst,
		calls: map[string]*call{}, watched: map[digest]struct{}{}, gone: make(chan struct{}),
	}
	s.used.Store(now.UnixNano())
	return s
}

// randomID is 128 bits in hex digits, which nobody can guess.
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
