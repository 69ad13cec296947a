package balance

import (
	"sync"
	"time"
)

// BudgetSettings bound retries. A field that is zero means its default.
type BudgetSettings struct {
	// Ratio is how many retries there may be for each call, over Window; defaults
	// 0.2 and 10 s. Less than 0 means none.
	Ratio  float64
	Window time.Duration
	// Floor is how many retries a window may have however few its calls were, so
	// that a quiet service can retry at all; default 3. Less than 0 means none.
	Floor int
}

const (
	budgetSlots = 10 // in a window
	// budgetMemory is how many windows a burst is remembered for. Its retries may
	// come long after it: without that each later window would give them its
	// floor, and together they would exceed the ratio.
	budgetMemory = 6
)

// RetryBudget bounds the calls that are made again by those that are made at
// all, so that many clients whose calls all fail do not multiply the load of an
// upstream. It is safe for concurrent use. Make it with [NewRetryBudget].
type RetryBudget struct {
	ratio, floor float64
	now          func() time.Time
	epoch        time.Time

	mu     sync.Mutex
	counts window
}

const (
	calls = iota
	retries
)

// NewRetryBudget returns a budget of which nothing is spent. A nil now means
// time.Now.
func NewRetryBudget(s BudgetSettings, now func() time.Time) *RetryBudget {
	if now == nil {
		now = time.Now
	}
	if s.Ratio == 0 {
		s.Ratio = 0.2
	}
	if s.Floor == 0 {
		s.Floor = 3
	}
	set(&s.Window, 10*time.Second)
	return &RetryBudget{
		ratio: max(s.Ratio, 0), floor: float64(max(s.Floor, 0)), now: now, epoch: now(),
		counts: newWindow(s.Window*budgetMemory, budgetSlots*budgetMemory),
	}
}

// Call counts the first try of a call.
func (b *RetryBudget) Call() {
	now := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts.add(now, calls)
}

// Retry says whether a call may be made again, and counts it if so.
func (b *RetryBudget) Retry() bool {
	now := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leftAt(now) < 1 {
		return false
	}
	b.counts.add(now, retries)
	return true
}

// leftAt is how many retries there may be, under mu.
func (b *RetryBudget) leftAt(now int64) int {
	recent := b.counts.sum(now, budgetSlots)
	past := b.counts.sum(now, budgetSlots*budgetMemory)
	left := max(b.floor, b.earned(recent)) - float64(recent[retries])
	// The floor is in place of what was earned, not on top of it, and only where
	// little was.
	if earned := b.earned(past); earned >= b.floor {
		left = min(left, earned-float64(past[retries]))
	}
	return int(left)
}

func (b *RetryBudget) left() int {
	now := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.leftAt(now)
}

// spend counts a retry that was made on credit.
func (b *RetryBudget) spend() {
	now := b.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts.add(now, retries)
}

// earned allows for the ratio's rounding: 0.29 of 100 is 29.
func (b *RetryBudget) earned(counts [2]int) float64 { return b.ratio*float64(counts[calls]) + 1e-9 }

func (b *RetryBudget) clock() int64 { return int64(b.now().Sub(b.epoch)) }
