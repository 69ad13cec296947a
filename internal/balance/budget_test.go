package balance_test

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/internal/balance"
)

// However the calls come and however late their retries, a hundred calls that
// all fail make at most 120.
func TestRetryBudgetBoundsABurst(t *testing.T) {
	const clients, tries = 100, 3
	for name, pause := range map[string]struct{ between, before time.Duration }{
		"all at once":         {},
		"late retries":        {0, 7 * time.Second},
		"later than a window": {0, 14 * time.Second},
		"a ramp":              {100 * time.Millisecond, 0},
		"a slow one":          {time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			b := balance.NewRetryBudget(balance.BudgetSettings{}, c.now)
			upstream := 0
			tryAgain := func(waiting int) (still int) {
				for range waiting {
					if b.Retry() {
						upstream++
						still++
					}
				}
				return still
			}
			waiting := 0
			for range clients {
				b.Call()
				upstream++
				c.advance(pause.between)
				if pause.between > 0 {
					for again := 1; again < tries && tryAgain(1) > 0; again++ {
					}
				} else {
					waiting++
				}
			}
			for range tries - 1 {
				c.advance(pause.before)
				waiting = tryAgain(waiting)
			}
			require.LessOrEqual(t, upstream, 120)
			require.Greater(t, upstream, 105, "retries are allowed") // late ones have the floor alone
		})
	}
}

func TestRetryBudgetConcurrently(t *testing.T) {
	c := newClock()
	b := balance.NewRetryBudget(balance.BudgetSettings{}, c.now)
	var upstream atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			b.Call()
			upstream.Add(1)
			for try := 1; try < 3 && b.Retry(); try++ {
				upstream.Add(1)
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, upstream.Load(), int64(120))
}

func TestRetryBudgetOfAQuietService(t *testing.T) {
	c := newClock()
	b := balance.NewRetryBudget(balance.BudgetSettings{}, c.now)
	for range 20 { // one call a window; all of its retries are allowed
		b.Call()
		for range 3 {
			require.True(t, b.Retry())
		}
		require.False(t, b.Retry())
		c.advance(10 * time.Second)
	}
}

func TestRetryBudgetSettings(t *testing.T) {
	for name, tc := range map[string]struct {
		settings balance.BudgetSettings
		calls    int
		want     int
	}{
		"the default":      {balance.BudgetSettings{}, 1000, 200},
		"no calls":         {balance.BudgetSettings{}, 0, 3},
		"fifteen calls":    {balance.BudgetSettings{}, 15, 3},
		"rounding":         {balance.BudgetSettings{Ratio: 0.29}, 100, 29},
		"no floor":         {balance.BudgetSettings{Floor: -1}, 4, 0},
		"only a floor":     {balance.BudgetSettings{Ratio: -1, Floor: 7}, 1000, 7},
		"none whatsoever":  {balance.BudgetSettings{Ratio: -1, Floor: -1}, 1000, 0},
		"more than enough": {balance.BudgetSettings{Ratio: 2}, 100, 200},
	} {
		t.Run(name, func(t *testing.T) {
			b := balance.NewRetryBudget(tc.settings, newClock().now)
			for range tc.calls {
				b.Call()
			}
			got := 0
			for got < 10_000 && b.Retry() {
				got++
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestRetryBudgetRecovers(t *testing.T) {
	c := newClock()
	b := balance.NewRetryBudget(balance.BudgetSettings{}, c.now)
	for range 3 {
		got := 0
		for range 100 {
			b.Call()
			if b.Retry() {
				got++
			}
		}
		require.Equal(t, 20, got)
		c.advance(10 * time.Second)
	}
}

func TestBackoff(t *testing.T) {
	const s = time.Second
	all := func() float64 { return math.Nextafter(1, 0) }
	for name, tc := range map[string]struct {
		base, limit time.Duration
		attempt     int
		want        time.Duration
	}{
		"the first":            {s, time.Minute, 0, s},
		"the third":            {s, time.Minute, 2, 4 * s},
		"the limit":            {s, 30 * s, 5, 30 * s},
		"far beyond":           {s, 30 * s, math.MaxInt, 30 * s},
		"before the first":     {s, 30 * s, -1, s},
		"no limit to speak of": {s, math.MaxInt64, 500, math.MaxInt64},
		"a base over it":       {time.Minute, s, 0, s},
		"no base":              {0, s, 3, 0},
		"less than no base":    {-s, s, 3, 0},
		"no wait":              {s, 0, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := balance.Backoff(tc.base, tc.limit, tc.attempt, all)
			require.InDelta(t, tc.want.Seconds(), got.Seconds(), tc.want.Seconds()*1e-6)
			require.GreaterOrEqual(t, got, time.Duration(0))
			require.Zero(t, balance.Backoff(tc.base, tc.limit, tc.attempt, func() float64 { return 0 }))
		})
	}
}
