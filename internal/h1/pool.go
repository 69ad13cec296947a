package h1

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// pool keeps idle connections. The newest is used first, so that what is not
// needed ages and goes.
type pool struct {
	mu     sync.Mutex
	hosts  map[string][]*conn // the newest last; an emptied list stays for the next
	n      int
	timer  *time.Timer // set while there are any
	closed bool
}

// get takes a connection that the upstream still holds open, if there is one, and
// sets its deadline in the place of its last call's.
func (p *pool) get(addr string, deadline time.Time) *conn {
	for {
		p.mu.Lock()
		list := p.hosts[addr]
		if len(list) == 0 {
			p.mu.Unlock()
			return nil
		}
		c := list[len(list)-1]
		list[len(list)-1] = nil
		p.hosts[addr] = list[:len(list)-1]
		p.n--
		p.mu.Unlock()
		if c.SetDeadline(deadline) == nil && c.quiet() {
			return c
		}
		_ = c.Close()
	}
}

func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.n >= c.t.MaxIdle || len(p.hosts[c.addr]) >= c.t.MaxIdlePerHost {
		_ = c.Close()
		return
	}
	if p.hosts == nil {
		p.hosts = map[string][]*conn{}
	}
	if _, known := p.hosts[c.addr]; !known && len(p.hosts) >= c.t.MaxIdle {
		maps.DeleteFunc(p.hosts, func(_ string, list []*conn) bool { return len(list) == 0 })
	}
	p.hosts[c.addr] = append(p.hosts[c.addr], c)
	p.n++
	if timeout := c.t.IdleTimeout; timeout > 0 {
		c.since = time.Now()
		if p.timer == nil {
			p.timer = time.AfterFunc(timeout, func() { p.expire(timeout) })
		}
	}
}

// expire closes what was idle for too long, and comes again while something is left.
func (p *pool) expire(timeout time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	now := time.Now()
	next := timeout
	for addr, list := range p.hosts {
		old := 0
		for old < len(list) && now.Sub(list[old].since) >= timeout {
			_ = list[old].Close()
			old++
		}
		p.n -= old
		if old == len(list) {
			delete(p.hosts, addr)
			continue
		}
		p.hosts[addr] = slices.Delete(list, 0, old)
		next = min(next, timeout-now.Sub(p.hosts[addr][0].since))
	}
	if p.n == 0 {
		p.timer = nil
		return
	}
	p.timer.Reset(next)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	for _, list := range p.hosts {
		for _, c := range list {
			_ = c.Close()
		}
	}
	p.hosts, p.n = nil, 0
}
