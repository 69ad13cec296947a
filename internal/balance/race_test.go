package balance_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/balance"
)

// Whatever happens, and however often an attempt is ended, nothing stays in
// flight, and no more probes are under way than allowed.
func TestManyGoroutines(t *testing.T) {
	for _, s := range []balance.Strategy{balance.Weighted, balance.Priority, balance.RoundRobin, balance.LeastLatency, balance.LeastBusy} {
		t.Run(string(s), func(t *testing.T) {
			c := newClock()
			r := balance.NewRegistry(balance.Settings{}, c.now, nil)
			list := candidates(w(3), w(1), w(1), w(0))
			g, err := r.NewGroup(s, list)
			require.NoError(t, err)
			budget := balance.NewRetryBudget(balance.BudgetSettings{}, c.now)
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					for range 300 {
						budget.Call()
						o := g.Order(key([]string{"a", "", "z"}[rand.IntN(3)]))
						for {
							i, a, ok := o.Next()
							if !ok {
								break
							}
							if rand.IntN(2) == 0 {
								a.FirstByte()
							}
							c.advance(time.Duration(rand.IntN(30)) * time.Millisecond)
							var both sync.WaitGroup
							for range 2 {
								both.Go(func() { a.End(balance.Result(rand.IntN(4)), time.Duration(rand.IntN(50))*time.Millisecond) })
							}
							both.Wait()
							_ = g.Health(i).Status()
							if !budget.Retry() {
								break
							}
						}
						if rand.IntN(50) == 0 {
							r.Keep([]balance.Key{list[0].Key, list[1].Key})
							_, _ = r.NewGroup(s, list)
						}
					}
				})
			}
			wg.Wait()
			for i := range list {
				require.Zero(t, g.Health(i).Status().InFlight)
			}
			// A probe that was lost would keep a target away for good.
			c.advance(time.Hour)
			require.Equal(t, len(list), g.Order(nobody).Well)
			for i := range list {
				end(g.Health(i), success)
				require.Equal(t, balance.Closed, g.Health(i).Status().State)
			}
		})
	}
}

func TestOneProbeAmongMany(t *testing.T) {
	h, c := one(balance.Settings{})
	down(h)
	c.advance(time.Second)
	var began atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, ok := h.TryBegin(); ok {
				began.Add(1)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(1), began.Load())
}

func TestSharesAreExactConcurrently(t *testing.T) {
	r := balance.NewRegistry(balance.Settings{}, nil, nil)
	g, err := r.NewGroup(balance.Weighted, candidates(w(5), w(3), w(2)))
	require.NoError(t, err)
	var counts [3]atomic.Int64
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 100 {
				counts[g.Order(nobody).Index[0]].Add(1)
			}
		})
	}
	wg.Wait()
	require.Equal(t, []int64{500, 300, 200}, []int64{counts[0].Load(), counts[1].Load(), counts[2].Load()})
}
