package balance

import (
	"math"
	"time"
)

// Status is a Health at one moment.
type Status struct {
	State    State
	Wait     time.Duration // until the target may be well; 0 if it is
	InFlight int
	Latency  time.Duration // decayed average to the first byte; 0 without data
}

// Status returns what is known now.
func (h *Health) Status() Status {
	now := h.reg.clock()
	state, due := h.state(now)
	return Status{state, time.Duration(due - now), int(h.inFlight.Load()), time.Duration(math.Float64frombits(h.mean.Load()))}
}

// TryBegin starts an attempt if the target is well.
func (h *Health) TryBegin() (Attempt, bool) { return h.begin(h.reg.clock(), false) }

// Health returns that of the candidate with this index.
func (g *Group) Health(i int) *Health { return g.healths[i] }
