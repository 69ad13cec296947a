package mcpproxy

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
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
	listening          atomic.Int32 // streams of GETs

	mu      sync.Mutex
	ended   bool
	asked   []asked           // the server's requests that wait for an answer, the oldest first
	calls   map[string]*call  // under way, by the caller's ids
	watched map[digest]string // URIs of resources that it has subscribed to; empty for a long one
	tasks   int               // whose progress it may still hear
	level   int               // of the log messages that it wants, as in logLevels, from 1; 0: it has not said
	waiting []waiting         // what no stream has taken yet
	bytes   int               // of it
	wake    chan struct{}     // tells the stream that something waits; nil without one
	gone    chan struct{}     // closed when the session has ended
}

// begin marks a request or a stream under way, until end.
func (s *session) begin(now time.Time) { s.active.Add(1); s.used.Store(now.UnixNano()) }

func (s *session) end(now time.Time) { s.used.Store(now.UnixNano()); s.active.Add(-1) }

// maxAsked bounds a server's requests that wait for a caller's answer.
const maxAsked = 256

// asked is a request of the server's.
type asked struct {
	key string // of its id
	id  []byte
}

// ask notes a request of the server's, whose answer may then come. Where too many wait,
// the oldest waits no longer, and its id is returned.
func (s *session) ask(in *jsonrpc.Message) (dropped []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) >= maxAsked {
		dropped = s.asked[0].id
		s.asked = slices.Delete(s.asked, 0, 1)
	}
	s.asked = append(s.asked, asked{in.Key(), bytes.Clone(in.ID.Of(in.Data))})
	return dropped
}

// answered says whether the server has asked this session that.
func (s *session) answered(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.asked, func(a asked) bool { return a.key == key })
	if i < 0 {
		return false
	}
	s.asked = slices.Delete(s.asked, i, i+1)
	return true
}

// logLevels are those of log messages, the least important first.
var logLevels = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// levelOf is the place of a level, from 1; 0 when there is no such level.
func levelOf(name string) int { return slices.Index(logLevels, name) + 1 }

// hears says whether a notification is of no lower level than the session wants.
func (s *session) hears(in *jsonrpc.Message) bool {
	if in.Method != "notifications/message" {
		return true
	}
	s.mu.Lock()
	wanted := s.level
	s.mu.Unlock()
	if wanted == 0 {
		return true
	}
	at, _ := in.Member(in.Params, "level")
	name, _ := in.String(at)
	level := levelOf(name)
	return level == 0 || level >= wanted
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
		s.inst.dropped.Add(1)
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

// enter notes a call under the caller's id; false when one of that id is under way, or
// when the session has ended.
func (s *session) enter(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.calls[c.key] != nil {
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

// busy says whether a call is under way.
func (s *session) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls) > 0
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
	of := digestOf(uri)
	_, is := s.watched[of]
	switch {
	case !on:
		delete(s.watched, of)
	case is || len(s.watched) >= maxWatched:
	case len(uri) > maxKeptURI:
		s.watched[of] = ""
	default:
		s.watched[of] = strings.Clone(uri)
	}
}

// maxKeptURI bounds the URIs that are kept, to end their subscriptions with the session.
const maxKeptURI = 2048

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
		calls: map[string]*call{}, watched: map[digest]string{}, gone: make(chan struct{}),
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

// asks says whether a request of the server's waits for an answer.
func (s *session) asks(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.asked, func(a asked) bool { return a.key == key })
}

// maxTasks bounds the tasks of a session whose progress is told after the call that has
// begun them.
const maxTasks = 256

// keepTask counts one more; false when there are too many.
func (s *session) keepTask() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks++
	return s.tasks <= maxTasks
}
