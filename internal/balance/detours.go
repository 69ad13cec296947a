package balance

import (
	"context"
	"sync"
	"time"
)

// Detours bounds the calls that one candidate of a group gets because an attempt at it,
// or at another, has failed: of many clients whose calls all fail, each would go on to the
// next candidate, and all of them together to one after the other. Those that are answered
// cost nothing. It is safe for concurrent use. Make it with [NewDetours].
type Detours struct {
	budget *RetryBudget

	mu      sync.Mutex
	out     int           // of which is not known how they end
	proven  bool          // one of those was answered since the last that failed
	changed chan struct{} // closed and replaced when one of them ends
}

// detourWait is how long a call waits to learn how those before it fare. An upstream that
// refuses does so at once; one that takes longer is at work.
const detourWait = 2 * time.Second

// NewDetours returns those of one of so many candidates, which share the group's ratio.
func NewDetours(candidates int, now func() time.Time) *Detours {
	return &Detours{budget: NewRetryBudget(BudgetSettings{Ratio: 0.2 / float64(max(candidates, 1))}, now), changed: make(chan struct{})}
}

// Call counts a call of the group, wherever it goes first. A nil Detours counts none.
func (d *Detours) Call() {
	if d != nil {
		d.budget.Call()
	}
}

// Begin says whether a call may be made to the candidate that is not its first; if so,
// End must follow. While those under way are all that there may be, it waits for one that
// is answered, upon which all may go. A nil Detours has no bound.
func (d *Detours) Begin(ctx context.Context) bool {
	if d == nil {
		return true
	}
	var patience <-chan time.Time
	for {
		d.mu.Lock()
		switch {
		case d.out > 0 && d.proven, d.budget.left() > d.out:
			d.out++
			d.mu.Unlock()
			return true
		case d.out == 0:
			d.mu.Unlock()
			return false
		}
		changed := d.changed
		d.mu.Unlock()
		if patience == nil {
			t := time.NewTimer(detourWait)
			defer t.Stop()
			patience = t.C
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		case <-patience:
			d.mu.Lock()
			d.out++
			d.mu.Unlock()
			return true
		}
	}
}

// End says whether the call was answered.
func (d *Detours) End(answered bool) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out--
	d.proven = answered && d.out > 0
	if !answered {
		d.budget.spend()
	}
	close(d.changed)
	d.changed = make(chan struct{})
}
