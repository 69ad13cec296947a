package mcpproxy

import (
	"context"
	"errors"
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
	started int // are being opened
	retired bool
	// A server that fails at once is not started again and again for whom it has failed,
	// whose doing it may be.
	resting map[string]*rest // by scopes
	legacy  time.Time        // until when the server is known not to speak 2026-07-28
}

// rest is for how long nothing is started.
type rest struct {
	failures int // one after the other
	until    time.Time
	reason   error
}

// opening is an upstream session that is being opened, or was.
type opening struct {
	done chan struct{}
	inst *instance
	err  error
}

// pools are those of all services.
type pools struct {
	mu   sync.Mutex
	byID map[string]*pool
}

// of is the pool of a service. One of another service with its id is retired.
func (p *pools) of(e *Engine, svc *Service) *pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	have := p.byID[svc.Config.ID]
	if have != nil && have.svc == svc {
		return have
	}
	if have != nil {
		e.spawn(func() { have.retire(e) })
	}
	next := &pool{svc: svc, shared: map[form]*opening{}, all: map[*instance]struct{}{}, resting: map[string]*rest{}}
	p.byID[svc.Config.ID] = next
	return next
}

// retire ends the upstream sessions of a service that is not served any longer. What is
// under way on them is let go on for a while.
func (p *pool) retire(e *Engine) {
	p.mu.Lock()
	p.retired = true
	all := slices.Collect(maps.Keys(p.all))
	p.mu.Unlock()
	for range 30 {
		if !slices.ContainsFunc(all, func(i *instance) bool { return i.active.Load() > 0 && !i.isDead() }) || !pause(e.live, time.Second) {
			break
		}
	}
	for _, i := range all {
		e.retire(i)
	}
}

func (p *pools) keep(e *Engine, served map[string]*Service) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, have := range p.byID {
		if served[id] != have.svc {
			delete(p.byID, id)
			e.spawn(func() { have.retire(e) })
		}
	}
}

func (p *pools) list() []*instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*instance
	for _, have := range p.byID {
		have.mu.Lock()
		list = slices.AppendSeq(list, maps.Keys(have.all))
		have.mu.Unlock()
	}
	return list
}

// find is the pool of a service, nil when it is not served any longer.
func (p *pools) find(svc *Service) *pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if have := p.byID[svc.Config.ID]; have != nil && have.svc == svc {
		return have
	}
	return nil
}

// forget takes out an upstream session that has ended.
func (p *pools) forget(i *instance) {
	have := p.find(i.svc)
	if have == nil {
		return
	}
	have.mu.Lock()
	defer have.mu.Unlock()
	delete(have.all, i)
	maps.DeleteFunc(have.shared, func(_ form, o *opening) bool { return o.inst == i })
}

// shortLife is how long an upstream session has to last not to count as a failed start.
const shortLife = 5 * time.Second

// failed notes that an upstream session has ended by itself.
func (p *pools) failed(i *instance, err error, now time.Time) {
	if have := p.find(i.svc); have != nil && now.Sub(i.created) < shortLife {
		have.fail(i.scope, err, now)
	}
}

// restFor is for how long a failure counts after the rest that it was given.
const restFor = time.Minute

// fail lets the next start of a process wait, the longer the more have failed. A server
// that is reached by the network costs nothing to ask again.
func (p *pool) fail(scope string, err error, now time.Time) {
	if p.svc.TransportName != "stdio" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.resting, func(_ string, r *rest) bool { return now.Sub(r.until) > restFor })
	r := p.resting[scope]
	if r == nil {
		r = &rest{}
		p.resting[scope] = r
	}
	r.failures = min(r.failures+1, 8)
	r.until, r.reason = now.Add(min(250*time.Millisecond<<(r.failures-1), 30*time.Second)), err
}

func (p *pools) sweep(e *Engine, now time.Time) {
	for _, i := range p.list() {
		if !i.own && i.idle(now, i.svc.IdleTTL) {
			e.retire(i)
		}
	}
}

func (p *pools) close(ctx context.Context) {
	var all sync.WaitGroup
	for _, i := range p.list() {
		all.Go(func() {
			if i.dying.CompareAndSwap(false, true) {
				i.kill()
				i.close(ctx)
			}
		})
	}
	all.Wait()
}

// busyError says that a service cannot give another upstream session now.
type busyError struct {
	status int
	after  time.Duration // when to come again
	text   string
	cause  error // nil for none
}

func (b *busyError) Error() string {
	if b.cause == nil {
		return b.text
	}
	return b.text + ": " + b.cause.Error()
}

// Public implements the interface of [text].
func (b *busyError) Public() string {
	if b.cause == nil {
		return b.text
	}
	return b.text + ": " + text(b.cause)
}

// admit lets one more upstream session begin, or says why not. What it lets begin has
// to end in done.
func (p *pool) admit(e *Engine, scope string, now time.Time) error {
	p.mu.Lock()
	if r := p.resting[scope]; r != nil && now.Before(r.until) {
		wait, reason := r.until.Sub(now), r.reason
		p.mu.Unlock()
		return &busyError{http.StatusServiceUnavailable, wait, "it has failed, and is tried again later", reason}
	}
	if len(p.all)+p.started < p.svc.MaxInstances {
		p.started++
		p.mu.Unlock()
		return nil
	}
	var oldest *instance
	for i := range p.all {
		if !i.own && i.idle(now, 0) && (oldest == nil || i.used.Load() < oldest.used.Load()) {
			oldest = i
		}
	}
	if oldest == nil {
		p.mu.Unlock()
		return &busyError{http.StatusTooManyRequests, time.Second, "it has as many sessions as its max_instances allows, and all are in use", nil}
	}
	p.started++
	p.mu.Unlock()
	e.retire(oldest)
	return nil
}

// done ends what admit let begin.
func (p *pool) done(e *Engine, scope string, i *instance, err error) {
	p.mu.Lock()
	p.started--
	retired := p.retired
	if err == nil {
		p.all[i] = struct{}{}
	}
	p.mu.Unlock()
	var refused *jsonrpc.Error
	switch {
	case err == nil && (retired || e.live.Err() != nil):
		e.retire(i)
	case err == nil && i.isDead(): // it has ended before it was here
		e.pools.forget(i)
	case err == nil, errors.As(err, &refused), errors.Is(err, errLegacy), errors.Is(err, context.Canceled):
		// It has started well; or it has said no; or nobody waits any longer.
	default:
		p.fail(scope, err, e.now())
	}
}

// get gives the upstream session of a form, opening it if there is none. Who comes
// meanwhile waits for the same.
func (p *pool) get(ctx context.Context, e *Engine, f form, open func(ctx context.Context) (*instance, error)) (*instance, error) {
	p.mu.Lock()
	o := p.shared[f]
	if o != nil && o.inst != nil && o.inst.isDead() {
		o = nil
	}
	if o != nil {
		p.mu.Unlock()
		select {
		case <-o.done:
			return o.inst, o.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	o = &opening{done: make(chan struct{})}
	p.shared[f] = o
	p.mu.Unlock()
	// Others may wait for it, so that it does not end with the caller who was first.
	opened := func(inst *instance, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		o.inst, o.err = inst, err
		if err != nil {
			delete(p.shared, f)
		}
		close(o.done)
	}
	if !e.spawn(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.limits.Start)
		defer cancel()
		opened(p.start(ctx, e, f.scope, open))
	}) {
		opened(nil, errEnded)
	}
	select {
	case <-o.done:
		return o.inst, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var errEnded = errors.New("the gateway is being shut down")

// start opens an upstream session within the service's bounds.
func (p *pool) start(ctx context.Context, e *Engine, scope string, open func(ctx context.Context) (*instance, error)) (*instance, error) {
	if !e.hold() {
		return nil, errEnded
	}
	defer e.work.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.live, cancel)()
	if err := p.admit(e, scope, e.now()); err != nil {
		return nil, err
	}
	inst, err := open(ctx)
	p.done(e, scope, inst, err)
	return inst, err
}

// isLegacy says whether the server is known not to speak 2026-07-28.
func (p *pool) isLegacy(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.legacy)
}

// legacyFor is how long it is remembered that a server does not speak 2026-07-28.
const legacyFor = 5 * time.Minute

func (p *pool) setLegacy(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.legacy = now.Add(legacyFor)
}
