package mcpproxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

// form says which upstream session of a service somebody needs: who shares it, and what
// was agreed on in it.
type form struct{ scope, agreed string }

// pool are the upstream sessions of one service.
type pool struct {
	svc *Service

	mu      sync.Mutex
	shared  map[form]*opening
	all     map[*instance]struct{}
	started int            // are being opened
	held    map[string]int // how many each scope has, those that are being opened too
	closing map[string]int // processes of each scope that are ending, and count until they have
	// unserved is since when the service is not served any longer, ending that what runs
	// for it is being ended.
	unserved time.Time
	ending   bool
	// A server that fails at once is not started again and again for whom it has failed,
	// whose doing it may be.
	resting map[string]*rest // by scopes
	legacy  time.Time        // until when the server is known not to speak 2026-07-28
	// Arguments of tools that have to be in headers, how often that was learned, and when
	// last.
	params    map[string][]paramHeader
	learned   int
	learnedAt time.Time
	learning  chan struct{} // holds the token of who learns
	// begun says that a session has begun, silent that the server has let server/discover
	// unanswered.
	begun, silent bool
}

func newPool(svc *Service) *pool {
	return &pool{svc: svc, shared: map[form]*opening{}, all: map[*instance]struct{}{}, held: map[string]int{}, closing: map[string]int{}, resting: map[string]*rest{}, learning: make(chan struct{}, 1)}
}

// opening is an upstream session that is being opened, or was.
type opening struct {
	done chan struct{}
	inst *instance
	err  error
}

// endGrace is how long what is under way on a service that was changed may go on.
const endGrace = 30 * time.Second

// retire ends the upstream sessions of a service that is not served any longer. What is
// under way on them is let go on for a while.
func (p *pool) retire(e *Engine) {
	p.mu.Lock()
	busy := p.ending
	p.ending = true
	p.mu.Unlock()
	if busy {
		return
	}
	for range endGrace / time.Second {
		if !slices.ContainsFunc(p.list(), func(i *instance) bool { return i.active.Load() > 0 }) || !pause(e.live, time.Second) {
			break
		}
	}
	for _, i := range p.list() {
		e.retire(i)
	}
	p.mu.Lock()
	p.ending = false
	p.mu.Unlock()
}

func (p *pool) list() []*instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.all))
}

// forget takes out an upstream session that has ended.
func (p *pool) forget(i *instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.all[i]; ok {
		delete(p.all, i)
		less(p.held, i.scope)
	}
	maps.DeleteFunc(p.shared, func(_ form, o *opening) bool { return o.inst == i })
}

// admit lets one more upstream session begin, or says why not. What it lets begin has
// to end in done.
func (p *pool) admit(ctx context.Context, e *Engine, keyID, scope string) error {
	for {
		now := e.now()
		p.mu.Lock()
		if r := p.resting[scope]; r != nil && now.Before(r.until) {
			wait, reason := r.until.Sub(now), r.reason
			p.mu.Unlock()
			return &busyError{http.StatusServiceUnavailable, wait, "it has failed, and is tried again later", reason}
		}
		full, many := p.full(scope)
		if full == "" {
			p.started++
			p.held[scope]++
			p.mu.Unlock()
			return nil
		}
		if p.closing[scope] > 0 || many && len(p.closing) > 0 { // there will be room
			p.mu.Unlock()
			if !pause(ctx, closePoll) {
				return ctx.Err()
			}
			continue
		}
		oldest := p.oldest(now, keyID, scope, many)
		p.mu.Unlock()
		if oldest == nil {
			return &busyError{http.StatusTooManyRequests, time.Second, full, nil}
		}
		if !e.evict(oldest, keyID) && !pause(e.live, time.Millisecond) { // somebody else was first
			return errEnded
		}
	}
}

// full says which bound there is no room within; many that it is the one on all. The
// caller holds mu.
func (p *pool) full(scope string) (text string, many bool) {
	ending := 0
	for _, n := range p.closing {
		ending += n
	}
	held := p.held[scope] + p.closing[scope]
	switch {
	case len(p.all)+p.started+ending >= p.svc.MaxInstances:
		return "it has as many sessions as its max_instances allows, and all were used lately", true
	case scope != "" && held >= p.svc.MaxPerKey || scope == "" && held >= p.svc.MaxKeyless:
		return "the caller has as many sessions as its max_instances_per_key allows, and all were used lately: end those that are not needed, with DELETE", false
	}
	return "", false
}

// oldest is the upstream session that gives way to one of the key's, nil for none: first one
// that no session of a caller's goes by. many says that it may be of any scope. The caller
// holds mu.
func (p *pool) oldest(now time.Time, keyID, scope string, many bool) (oldest *instance) {
	var longest time.Duration
	var free bool
	for i := range p.all {
		if i.scope != scope && !many {
			continue
		}
		i.mu.Lock()
		unused, vacant, ok := i.spare(now, keyID)
		i.mu.Unlock()
		if ok && (oldest == nil || vacant && !free || vacant == free && unused > longest) {
			oldest, longest, free = i, unused, vacant
		}
	}
	return oldest
}

// less takes one from the count of a scope.
func less(counts map[string]int, scope string) {
	if counts[scope]--; counts[scope] == 0 {
		delete(counts, scope)
	}
}

// closePoll is how often is looked whether a process that is ending has ended.
const closePoll = 10 * time.Millisecond

// closes counts a process that is ending, until the function that it returns is called: it
// takes a while, and there are not to be more of them than the service may have.
func (p *pool) closes(scope string) (closed func()) {
	if p.svc.TransportName != "stdio" {
		return func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing[scope]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		less(p.closing, scope)
	}
}

// done ends what admit let begin.
func (p *pool) done(e *Engine, scope string, i *instance, err error) {
	p.mu.Lock()
	p.started--
	if err == nil {
		p.all[i] = struct{}{}
	} else {
		less(p.held, scope)
	}
	p.mu.Unlock()
	var refused *jsonrpc.Error
	switch {
	case err == nil && e.live.Err() != nil:
		e.retire(i)
	case err == nil && i.isDying(): // it has ended before it was here
		p.forget(i)
	case err == nil, errors.As(err, &refused), errors.Is(err, errLegacy), errors.Is(err, context.Canceled):
		// It has started well; or it has said no; or nobody waits any longer.
	default:
		p.fail(scope, err, e.now())
	}
}

// use gives a key's request the upstream session of a form, opening it if there is none.
// Who comes meanwhile waits for the same. It is used until its end is called.
func (p *pool) use(ctx context.Context, e *Engine, keyID string, f form, open func(ctx context.Context) (*instance, error)) (*instance, error) {
	for {
		inst, err := p.get(ctx, e, keyID, f, open)
		if err != nil || inst.begin() {
			return inst, err
		}
	}
}

// get gives an upstream session that may be ending already.
func (p *pool) get(ctx context.Context, e *Engine, keyID string, f form, open func(ctx context.Context) (*instance, error)) (*instance, error) {
	p.mu.Lock()
	o := p.shared[f]
	if o != nil && o.inst != nil && o.inst.isDying() {
		o = nil
	}
	if o == nil {
		o = &opening{done: make(chan struct{})}
		p.shared[f] = o
		p.mu.Unlock()
		p.open(ctx, e, keyID, f, o, open)
	} else {
		p.mu.Unlock()
	}
	select {
	case <-o.done:
		return o.inst, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// open opens an upstream session beside: others may wait for it, so that it does not end
// with the caller who was first.
func (p *pool) open(ctx context.Context, e *Engine, keyID string, f form, o *opening, open func(ctx context.Context) (*instance, error)) {
	opened := func(inst *instance, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		o.inst, o.err = inst, err
		if err != nil && p.shared[f] == o {
			delete(p.shared, f)
		}
		close(o.done)
	}
	ctx = context.WithoutCancel(ctx)
	if !e.spawn(func() {
		ctx, cancel := context.WithTimeout(ctx, e.limits.Start)
		defer cancel()
		opened(p.start(ctx, e, keyID, f.scope, open))
	}) {
		opened(nil, errEnded)
	}
}

var errEnded = errors.New("the gateway is being shut down")

// start opens an upstream session within the service's bounds, for a key's request.
func (p *pool) start(ctx context.Context, e *Engine, keyID, scope string, open func(ctx context.Context) (*instance, error)) (*instance, error) {
	if !e.hold() {
		return nil, errEnded
	}
	defer e.work.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.live, cancel)()
	if err := p.admit(ctx, e, keyID, scope); err != nil {
		return nil, err
	}
	inst, err := open(ctx)
	if err != nil && !errors.Is(err, errLegacy) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = &busyError{http.StatusGatewayTimeout, 0, fmt.Sprintf("its server has not started and answered initialize within %s", e.limits.Start), nil}
	}
	p.done(e, scope, inst, err)
	return inst, err
}
