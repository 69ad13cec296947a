package mcptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
)

// Versions of the protocol: the last with sessions, and the first without.
const (
	LastLegacy  = "2025-11-25"
	FirstModern = "2026-07-28"
)

// Keys of _meta in the era without sessions.
const (
	versionKey      = "io.modelcontextprotocol/protocolVersion"
	infoKey         = "io.modelcontextprotocol/clientInfo"
	capabilitiesKey = "io.modelcontextprotocol/clientCapabilities"
	subscriptionKey = "io.modelcontextprotocol/subscriptionId"
)

// Codes of errors that the protocol defines.
const (
	codeHeaderMismatch = -32020
	codeBadVersion     = -32022
)

// Era is which versions of the protocol a server speaks.
type Era uint8

// The eras.
const (
	Both   Era = iota
	Legacy     // with sessions: 2024-11-05 to 2025-11-25
	Modern     // without: 2026-07-28
)

var (
	legacyVersions = []string{LastLegacy, "2025-06-18", "2025-03-26", "2024-11-05"}
	modernVersions = []string{FirstModern}
)

func (e Era) versions() []string {
	switch e {
	case Legacy:
		return legacyVersions
	case Modern:
		return modernVersions
	}
	return append(slices.Clone(modernVersions), legacyVersions...)
}

// Server is a scripted MCP server. The zero value is good. It is safe for concurrent
// use; its fields are not to be changed once it serves.
type Server struct {
	// Name is what the server calls itself; empty is "mcptest".
	Name string
	// Era is what it speaks; zero is both.
	Era Era
	// Page is the number of items in a page of a list; 0 is 5.
	Page int

	once sync.Once
	live context.Context // ends with Close
	end  context.CancelFunc
	work sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	changed   chan struct{} // closed and replaced whenever something below changes
	received  [][]byte
	cancelled []Cancellation
	news      []change
	sessions  map[*session]struct{}
}

// Cancellation is a request that its client has given up.
type Cancellation struct {
	ID string // as it stood in the request
	// By is "notification", or "disconnect" where the end of an HTTP stream says it.
	By string
}

// maxReceived bounds what a server remembers.
const maxReceived = 20_000

func (s *Server) init() {
	s.once.Do(func() {
		s.live, s.end = context.WithCancel(context.Background())
		s.changed = make(chan struct{})
		s.sessions = map[*session]struct{}{}
	})
}

// Close ends what is under way, and waits for it. The server answers nothing after it.
func (s *Server) Close() {
	s.init()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.work.Wait()
}

// start runs work in a goroutine that Close waits for.
func (s *Server) start(work func()) bool {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.work.Go(work)
	return true
}

// change changes what is remembered, and wakes who waits for it.
func (s *Server) change(f func()) {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// await waits until found says yes; it is called under the lock.
func (s *Server) await(ctx context.Context, found func() bool) error {
	s.init()
	for {
		s.mu.Lock()
		ok, changed := found(), s.changed
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.live.Done():
			return errors.New("mcptest: the server is closed")
		}
	}
}

// Received returns the messages that have come, in their order, byte for byte.
func (s *Server) Received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]string, len(s.received))
	for i, m := range s.received {
		list[i] = string(m)
	}
	return list
}

// WaitReceived waits for a message that has text in it, other than requests of the
// methods that begin with "mcptest/", and returns the first.
func (s *Server) WaitReceived(ctx context.Context, text string) (message string, err error) {
	err = s.await(ctx, func() bool {
		i := slices.IndexFunc(s.received, func(m []byte) bool {
			return bytes.Contains(m, []byte(text)) && !bytes.Contains(m, []byte(`"method":"mcptest/`))
		})
		if i >= 0 {
			message = string(s.received[i])
		}
		return i >= 0
	})
	return message, err
}

// Cancelled returns the requests that were given up while they ran, in their order.
func (s *Server) Cancelled() []Cancellation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cancelled)
}

// WaitCancelled waits until the request with that id, written as in the request, was
// given up.
func (s *Server) WaitCancelled(ctx context.Context, id string) (c Cancellation, err error) {
	err = s.await(ctx, func() bool {
		i := slices.IndexFunc(s.cancelled, func(c Cancellation) bool { return c.ID == id })
		if i >= 0 {
			c = s.cancelled[i]
		}
		return i >= 0
	})
	return c, err
}

// Emit sends a message that belongs to no call to every client of the era with
// sessions that is connected.
func (s *Server) Emit(message string) {
	s.init()
	s.mu.Lock()
	var to []*session
	for c := range s.sessions {
		to = append(to, c)
	}
	s.mu.Unlock()
	for _, c := range to {
		c.aside.send([]byte(message))
	}
}

func (s *Server) remember(data []byte) {
	s.change(func() {
		if len(s.received) >= maxReceived {
			s.received = slices.Delete(s.received, 0, maxReceived/2)
		}
		s.received = append(s.received, bytes.Clone(data))
	})
}

// quote writes a string as JSON.
func quote(s string) string {
	return string(jsonwrite.AppendString(nil, s))
}

func (s *Server) info() string {
	name := s.Name
	if name == "" {
		name = "mcptest"
	}
	return fmt.Sprintf(`{"name":%s,"version":"1.2.3","x-build":12345678901234567890}`, quote(name))
}
