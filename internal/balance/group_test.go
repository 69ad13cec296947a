package balance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/balance"
)

var nobody balance.Key

// candidates are named a, b, c, …
func candidates(list ...balance.Candidate) []balance.Candidate {
	for i := range list {
		list[i].Key = key(string(rune('a' + i)))
	}
	return list
}

func group(t *testing.T, s balance.Strategy, list ...balance.Candidate) (*balance.Group, *clock) {
	t.Helper()
	c := newClock()
	g, err := balance.NewRegistry(balance.Settings{}, c.now, dice()).NewGroup(s, candidates(list...))
	require.NoError(t, err)
	return g, c
}

// picks counts who comes first, and writes who did.
func picks(g *balance.Group, n int) (counts [4]int, run string) {
	for range n {
		first := g.Order(nobody).Index[0]
		counts[first]++
		run += string(rune('a' + first))
	}
	return counts, run
}

func down(h *balance.Health) { end(h, times(5, failure)...) }

func rest(h *balance.Health, d time.Duration) {
	a := h.Begin()
	a.End(limited, d)
}

func answers(h *balance.Health, c *clock, d time.Duration) {
	a := h.Begin()
	c.advance(d)
	a.End(success, 0)
}

func w(weight int) balance.Candidate   { return balance.Candidate{Weight: weight} }
func p(priority int) balance.Candidate { return balance.Candidate{Priority: priority} }

func TestWhatNewGroupRefuses(t *testing.T) {
	r := balance.NewRegistry(balance.Settings{}, nil, nil)
	for want, tc := range map[string]struct {
		strategy balance.Strategy
		list     []balance.Candidate
	}{
		`strategy is "random"; it must be auto, weighted, priority, round_robin, least_latency or least_busy`: {"random", candidates(w(1))},
		`candidates is empty; a logical model needs at least one`:                                             {"auto", nil},
		`candidates[1].weight is -1; it must be from 0, which means 1, to 2147483647`:                         {"", candidates(w(1), w(-1))},
		`candidates[1] is the same target as candidates[0]; give that one more weight`:                        {"", []balance.Candidate{{Key: key("a")}, {Key: key("a")}}},
		`candidates[2].default is set, and so is that of candidates[0]; one can be the default`:               {"", candidates(balance.Candidate{Default: true}, w(1), balance.Candidate{Default: true})},
	} {
		_, err := r.NewGroup(tc.strategy, tc.list)
		require.EqualError(t, err, want)
	}
}

func TestExactShares(t *testing.T) {
	for name, tc := range map[string]struct {
		strategy balance.Strategy
		list     []balance.Candidate
		run      string // repeated
	}{
		"weighted":               {balance.Weighted, []balance.Candidate{w(5), w(1), w(1)}, "aabacaa"},
		"auto":                   {"auto", []balance.Candidate{w(2), w(1)}, "aba"},
		"no name":                {"", []balance.Candidate{w(0), w(0), w(0)}, "abc"},
		"no weight is one":       {balance.Weighted, []balance.Candidate{w(0), w(2)}, "bab"},
		"the default is first":   {balance.Weighted, []balance.Candidate{w(1), {Default: true}, w(1)}, "bac"},
		"round robin":            {balance.RoundRobin, []balance.Candidate{w(9), w(1), w(0)}, "abc"},
		"the highest priority":   {balance.Priority, []balance.Candidate{p(1), p(7), p(-3)}, "b"},
		"equal priorities":       {balance.Priority, []balance.Candidate{p(-1), {Weight: 2}, p(0), p(-1)}, "bcb"},
		"least busy when idle":   {balance.LeastBusy, []balance.Candidate{w(3), w(1)}, "aaba"},
		"one":                    {balance.LeastLatency, []balance.Candidate{w(3)}, "a"},
		"more than on the stack": {balance.RoundRobin, make([]balance.Candidate, 11), "abcdefghijk"},
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := group(t, tc.strategy, tc.list...)
			for range 3 {
				run := ""
				for range tc.run {
					o := g.Order(nobody)
					require.Len(t, o.Index, len(tc.list))
					run += string(rune('a' + o.Index[0]))
				}
				require.Equal(t, tc.run, run)
			}
		})
	}
}

func TestSharesOfThoseThatAreWell(t *testing.T) {
	g, c := group(t, balance.Weighted, w(5), w(3), w(2))
	rest(g.Health(1), time.Minute)
	counts, _ := picks(g, 70)
	require.Equal(t, [4]int{50, 0, 20}, counts)
	c.advance(time.Minute)
	counts, _ = picks(g, 100)
	require.Equal(t, [4]int{50, 30, 20}, counts, "nobody makes up for what it missed")

	g, _ = group(t, balance.RoundRobin, w(0), w(0), w(0))
	rest(g.Health(1), time.Minute)
	counts, _ = picks(g, 60)
	require.Equal(t, [4]int{30, 0, 30}, counts, "its neighbour does not get it all")
}

func TestFallbacks(t *testing.T) {
	t.Run("weighted ones are drawn by weight", func(t *testing.T) {
		g, _ := group(t, balance.Weighted, w(1000000), w(3), w(1))
		var second [3]int
		for range 4000 {
			second[g.Order(nobody).Index[1]]++
		}
		require.InDelta(t, 3000, second[1], 100)
		require.InDelta(t, 1000, second[2], 100)
	})
	t.Run("round robin goes on", func(t *testing.T) {
		g, _ := group(t, balance.RoundRobin, w(0), w(0), w(0))
		require.Equal(t, []int{0, 1, 2}, g.Order(nobody).Index)
		require.Equal(t, []int{1, 2, 0}, g.Order(nobody).Index)
	})
	t.Run("priorities descend", func(t *testing.T) {
		g, _ := group(t, balance.Priority, p(1), p(3), p(2))
		require.Equal(t, []int{1, 2, 0}, g.Order(nobody).Index)
		rest(g.Health(1), time.Second)
		require.Equal(t, []int{2, 0, 1}, g.Order(nobody).Index)
	})
	t.Run("the unwell are last, the open ones of all", func(t *testing.T) {
		g, _ := group(t, balance.Priority, p(4), p(3), p(2), p(1))
		down(g.Health(0))
		rest(g.Health(1), 9*time.Second)
		rest(g.Health(2), 5*time.Second)
		o := g.Order(nobody)
		require.Equal(t, []int{3, 2, 1, 0}, o.Index)
		require.Equal(t, 1, o.Well)
	})
}

func TestLeastBusy(t *testing.T) {
	g, _ := group(t, balance.LeastBusy, w(1), w(2), w(1))
	a := g.Health(0).Begin()
	b := g.Health(2).Begin()
	g.Health(2).Begin()
	require.Equal(t, []int{1, 0, 2}, g.Order(nobody).Index)
	g.Health(1).Begin()
	g.Health(1).Begin()
	require.Equal(t, []int{0, 1, 2}, g.Order(nobody).Index, "the heavier of the equal ones")
	b.End(success, 0)
	b.End(success, 0)
	a.End(neutral, 0)
	require.Equal(t, []int{0, 2, 1}, g.Order(nobody).Index)
}

func TestLeastLatency(t *testing.T) {
	g, c := group(t, balance.LeastLatency, w(0), w(0))
	answers(g.Health(0), c, 4*time.Second)
	require.Equal(t, []int{1, 0}, g.Order(nobody).Index, "one without data is tried")
	answers(g.Health(1), c, time.Second)
	for range 10 {
		require.Equal(t, []int{1, 0}, g.Order(nobody).Index)
	}
	for range 20 { // the slow one is left alone for two half-lives and a bit
		answers(g.Health(1), c, time.Second)
	}
	require.Equal(t, []int{0, 1}, g.Order(nobody).Index, "and tried again")
	slow := g.Health(0).Begin()
	require.Equal(t, []int{1, 0}, g.Order(nobody).Index, "by one call at a time")
	c.advance(4 * time.Second)
	slow.FirstByte()
	require.Equal(t, []int{1, 0}, g.Order(nobody).Index)
}

func TestABurstDoesNotFollowATry(t *testing.T) {
	g, c := group(t, balance.LeastLatency, w(0), w(0))
	answers(g.Health(0), c, time.Second)
	var tried int
	for range 50 {
		o := g.Order(nobody)
		i, _, ok := o.Next()
		require.True(t, ok)
		tried += i
	}
	require.Equal(t, 1, tried, "calls to the one without data, while none has an answer")
}

func TestLeastLatencyDrawsTwo(t *testing.T) {
	g, c := group(t, balance.LeastLatency, w(0), w(0), w(0), w(0))
	for i := range 4 {
		a := g.Health(i).Begin()
		c.advance(time.Duration(i+1) * time.Second)
		a.End(success, 0)
	}
	for i := range 4 { // so that no average fades
		g.Health(i).Begin()
	}
	counts, _ := picks(g, 6000)
	for i, want := range []float64{3000, 2000, 1000, 0} { // of 6 pairs
		require.InDelta(t, want, counts[i], 150)
	}
}
