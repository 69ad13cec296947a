package mcpproxy

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// instance is an upstream session: a connection, and what was agreed on when it began.
type instance struct {
	id      string
	svc     *Service
	scope   string // who shares it
	conn    mcp.Conn
	created time.Time
	used    atomic.Int64
	checked atomic.Int64 // when it was last asked whether it is well
	active  atomic.Int32 // calls under way
	// own says that it belongs to one session of a caller's.
	own bool
	// modern says that requests stand by themselves.
	modern bool
	// agreed is the result of initialize; nil where the caller's went by.
	agreed []byte

	lastID atomic.Int64
	live   context.Context // ends with the upstream session
	kill   context.CancelFunc
	dying  atomic.Bool
	lost   sync.Once

	mu       sync.Mutex
	sessions map[*session]struct{}
}

// dial begins an upstream session. Who it is for closes it until it is in a pool.
func (e *Engine) dial(ctx context.Context, svc *Service, scope string) (*instance, error) {
	conn, err := svc.Transport.Dial(ctx, svc.Config)
	if err != nil {
		return nil, err
	}
	i := &instance{id: randomID()[:16], svc: svc, scope: scope, conn: conn, created: e.now(), sessions: map[*session]struct{}{}}
	i.live, i.kill = context.WithCancel(context.Background())
	i.used.Store(i.created.UnixNano())
	i.checked.Store(i.created.UnixNano())
	return i, nil
}

func (i *instance) begin(now time.Time) { i.active.Add(1); i.used.Store(now.UnixNano()) }

func (i *instance) end(now time.Time) { i.used.Store(now.UnixNano()); i.active.Add(-1) }

func (i *instance) isDead() bool { return i.live.Err() != nil }

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
}

func (i *instance) members() []*session {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Collect(maps.Keys(i.sessions))
}

// idle says whether nobody has used it for d.
func (i *instance) idle(now time.Time, d time.Duration) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.active.Load() == 0 && len(i.sessions) == 0 && now.Sub(time.Unix(0, i.used.Load())) >= d
}

// closeGrace bounds how long an upstream session is waited for that ends.
const closeGrace = 10 * time.Second

// retire ends an upstream session, without waiting for it.
func (e *Engine) retire(i *instance) {
	if !i.dying.CompareAndSwap(false, true) {
		return
	}
	i.kill()
	e.pools.forget(i)
	if !e.spawn(func() { i.close(context.WithoutCancel(e.live)) }) {
		i.close(e.live)
	}
	for _, s := range i.members() {
		e.endSession(s)
	}
}

// lost retires an upstream session that has ended by itself.
func (e *Engine) lost(i *instance, err error) {
	i.lost.Do(func() {
		if !i.isDead() {
			e.log.Warn("an MCP server's session has ended", "service", i.svc.Config.ID, "error", err)
			e.pools.failed(i, err, e.now())
			e.retire(i)
		}
	})
}

// over says whether it has ended by itself, as far as that can be known.
func (i *instance) over() bool {
	c, ok := i.conn.(interface{ Err() error })
	return ok && c.Err() != nil
}

func (i *instance) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closeGrace)
	defer cancel()
	_ = i.conn.Close(ctx) // it is over either way
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
