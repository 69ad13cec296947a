package balance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/balance"
)

func TestAffinity(t *testing.T) {
	for _, s := range []balance.Strategy{balance.Weighted, balance.Priority, balance.RoundRobin, balance.LeastBusy, balance.LeastLatency} {
		g, c := group(t, s, p(2), p(1), p(0))
		require.Equal(t, 2, g.Order(key("c")).Index[0], s)
		require.Len(t, g.Order(key("elsewhere")).Index, 3, s)
		rest(g.Health(2), time.Second)
		require.NotEqual(t, 2, g.Order(key("c")).Index[0], "%s: it is not well", s)
		c.advance(time.Second)
		require.Equal(t, 2, g.Order(key("c")).Index[0], s)
	}
	g, _ := group(t, balance.Weighted, w(2), w(1))
	run := ""
	for range 6 {
		require.Equal(t, 1, g.Order(key("b")).Index[0])
		_, r := picks(g, 1)
		run += r
	}
	require.Equal(t, "abaaba", run, "the turns of other calls stay")
}

func TestNext(t *testing.T) {
	walk := func(o balance.Order) (tried []int) {
		for {
			i, a, ok := o.Next()
			if !ok {
				return tried
			}
			tried = append(tried, i)
			a.End(neutral, 0)
		}
	}
	g, c := group(t, balance.Priority, p(3), p(2), p(1))
	require.Equal(t, []int{0, 1, 2}, walk(g.Order(nobody)))
	down(g.Health(1))
	require.Equal(t, []int{0, 2}, walk(g.Order(nobody)), "open ones are passed over")
	rest(g.Health(0), 3*time.Second)
	rest(g.Health(2), 2*time.Second)
	o := g.Order(nobody)
	require.Zero(t, o.Well)
	require.Equal(t, []int{2}, walk(o), "where nothing is well there is one try")

	c.advance(time.Second)
	first, second := g.Order(nobody), g.Order(nobody)
	require.Equal(t, 1, first.Well)
	i, probe, ok := first.Next()
	require.True(t, ok)
	require.Equal(t, 1, i)
	require.Equal(t, 1, second.Well, "it was, then")
	require.Equal(t, []int{1}, walk(second))
	require.Zero(t, g.Order(nobody).Well)
	probe.End(success, 0)
	require.Equal(t, []int{1}, walk(g.Order(nobody)))

	var none balance.Order
	require.Empty(t, walk(none))
}

func TestTheDefaultWhenNothingIsWell(t *testing.T) {
	g, _ := group(t, balance.Priority, p(3), p(2), balance.Candidate{Default: true})
	require.Equal(t, []int{0, 1, 2}, g.Order(nobody).Index)
	for i := range 3 {
		rest(g.Health(i), time.Duration(i+1)*time.Second)
	}
	require.Equal(t, []int{2, 0, 1}, g.Order(nobody).Index)
}
