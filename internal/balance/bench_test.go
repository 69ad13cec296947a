package balance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/balance"
)

func TestAllocations(t *testing.T) {
	for _, s := range []balance.Strategy{balance.Weighted, balance.LeastLatency} {
		g, err := balance.NewRegistry(balance.Settings{}, nil, nil).NewGroup(s, candidates(w(5), w(3), w(2)))
		require.NoError(t, err)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { call(g) }), 1.0)
	}
}

func call(g *balance.Group) {
	o := g.Order(nobody)
	_, a, _ := o.Next()
	a.End(success, 0)
}

func BenchmarkCall(b *testing.B) {
	for _, s := range []balance.Strategy{balance.Weighted, balance.Priority, balance.RoundRobin, balance.LeastLatency, balance.LeastBusy} {
		g, err := balance.NewRegistry(balance.Settings{}, nil, nil).NewGroup(s, candidates(w(5), w(3), w(2)))
		require.NoError(b, err)
		b.Run(string(s), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call(g)
			}
		})
		b.Run(string(s)+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					call(g)
				}
			})
		})
	}
}

// Two looks at the clock are in each call.
func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		_ = time.Now()
	}
}
