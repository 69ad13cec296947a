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

// opening is an upstream session that is being opened, or was.
type opening struct {
	done chan struct{}
	inst *instance
	err  error
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
