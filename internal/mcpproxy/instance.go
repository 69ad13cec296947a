package mcpproxy

import (
	"context"
	"errors"
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

// listenTo hands what the server says of itself to the sessions, until it says no more.
func (e *Engine) listenTo(i *instance) {
	e.spawn(func() {
		ctx, quiet := context.WithCancel(e.live)
		defer quiet()
		defer context.AfterFunc(i.live, quiet)()
		var refused *mcp.StatusError
		after, failures := "", 0
		for {
			st, err := i.conn.Listen(ctx, after)
			if err == nil {
				failures = 0
				after, err = e.deliver(i, st, after)
			}
			switch {
			case i.isDead() || ctx.Err() != nil:
				return
			case i.svc.oneWire():
				e.lost(i, err)
				return
			case errors.As(err, &refused) && refused.Code < 500 || failures > 8:
				return // it has no such stream
			}
			failures++
			if !pause(ctx, time.Second<<min(failures, 5)) {
				return
			}
		}
	})
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

// deliver hands on the messages of one stream. It returns the id of the last event.
func (e *Engine) deliver(i *instance, st mcp.Stream, after string) (string, error) {
	defer st.Close()
	for {
		m, err := st.Next()
		if err != nil {
			return after, err
		}
		if m.EventID != "" {
			after = m.EventID
		}
		if len(m.Data) == 0 {
			continue
		}
		if in, err := jsonrpc.Parse(m.Data); err == nil {
			e.take(i, in, m)
		}
	}
}

// take hands on a message that belongs to no call of a caller's.
func (e *Engine) take(i *instance, in *jsonrpc.Message, m mcp.Message) {
	m.EventID, m.Retry = "", 0 // they are of a stream that callers do not have
	switch in.Kind() {
	case jsonrpc.Notification:
		for _, s := range i.audience(in) {
			s.put(waiting{m, false}, e.limits.Queue)
		}
	case jsonrpc.Request:
		e.asked(i, in, m)
	}
}

// audience are the sessions that a notification is for.
func (i *instance) audience(in *jsonrpc.Message) []*session {
	all := i.members()
	if in.Method != "notifications/resources/updated" || i.own {
		return all
	}
	uri, err := in.Member(in.Params, "uri")
	if err != nil {
		return nil
	}
	text, _ := in.String(uri)
	return slices.DeleteFunc(all, func(s *session) bool { return !s.watches(text) })
}

// asked takes a request of the server's that belongs to no call. A ping is the
// gateway's to answer. Anything else is for the session, if there is just one that it
// can be for.
func (e *Engine) asked(i *instance, in *jsonrpc.Message, m mcp.Message) {
	id := in.ID.Of(in.Data)
	if in.Method == "ping" {
		e.answer(i, jsonrpc.Result(id, []byte("{}")))
		return
	}
	all := i.members()
	if i.svc.Isolation == Shared || len(all) != 1 {
		e.answer(i, cannotAsk(len(all)).Response(id))
		return
	}
	s := all[0]
	s.ask(in.Key())
	if !s.put(waiting{m, true}, e.limits.Queue) && s.answered(in.Key()) {
		e.answer(i, jsonrpc.Errorf(jsonrpc.CodeInternal, "too many requests wait for the client's answer").Response(id))
	}
}

func cannotAsk(clients int) *jsonrpc.Error {
	if clients > 1 {
		return jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "several clients share this session, so nobody can be asked; the gateway's service needs isolation: session")
	}
	return jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "there is no client on this session that could be asked")
}

// answerTime bounds how long an answer to a server may take to be sent.
const answerTime = 30 * time.Second

// answer sends an answer of the gateway's own to a server.
func (e *Engine) answer(i *instance, data []byte) {
	e.spawn(func() {
		ctx, cancel := context.WithTimeout(e.live, answerTime)
		defer cancel()
		if err := i.conn.Notify(ctx, mcp.Message{Data: data}); err != nil && !i.isDead() {
			e.log.WarnContext(ctx, "an answer to an MCP server could not be sent", "service", i.svc.Config.ID, "error", err)
		}
	})
}
