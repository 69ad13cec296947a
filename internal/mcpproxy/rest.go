package mcpproxy

import (
	"maps"
	"time"
)

// rest is for how long nothing is started.
type rest struct {
	failures int // one after the other
	until    time.Time
	reason   error
}

// shortLife is how long an upstream session has to last not to count as a failed start.
const shortLife = 5 * time.Second

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

// hasBegun says whether a session has begun on the service.
func (p *pool) hasBegun() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun
}

// noAnswer notes that the server has not answered whether it speaks 2026-07-28. Where it
// is known to start and to have sessions, that says enough.
func (p *pool) noAnswer(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent = true; p.begun {
		p.legacy = now.Add(legacyFor)
	}
}

// sessionBegun notes that a session has begun.
func (p *pool) sessionBegun(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun = true; p.silent {
		p.silent, p.legacy = false, now.Add(legacyFor)
	}
}
