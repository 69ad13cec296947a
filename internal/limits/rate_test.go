package limits

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRequestsPerMinute(t *testing.T) {
	for _, limit := range []int64{1, 7, 10, 60, 999} {
		c := newClock()
		k := keeper(t, nil, c)
		p := one(Policy{RPM: limit})
		for range limit {
			reserve(t, k, p, Estimate{}).Settle(Estimate{})
		}
		refusal := refused(t, k, p, Estimate{}, Requests, Exceeded)
		require.Equal(t, "key:a", refusal.Subject)
		require.Equal(t, limit, refusal.Max)
		require.Zero(t, refusal.Remaining)
		require.Equal(t, epoch.Add(time.Minute), refusal.Reset)
		require.Equal(t, time.Duration((60e9+limit-1)/limit), refusal.RetryAfter)

		c.Add(refusal.RetryAfter - 1)
		refused(t, k, p, Estimate{}, Requests, Exceeded)
		c.Add(1)
		reserve(t, k, p, Estimate{}).Cancel()
		refused(t, k, p, Estimate{}, Requests, Exceeded) // a cancelled request counts
		c.Add(time.Minute)
		require.EqualValues(t, 0, usage(t, k, p[0].Policy, Requests).Used)
		require.Equal(t, c.Now(), usage(t, k, p[0].Policy, Requests).Reset)
	}
}

func TestTokensPerMinute(t *testing.T) {
	c := newClock()
	k := keeper(t, nil, c)
	p := Policy{TPM: 1000}
	refused(t, k, one(p), Estimate{Tokens: 1001}, Tokens, TooLarge)

	big := reserve(t, k, one(p), Estimate{Tokens: 1000})
	refusal := refused(t, k, one(p), Estimate{Tokens: 100}, Tokens, Exceeded)
	require.Equal(t, 6*time.Second, refusal.RetryAfter)
	big.Settle(Estimate{Tokens: 400})
	require.EqualValues(t, 600, usage(t, k, p, Tokens).Remaining)

	reserve(t, k, one(p), Estimate{Tokens: 600}).Settle(Estimate{Tokens: 1600}) // 1000 of debt
	require.EqualValues(t, 2000, usage(t, k, p, Tokens).Used)
	reserve(t, k, one(p), Estimate{}).Cancel() // what uses no tokens is not held up
	refusal = refused(t, k, one(p), Estimate{Tokens: 1}, Tokens, Exceeded)
	require.Equal(t, time.Minute+60*time.Millisecond, refusal.RetryAfter)
	c.Add(refusal.RetryAfter)
	reserve(t, k, one(p), Estimate{Tokens: 1}).Settle(Estimate{Tokens: 1})
}

// What time has given back is not given back again by the settlement.
func TestTokensAreRefundedOnce(t *testing.T) {
	c := newClock()
	k := keeper(t, nil, c)
	p := Policy{TPM: 600} // ten a second
	first := reserve(t, k, one(p), Estimate{Tokens: 300})
	c.Add(20 * time.Second)
	second := reserve(t, k, one(p), Estimate{Tokens: 500}) // 100 of the first are left
	require.EqualValues(t, 600, usage(t, k, p, Tokens).Used)
	first.Settle(Estimate{})
	require.EqualValues(t, 500, usage(t, k, p, Tokens).Used)
	c.Add(time.Second)
	second.Settle(Estimate{Tokens: 490})
	require.EqualValues(t, 480, usage(t, k, p, Tokens).Used)
	third := reserve(t, k, one(p), Estimate{Tokens: 100})
	c.Add(time.Hour)
	reserve(t, k, one(p), Estimate{Tokens: 600})
	third.Cancel()
	refused(t, k, one(p), Estimate{Tokens: 1}, Tokens, Exceeded)
}

func TestConcurrency(t *testing.T) {
	k := keeper(t, nil, newClock())
	p := Policy{Concurrency: 2}
	a, b := reserve(t, k, one(p), Estimate{}), reserve(t, k, one(p), Estimate{})
	require.Positive(t, refused(t, k, one(p), Estimate{}, Concurrency, Exceeded).RetryAfter)
	require.EqualValues(t, 2, usage(t, k, p, Concurrency).Used)
	a.Settle(Estimate{})
	a.Settle(Estimate{})
	a.Cancel()
	c := reserve(t, k, one(p), Estimate{})
	refused(t, k, one(p), Estimate{}, Concurrency, Exceeded)
	b.Cancel()
	c.Cancel()
	require.EqualValues(t, 0, usage(t, k, p, Concurrency).Used)
}

// The limit may change at any time; what is used stays.
func TestLimitsChange(t *testing.T) {
	c := newClock()
	k := keeper(t, nil, c)
	for range 10 {
		reserve(t, k, one(Policy{RPM: 10}), Estimate{}).Cancel()
	}
	for range 10 {
		reserve(t, k, one(Policy{RPM: 20}), Estimate{}).Cancel()
	}
	refusal := refused(t, k, one(Policy{RPM: 5}), Estimate{}, Requests, Exceeded)
	require.Equal(t, (20-4)*12*time.Second, refusal.RetryAfter)
	require.EqualValues(t, 20, usage(t, k, Policy{RPM: 5}, Requests).Used)

	day := func(n int64) Policy { return Policy{Budget: Budget{Tokens: n, Period: Day}} }
	spend(t, k, day(100), 50)
	refused(t, k, one(day(49)), costs(1), BudgetTokens, Exceeded)
	spend(t, k, day(51), 1)
	refused(t, k, one(day(51)), costs(1), BudgetTokens, Exceeded)
	spend(t, k, day(1000), 900)
	require.EqualValues(t, 951, usage(t, k, day(1000), BudgetTokens).Used)
}

func TestRatesAndTheClock(t *testing.T) {
	c := newClock()
	k := keeper(t, nil, c)
	p := one(Policy{RPM: 1})
	reserve(t, k, p, Estimate{}).Cancel()
	c.Add(-24 * time.Hour)
	refused(t, k, p, Estimate{}, Requests, Exceeded)
	c.Add(30 * time.Second)
	refused(t, k, p, Estimate{}, Requests, Exceeded)
	c.Add(30 * time.Second)
	reserve(t, k, p, Estimate{}).Cancel()
}

func TestHugeNumbers(t *testing.T) {
	c := newClock()
	k := keeper(t, nil, c)
	p := Policy{RPM: math.MaxInt64, TPM: math.MaxInt64, Concurrency: math.MaxInt64, Budget: Budget{math.MaxInt64, math.MaxInt64, Total}}
	huge := costs(math.MaxInt64)
	reserve(t, k, one(p), huge).Settle(huge)
	refused(t, k, one(p), costs(1), Tokens, Exceeded)
	for range 5 {
		reserve(t, k, one(p), costs(0)).Settle(huge)
	}
	quiesce(k)
	for _, l := range []Limit{Tokens, BudgetUSD, BudgetTokens} {
		require.Positive(t, usage(t, k, p, l).Used)
	}
	require.GreaterOrEqual(t, usage(t, k, p, BudgetUSD).Used, int64(maxAmount))
	p.TPM = 0
	refused(t, k, one(p), costs(1), BudgetUSD, Exceeded)
	reserve(t, k, one(p), costs(math.MinInt64)).Settle(costs(math.MinInt64))
	p = Policy{TPM: 1}
	require.Positive(t, refused(t, k, one(p), costs(1), Tokens, Exceeded).RetryAfter)
}
