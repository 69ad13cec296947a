package mcpproxy

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

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
