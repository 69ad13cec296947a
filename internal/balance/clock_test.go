package balance_test

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/balance"
)

// clock stands still until it is told to advance.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// dice are the same in every run. They are for one goroutine.
func dice() func() float64 { return rand.New(rand.NewPCG(1, 2)).Float64 }

func key(name string) balance.Key { return balance.Key{Provider: name, Model: "m"} }

func end(h *balance.Health, results ...balance.Result) {
	for _, r := range results {
		a := h.Begin()
		a.End(r, 0)
	}
}

func times(n int, r balance.Result) []balance.Result {
	list := make([]balance.Result, n)
	for i := range list {
		list[i] = r
	}
	return list
}
