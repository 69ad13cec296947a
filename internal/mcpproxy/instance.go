package mcpproxy

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// instance is an upstream session: a connection, and what was agreed on when it began.
type instance struct {
	id      string
	svc     *Service
	pool    *pool
	scope   string // who shares it
	kind    kind
	modern  bool // requests stand by themselves
	conn    mcp.Conn
	created time.Time
	used    atomic.Int64
	checked atomic.Int64  // when it was last asked whether it is well
	active  atomic.Int32  // calls under way
	dropped atomic.Int64  // messages that waited too long for a stream of a session's
	level   atomic.Int32  // of log messages, that the server was told last; 0 for none
	leveler chan struct{} // holds the token of who tells it another
	// agreed is the result of initialize; nil where the caller's went by.
	agreed []byte

	lastID atomic.Int64
	live   context.Context // ends with the upstream session
	kill   context.CancelFunc
	lost   sync.Once
	broken atomic.Bool // it has ended by itself

	mu       sync.Mutex
	dying    bool
	sessions map[*session]struct{}
	tokens   map[string]tokenOf // by the tokens that went up; of shared upstream sessions
}

// kind is what an upstream session is for, as operators read it.
type kind string

const (
	ofSession   kind = "session"   // one of a caller's, whose client agreed with the server
	ofSessions  kind = "shared"    // several
	ofBare      kind = "bare"      // requests without a session; the gateway is the client
	ofOperators kind = "operators" // those of the Admin API; the gateway is the client
	ofAlone     kind = "stateless" // requests that stand by themselves
)

// own says whether it belongs to one session of a caller's.
func (i *instance) own() bool { return i.kind == ofSession }

// tokenOf is whose progress token one is.
type tokenOf struct {
	session *session
	token   []byte // as the session has it
}

// expect says whose progress is told under a call's token, until forget.
func (i *instance) expect(s *session, c *call) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tokens == nil {
		i.tokens = map[string]tokenOf{}
	}
	i.tokens[jsonrpc.Key(c.upToken)] = tokenOf{s, bytes.Clone(c.token)}
}

func (i *instance) forget(c *call) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.tokens, jsonrpc.Key(c.upToken))
}

// dial begins an upstream session. Who it is for closes it until it is in a pool.
func (e *Engine) dial(ctx context.Context, p *pool, scope string, of kind) (*instance, error) {
	conn, err := p.svc.Transport.Dial(ctx, p.svc.Config)
	if err != nil {
		return nil, err
	}
	i := &instance{id: randomID()[:16], svc: p.svc, pool: p, scope: scope, kind: of, conn: conn, created: e.now(), sessions: map[*session]struct{}{}, leveler: make(chan struct{}, 1)}
	i.live, i.kill = context.WithCancel(context.Background())
	i.used.Store(i.created.UnixNano())
	i.checked.Store(i.created.UnixNano())
	return i, nil
}

// begin marks that it is used, until end; false when it is ending, and takes nobody any
// longer.
func (i *instance) begin() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.dying {
		return false
	}
	i.active.Add(1)
	return true
}

func (i *instance) end(now time.Time) { i.used.Store(now.UnixNano()); i.active.Add(-1) }

// die has it end; false when that was said before, or when it has to be idle for that,
// for the time given, and is not.
func (i *instance) die(now time.Time, idle time.Duration) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.dying || idle != always && !i.idle(now, idle) {
		return false
	}
	i.dying = true
	return true
}

// always is the idle time of what ends whoever uses it.
const always time.Duration = -1

func (i *instance) isDying() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.dying
}

// nextID is an id that no request on this upstream session has had.
func (i *instance) nextID() []byte { return strconv.AppendInt(nil, i.lastID.Add(1), 10) }

func (i *instance) join(s *session) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sessions[s] = struct{}{}
}

func (i *instance) leave(s *session) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.sessions, s)
	maps.DeleteFunc(i.tokens, func(_ string, of tokenOf) bool { return of.session == s })
}

func (i *instance) members() []*session {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Collect(maps.Keys(i.sessions))
}

// idle says whether nobody has used it for d. The caller holds mu.
func (i *instance) idle(now time.Time, d time.Duration) bool {
	return i.active.Load() == 0 && len(i.sessions) == 0 && now.Sub(time.Unix(0, i.used.Load())) >= d
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
