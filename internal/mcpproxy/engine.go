package mcpproxy

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/limits"
	"github.com/agent-gateway/agent-gateway/internal/trace"
	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// Isolation says who shares an upstream session.
type Isolation string

// The isolations.
const (
	PerSession Isolation = "session"
	PerKey     Isolation = "key"    // callers without a key share nothing
	Shared     Isolation = "shared" // by all; the server may ask nobody anything
)

// Service is a compiled MCP service. It is immutable; a changed one is another Service,
// and what ran for the former ends when nobody uses it.
type Service struct {
	Config        mcp.Service
	Transport     mcp.Transport
	TransportName string
	Isolation     Isolation
	// MaxInstances bounds the upstream sessions, MaxPerKey those of one virtual key,
	// MaxKeyless those that are of none.
	MaxInstances, MaxPerKey, MaxKeyless int
	IdleTTL                             time.Duration
	Withheld                            Withheld
	// CaptureArgs puts the arguments of tool calls on events, at most MaxArgs bytes.
	CaptureArgs bool
	MaxArgs     int
	Disabled    bool
}

// Same says whether a service is served in the same way.
func (s *Service) Same(other *Service) bool {
	a, b := reflect.ValueOf(s.Transport), reflect.ValueOf(other.Transport)
	if !a.Comparable() || !b.Comparable() || s.Transport != other.Transport {
		return false
	}
	mine, theirs := *s, *other
	mine.Transport, theirs.Transport = nil, nil
	return reflect.DeepEqual(mine, theirs)
}

// oneWire says that the transport has one stream for everything, on which ids must be
// unique and whose end is the end of the session.
func (s *Service) oneWire() bool { return s.TransportName != "streamable_http" }

// Caller is who asks. Its zero value is nobody in particular.
type Caller struct {
	KeyID string
	Tools *Tools // nil: every tool
}

// Hop is a request whose route and caller are known.
type Hop struct {
	RouteID string
	Service *Service
	Tools   *Tools // of the route; nil: every tool
	Caller  Caller
	Limits  []limits.Subject // of the key
	Span    trace.Span
	Started time.Time
	// Still says whether the caller may still use the route for that service; nil for
	// ever. It is asked of streams that last, when the configuration has changed and from
	// time to time.
	Still func() bool
}

// Limits bound what the engine takes; gateway.MCPLimits says what each is. A zero field
// means its default.
type Limits struct {
	Body                                               int64
	Sessions, SessionsPerKey, InFlight, Queue, History int
	Start, KeepAlive, ClientStall                      time.Duration
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Body:           cmp.Or(l.Body, 4<<20),
		Sessions:       cmp.Or(l.Sessions, 10_000),
		SessionsPerKey: cmp.Or(l.SessionsPerKey, 1_000),
		InFlight:       cmp.Or(l.InFlight, 10_000),
		Queue:          cmp.Or(l.Queue, 256),
		History:        cmp.Or(l.History, 1_000),
		Start:          cmp.Or(l.Start, time.Minute),
		KeepAlive:      cmp.Or(l.KeepAlive, 15*time.Second),
		ClientStall:    cmp.Or(l.ClientStall, 5*time.Minute),
	}
}

// Engine serves MCP. It is safe for concurrent use. Close ends it.
type Engine struct {
	limits Limits
	sink   metrics.Sink
	log    *slog.Logger
	now    func() time.Time
	keeper *limits.Keeper

	sessions sessions
	pools    pools
	calls    calls
	streams  lasting

	// live ends with Close, listening with Drain: the streams that wait for what a
	// server may say are no requests to wait for.
	live, listening context.Context
	end, drain      context.CancelFunc

	mu   sync.Mutex // held to add to work
	work sync.WaitGroup
}

// hold has Close wait for what ends with live and then calls work.Done; false when the
// engine has ended.
func (e *Engine) hold() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.live.Err() != nil {
		return false
	}
	e.work.Add(1)
	return true
}

// spawn runs f beside, unless the engine has ended, and says whether. f ends with live.
func (e *Engine) spawn(f func()) bool {
	if !e.hold() {
		return false
	}
	go func() {
		defer e.work.Done()
		f()
	}()
	return true
}

// New makes an engine. keeper holds keys to their limits; nil holds nobody.
func New(bounds Limits, keeper *limits.Keeper, sink metrics.Sink, log *slog.Logger, now func() time.Time) *Engine {
	e := &Engine{limits: bounds.withDefaults(), keeper: keeper, sink: sink, log: log, now: now}
	e.live, e.end = context.WithCancel(context.Background())
	e.listening, e.drain = context.WithCancel(e.live)
	e.sessions = sessions{byID: map[string]*session{}, perKey: map[string]int{}}
	e.pools = pools{byService: map[*Service]*pool{}}
	e.calls = newCalls(e.limits.History, now)
	e.spawn(e.sweep)
	return e
}

// Serve answers one request on a route.
func (e *Engine) Serve(w http.ResponseWriter, r *http.Request, hop Hop) {
	x := e.exchange(w, r, hop)
	if hop.Service.Disabled {
		x.refuse(http.StatusForbidden, nil, codeRefused, "the MCP service %s is disabled", hop.Service.Config.ID)
		return
	}
	switch r.Method {
	case http.MethodPost:
		x.post()
	case http.MethodGet:
		x.listen()
	case http.MethodDelete:
		x.delete()
	default:
		w.Header().Set("Allow", "POST, GET, DELETE")
		x.refuse(http.StatusMethodNotAllowed, nil, codeRefused, "the method %.20s is not served here", r.Method)
	}
}

// Drain ends the streams that wait for what servers may say of themselves, so that
// only requests are left to wait for.
func (e *Engine) Drain() { e.drain() }

// Close ends all sessions and upstream sessions, processes included, until ctx is done.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.end()
	e.mu.Unlock()
	e.pools.close(ctx)
	done := make(chan struct{})
	go func() { e.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	// What has nothing to wait for ends at once, however late it is told.
	select {
	case <-done:
		return nil
	case <-time.After(time.Second):
		return ctx.Err()
	}
}

// sweepEvery is how often idle sessions and upstream sessions are looked for.
const sweepEvery = 15 * time.Second

func (e *Engine) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-e.live.Done():
			return
		case <-tick.C:
			e.Sweep()
		}
	}
}

// Sweep ends what has been idle for too long. It is done from time to time by itself.
func (e *Engine) Sweep() {
	now := e.now()
	for _, s := range e.sessions.idle(now) {
		e.endSession(s)
	}
	e.streams.check()
	e.pools.sweep(e)
	e.pools.check(e, now)
}

// Keep ends what runs for services that are not among those that are served, once
// nobody uses it.
func (e *Engine) Keep(served map[string]*Service) {
	e.pools.keep(e, served)
	e.streams.check()
}
