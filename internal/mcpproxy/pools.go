package mcpproxy

import (
	"context"
	"sync"
	"time"
)

// pools are those of all services.
type pools struct {
	mu        sync.Mutex
	byService map[*Service]*pool
	served    map[*Service]struct{} // nil as long as nobody has said which are
}

// of is the pool of a service. A request that is late may still need that of a service
// which has been changed meanwhile.
func (p *pools) of(svc *Service) *pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	have := p.byService[svc]
	if have == nil {
		have = newPool(svc)
		p.byService[svc] = have
	}
	return have
}

// keep says which services are served.
func (p *pools) keep(e *Engine, served map[string]*Service) {
	p.mu.Lock()
	p.served = make(map[*Service]struct{}, len(served))
	for _, svc := range served {
		p.served[svc] = struct{}{}
	}
	p.mu.Unlock()
	p.clear(e)
}

// clear ends what runs for services that are not served any longer.
func (p *pools) clear(e *Engine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := e.now()
	for svc, have := range p.byService {
		if _, ok := p.served[svc]; ok || p.served == nil {
			continue
		}
		if have.over(now) {
			delete(p.byService, svc)
		} else {
			e.spawn(func() { have.retire(e) })
		}
	}
}

// lateBy is more than a request can be late.
const lateBy = 5 * time.Minute

// over says whether nobody can come any longer for the pool of a service that is not
// served.
func (p *pool) over(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unserved.IsZero() {
		p.unserved = now
	}
	return len(p.all)+p.started == 0 && now.Sub(p.unserved) > lateBy
}

func (p *pools) list() (list []*instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, have := range p.byService {
		list = append(list, have.list()...)
	}
	return list
}

func (p *pools) sweep(e *Engine) {
	p.clear(e)
	for _, i := range p.list() {
		if !i.own() {
			e.retireIdle(i, i.svc.IdleTTL)
		}
	}
}

func (p *pools) close(ctx context.Context) {
	var all sync.WaitGroup
	for _, i := range p.list() {
		all.Go(func() {
			if i.die(time.Time{}, always) {
				i.kill()
				i.close(ctx)
			}
		})
	}
	all.Wait()
}
