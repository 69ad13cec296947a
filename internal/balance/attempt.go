package balance

import "time"

// Result is how an attempt ended, as its caller sees it.
type Result int

const (
	// Neutral says nothing about the target: the caller went away, or its request
	// was wrong.
	Neutral Result = iota
	// Success is an answer that came whole.
	Success
	// Failure is the target's fault.
	Failure
	// Limited is a target that works but takes no more for now, such as a 429. It
	// rests, and its breaker takes no notice.
	Limited
)

// Attempt is one call that is made to a target. Its zero value is none, and
// ending that does nothing. It must not be copied after its first use; its
// methods are safe for concurrent use.
type Attempt struct {
	h        *Health
	began    int64
	turn     uint64
	probe    bool // holds one of the target's probes, in its turn
	forced   bool // began although the target was not well
	answered bool
	ended    bool
}

// Begin starts an attempt whatever state the target is in.
func (h *Health) Begin() Attempt {
	a, _ := h.begin(h.reg.clock(), true)
	return a
}

// begin starts an attempt if the target is well, or if it must. Between a look at the
// state and this, another may have taken the probe of a half-open one.
func (h *Health) begin(now int64, force bool) (Attempt, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := Attempt{h: h, began: now, turn: h.turn}
	switch state, _ := h.state(now); {
	case state == HalfOpen:
		a.probe = true
		h.probes.Add(1)
	case state.Well():
	case !force:
		return Attempt{}, false
	default:
		a.forced = true
	}
	h.inFlight.Add(1)
	h.waiting.Add(1)
	return a, true
}

// FirstByte says that a good answer has started. It is optional: without it the
// end of a success counts as its first byte. A long stream should not wait that
// long to show that its target is well again.
func (a *Attempt) FirstByte() {
	if a.h == nil {
		return
	}
	now := a.h.reg.clock()
	a.h.mu.Lock()
	defer a.h.mu.Unlock()
	if !a.ended {
		a.answer(now)
	}
}

// answer notes the first byte, under mu.
func (a *Attempt) answer(now int64) {
	if a.answered {
		return
	}
	h := a.h
	a.answered = true
	h.waiting.Add(-1)
	h.observe(now, now-a.began)
	if a.forced {
		h.restUntil.Store(0)
	}
	if a.turn == h.turn && h.openUntil.Load() != 0 {
		h.close()
		a.turn, a.probe = h.turn, false // how it ends still counts
	}
}

// End ends the attempt. Only the first End counts, so that a deferred
// End(Neutral, 0) covers every early return. retryAfter is how long the target
// asked to be left alone; 0 if it did not. It matters for Failure and Limited.
func (a *Attempt) End(r Result, retryAfter time.Duration) {
	h := a.h
	if h == nil {
		return
	}
	now := h.reg.clock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.ended {
		return
	}
	a.ended = true
	h.inFlight.Add(-1)
	if r == Success {
		a.answer(now)
	}
	if !a.answered {
		h.waiting.Add(-1)
	}
	if a.turn == h.turn {
		a.count(r, now)
	}
	if r == Limited && retryAfter <= 0 {
		retryAfter = h.reg.settings.Rest
	}
	if (r == Limited || r == Failure) && retryAfter > 0 {
		rest := min(retryAfter, h.reg.settings.MaxRest)
		h.restUntil.Store(max(h.restUntil.Load(), now+int64(rest)))
	}
}

// count tells the breaker, under mu.
func (a *Attempt) count(r Result, now int64) {
	h := a.h
	if a.probe {
		h.probes.Add(-1)
	}
	closed := h.openUntil.Load() == 0
	switch {
	case r == Success: // closed, by answer if not before
		h.consecutive = 0
		h.outcomes.add(now, succeeded)
	case r == Failure && closed:
		h.fail(now)
	case r == Failure && a.probe:
		h.open(now)
	}
}
