package balance

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// State is how a target is at one moment.
type State int

// The states, the best first.
const (
	// Closed is a target that works, as far as is known.
	Closed State = iota
	// HalfOpen is a target that failed and whose cool-down is over: a probe may
	// show whether it works again.
	HalfOpen
	// Probing is half-open while every probe that is allowed is under way.
	Probing
	// Resting is a target that asked to be left alone.
	Resting
	// Open is a target that failed too often, while it cools down.
	Open
)

// Well says that a call may go there.
func (s State) Well() bool { return s <= HalfOpen }

func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case HalfOpen, Probing:
		return "half_open"
	case Resting:
		return "resting"
	}
	return "open"
}

// outcomeSlots divide the window over which failures are counted.
const outcomeSlots = 30

// Health is what is known of one target. It comes from [Registry.Health] and is
// safe for concurrent use.
type Health struct {
	reg *Registry

	// These are written under mu, and read without it when a call is placed.
	inFlight  atomic.Int64
	waiting   atomic.Int64 // those in flight without a first byte
	openUntil atomic.Int64 // 0 while the breaker is closed
	restUntil atomic.Int64
	probes    atomic.Int64
	mean      atomic.Uint64 // bits of a float64, nanoseconds; 0 without data
	sampled   atomic.Int64  // when mean was last fed

	mu sync.Mutex
	// turn counts how often the breaker has opened and closed. An attempt from
	// before the last time says nothing about the target as it is now.
	turn        uint64
	consecutive int
	cooldown    time.Duration // the next one
	outcomes    window
	sum, weight float64 // of latencies, faded to sampled
}

const (
	succeeded = iota
	failed
)

func newHealth(r *Registry) *Health {
	return &Health{reg: r, cooldown: r.settings.Cooldown, outcomes: newWindow(r.settings.Window, outcomeSlots)}
}

// state is how the target is, and when it may be well.
func (h *Health) state(now int64) (s State, due int64) {
	open, rest := h.openUntil.Load(), h.restUntil.Load()
	switch {
	case now < open:
		return Open, max(open, rest)
	case now < rest:
		return Resting, rest
	case open == 0:
		return Closed, now
	case h.probes.Load() < int64(h.reg.settings.Probes):
		return HalfOpen, now
	}
	return Probing, now
}

// expected is the latency that a call would see, for comparison. The average of
// a target that is left alone fades, and one without data has none: both count
// as fast so that they are tried. While such a try waits for its answer it is
// not fast any more, else a burst would follow it to a target that may be slow.
func (h *Health) expected(now int64) float64 {
	mean := math.Float64frombits(h.mean.Load())
	switch {
	case h.waiting.Load() == 0:
		return mean * h.fade(now-h.sampled.Load())
	case mean == 0:
		return math.Inf(1)
	}
	return mean
}

func (h *Health) fade(age int64) float64 {
	if age <= 0 {
		return 1
	}
	return math.Exp(-math.Ln2 * float64(age) / float64(h.reg.settings.HalfLife))
}

// observe feeds the average, under mu. Each sample's weight fades by its age
// alone, so that of many at one instant all count.
func (h *Health) observe(now, latency int64) {
	keep := h.fade(now - h.sampled.Load())
	h.sum = h.sum*keep + float64(max(latency, 1)) // 0 would be no data
	h.weight = h.weight*keep + 1
	h.mean.Store(math.Float64bits(h.sum / h.weight))
	h.sampled.Store(max(now, h.sampled.Load()))
}

// fail counts a failure while the breaker is closed, under mu.
func (h *Health) fail(now int64) {
	s := &h.reg.settings
	h.consecutive++
	h.outcomes.add(now, failed)
	if h.consecutive >= s.Failures {
		h.open(now)
		return
	}
	sums := h.outcomes.sum(now, outcomeSlots)
	all := sums[succeeded] + sums[failed]
	if all >= s.MinCalls && float64(sums[failed]) >= s.FailureRatio*float64(all) {
		h.open(now)
	}
}

// open opens the breaker, for the first time or after a probe, under mu.
func (h *Health) open(now int64) {
	h.shift(now + int64(h.cooldown))
	h.cooldown = min(h.cooldown, h.reg.settings.MaxCooldown/2) * 2
}

// close closes the breaker, under mu.
func (h *Health) close() {
	h.shift(0)
	h.cooldown = h.reg.settings.Cooldown
}

func (h *Health) shift(openUntil int64) {
	h.turn++
	h.openUntil.Store(openUntil)
	h.probes.Store(0)
	h.consecutive = 0
	h.outcomes.reset()
}
