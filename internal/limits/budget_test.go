package limits

import (
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/stretchr/testify/require"
)

func TestPeriods(t *testing.T) {
	at := func(s string) int64 {
		t, err := time.Parse(time.DateTime, s)
		if err != nil {
			panic(err)
		}
		return t.Unix()
	}
	east := time.FixedZone("", 9*hour)
	for _, c := range []struct {
		p          Period
		t          time.Time
		start, end string
	}{
		{Hour, epoch, "2026-03-04 10:00:00", "2026-03-04 11:00:00"},
		{Day, epoch, "2026-03-04 00:00:00", "2026-03-05 00:00:00"},
		{Day, time.Date(2026, 3, 4, 5, 0, 0, 0, east), "2026-03-03 00:00:00", "2026-03-04 00:00:00"},
		{Week, epoch, "2026-03-02 00:00:00", "2026-03-09 00:00:00"},
		{Week, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), "2026-03-02 00:00:00", "2026-03-09 00:00:00"},
		{Week, time.Date(2026, 3, 1, 23, 59, 59, 1, time.UTC), "2026-02-23 00:00:00", "2026-03-02 00:00:00"},
		{Month, epoch, "2026-03-01 00:00:00", "2026-04-01 00:00:00"},
		{Month, time.Date(2026, 1, 1, 5, 0, 0, 0, east), "2025-12-01 00:00:00", "2026-01-01 00:00:00"},
		{Week, time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), "1969-12-29 00:00:00", "1970-01-05 00:00:00"},
	} {
		s := c.p.at(c.t)
		require.Equal(t, span{c.p, at(c.start), at(c.end)}, s, "%s %s", c.p, c.t)
		require.Equal(t, s, c.p.from(s.start))
		require.True(t, s.holds(c.p, c.t.Unix()))
		require.False(t, s.holds(c.p, s.end))
		require.False(t, s.holds(c.p, s.start-1))
		require.False(t, s.holds(Total, c.t.Unix()))
		require.True(t, c.p.Valid())
	}
	for _, p := range []Period{Total, "", "fortnight"} {
		s := p.at(epoch)
		require.True(t, s.holds(p, 0))
		require.False(t, s.holds(Day, 0))
		require.True(t, s.reset().IsZero())
	}
	require.False(t, Period("").Valid())
}

func TestBudget(t *testing.T) {
	for _, limit := range []Limit{BudgetUSD, BudgetTokens} {
		for _, period := range []Period{Hour, Day, Week, Month, Total} {
			c := newClock()
			k := keeper(t, nil, c)
			p := Policy{Budget: Budget{NanoUSD: 1000, Period: period}}
			if limit == BudgetTokens {
				p.Budget = Budget{Tokens: 1000, Period: period}
			}
			require.EqualValues(t, 1000, usage(t, k, p, limit).Remaining)
			refused(t, k, one(p), costs(1001), limit, TooLarge)
			held := reserve(t, k, one(p), costs(600))
			refused(t, k, one(p), costs(401), limit, Exceeded)
			held.Settle(costs(100)) // what was not used is there again
			spend(t, k, p, 900)
			refusal := refused(t, k, one(p), costs(1), limit, Exceeded)
			reserve(t, k, one(p), costs(0)).Cancel() // free is free
			require.Zero(t, refusal.Remaining)
			require.EqualValues(t, 1000, refusal.Max)
			require.Equal(t, Usage{limit, 1000, 1000, 0, refusal.Reset}, usage(t, k, p, limit))
			if period == Total {
				require.Zero(t, refusal.RetryAfter)
				require.Zero(t, refusal.Reset)
				c.Add(1e5 * time.Hour)
				refused(t, k, one(p), costs(1), limit, Exceeded)
				continue
			}
			require.Equal(t, refusal.Reset, epoch.Add(refusal.RetryAfter))
			c.Add(refusal.RetryAfter - 1)
			refused(t, k, one(p), costs(1), limit, Exceeded)
			c.Add(1)
			spend(t, k, p, 1000)
			refused(t, k, one(p), costs(1), limit, Exceeded)
		}
	}
}

func TestPriceUnknown(t *testing.T) {
	k := keeper(t, nil, newClock())
	p := Policy{Budget: Budget{NanoUSD: 1000}}
	require.Zero(t, refused(t, k, one(p), Estimate{Tokens: 1, Cost: 1}, BudgetUSD, PriceUnknown).RetryAfter)
	reserve(t, k, one(Policy{Budget: Budget{Tokens: 10}}), Estimate{Tokens: 1}).Cancel()
	reserve(t, k, one(p), costs(100)).Settle(Estimate{Tokens: 50}) // booked as estimated
	require.EqualValues(t, 100, usage(t, k, p, BudgetUSD).Used)
}

// A call belongs to the period in which it was reserved.
func TestCallsAcrossPeriods(t *testing.T) {
	c := newClock()
	f := newFaulty()
	k := keeper(t, f, c)
	p := Policy{Budget: Budget{Tokens: 1000, Period: Hour}}
	first := Hour.at(epoch)
	call, over := reserve(t, k, one(p), costs(300)), reserve(t, k, one(p), costs(0))
	c.Add(time.Hour)
	spend(t, k, p, 1000)
	call.Settle(costs(200))
	over.Settle(costs(50))
	refused(t, k, one(p), costs(1), BudgetTokens, Exceeded)
	sweep(k)
	require.EqualValues(t, 250, stored(t, f.StateStore, "key:a", first)[tokens])
	require.EqualValues(t, 1000, stored(t, f.StateStore, "key:a", Hour.at(c.Now()))[tokens])
	for s := range k.all() {
		require.Len(t, s.ledgers, 1)
	}
}

// Refusals take nothing, of no subject.
func TestRefusalsTakeNothing(t *testing.T) {
	c := newClock()
	k := keeper(t, nil, c)
	generous := Policy{RPM: 100, TPM: 1000, Concurrency: 3, Budget: Budget{5000, 5000, Day}}
	spend(t, k, generous, 10)
	quiesce(k)
	before, err := k.Usage(t.Context(), "key:a", generous)
	require.NoError(t, err)
	for name, strict := range map[string]Policy{
		"rpm": {RPM: 1}, "tpm": {TPM: 2}, "concurrency": {Concurrency: 1},
		"usd": {Budget: Budget{NanoUSD: 2}}, "tokens": {Budget: Budget{Tokens: 2, Period: Day}},
	} {
		held := reserve(t, k, []Subject{{"route:" + name, strict}}, costs(2))
		for _, subjects := range [][]Subject{
			{{"key:a", generous}, {"route:" + name, strict}},
			{{"route:" + name, strict}, {"key:a", generous}},
		} {
			for range 20 {
				r, refusal := k.Reserve(t.Context(), subjects, costs(1))
				require.Nil(t, r)
				require.Equal(t, "route:"+name, refusal.Subject)
			}
		}
		held.Cancel()
		after, err := k.Usage(t.Context(), "key:a", generous)
		require.NoError(t, err)
		require.Equal(t, before, after, name)
	}
}

func TestSubjectNamedTwice(t *testing.T) {
	k := keeper(t, nil, newClock())
	twice := []Subject{{"key:a", Policy{RPM: 10}}, {"key:a", Policy{RPM: 2}}}
	reserve(t, k, twice, costs(1)).Settle(costs(1))
	reserve(t, k, twice, costs(1)).Settle(costs(1))
	refused(t, k, twice, costs(1), Requests, Exceeded)
}

func TestBudgetAndTheClock(t *testing.T) {
	for _, period := range []Period{Hour, Day, Week, Month} {
		c := newClock()
		store := configstore.NewMemory()
		k := keeper(t, store, c)
		p := Policy{Budget: Budget{Tokens: 100, Period: period}}
		spent := map[int64]int64{}
		drain := func(k *Keeper) (n int64) {
			for {
				r, refusal := k.Reserve(t.Context(), one(p), costs(10))
				if refusal != nil {
					require.Equal(t, Exceeded, refusal.Reason)
					quiesce(k)
					spent[period.at(c.Now()).start] += n
					require.LessOrEqual(t, spent[period.at(c.Now()).start], int64(100))
					return n
				}
				r.Settle(costs(10))
				n += 10
			}
		}
		long := time.Duration(period.at(epoch).end-period.at(epoch).start) * time.Second
		require.EqualValues(t, 100, drain(k))
		for _, step := range []time.Duration{-long / 100, 40 * long, -40 * long, long, -long, 2 * long, long, long, long, -4 * long, -3 * long} {
			c.Add(step)
			drain(k)
			drain(keeper(t, store, c)) // a restart knows as much
		}
		for range 20 { // the clock goes on, and some day there is a budget again
			c.Add(long)
			if drain(k) > 0 {
				break
			}
		}
		c.Add(4 * long)
		require.EqualValues(t, 100, drain(k), "%s: blocked", period)
	}
}
