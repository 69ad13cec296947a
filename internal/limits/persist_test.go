package limits

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/stretchr/testify/require"
)

// After kill -9 the store has what was spent, and no more than a slice on top.
func TestCrash(t *testing.T) {
	for name, open := range map[string]func() configstore.StateStore{
		"memory": func() configstore.StateStore { return configstore.NewMemory() },
		"sqlite": func() configstore.StateStore { return sqliteStore(t) },
	} {
		t.Run(name, func(t *testing.T) {
			const budget = 64_000
			p := Policy{Budget: Budget{NanoUSD: budget, Tokens: 2 * budget, Period: Month}}
			store := open()
			c := newClock()
			spent, lost := int64(0), int64(0)
			for life := range 6 {
				f := &faulty{StateStore: store}
				k := keeper(t, f, c)
				for i := range int64(80) {
					c.Add(time.Duration(life) * 500 * time.Millisecond)
					cost := 5 + i%20
					spend(t, k, p, cost)
					spent += cost
				}
				flying := reserve(t, k, one(p), costs(7))
				crash(k, f)
				used := stored(t, store, "key:a", Month.at(epoch))
				lost += 7
				for u, slice := range [units]int64{budget / 64 * maxBoost, 2 * budget / 64 * maxBoost} {
					require.GreaterOrEqual(t, used[u], spent+7)
					require.LessOrEqual(t, used[u], spent+lost+slice*int64(life+1))
				}
				flying.Cancel() // too late
			}
		})
	}
}

func TestCloseGivesBack(t *testing.T) {
	c := newClock()
	store := configstore.NewMemory()
	k := keeper(t, store, c)
	p := Policy{Budget: Budget{NanoUSD: 6400, Period: Day}}
	spend(t, k, p, 10)
	flying := reserve(t, k, one(p), costs(5))
	cold := reserve(t, k, []Subject{{"key:b", p}}, costs(0))
	cold.Settle(costs(3)) // overdrawn, and nothing was leased
	quiesce(k)
	require.Greater(t, stored(t, store, "key:a", Day.at(epoch))[usd], int64(15))
	closeKeeper(t, k)
	require.EqualValues(t, 15, stored(t, store, "key:a", Day.at(epoch))[usd])
	require.EqualValues(t, 3, stored(t, store, "key:b", Day.at(epoch))[usd])
	flying.Settle(costs(1))
	refused(t, k, one(p), costs(1), "", Closed)
	refused(t, k, one(Policy{RPM: 1}), costs(1), "", Closed)
	closeKeeper(t, k)
	require.EqualValues(t, 15, stored(t, store, "key:a", Day.at(epoch))[usd])
}

// Calls within a lease go on while the store is down; others are refused.
func TestStoreFails(t *testing.T) {
	c := newClock()
	f := newFaulty()
	k := keeper(t, f, c)
	p := Policy{Budget: Budget{NanoUSD: 64_000, Period: Day}}
	f.fault.Store(failing)
	refusal := refused(t, k, one(p), costs(1), "", StoreUnavailable)
	require.ErrorIs(t, refusal, errStore)
	_, err := k.Usage(t.Context(), "key:b", p)
	require.ErrorIs(t, err, errStore)

	f.fault.Store(healthy)
	spend(t, k, p, 1)
	f.fault.Store(failing)
	spend(t, k, p, 300)
	refused(t, k, one(p), costs(2000), "", StoreUnavailable)
	reserve(t, k, one(p), costs(100)).Settle(costs(2000)) // the excess cannot be written
	quiesce(k)
	refused(t, k, one(p), costs(1), "", StoreUnavailable)
	require.EqualValues(t, 2301, usage(t, k, p, BudgetUSD).Used)

	f.fault.Store(healthy)
	c.Add(2 * guess)
	sweep(k)
	require.GreaterOrEqual(t, stored(t, f.StateStore, "key:a", Day.at(epoch))[usd], int64(2301))
	spend(t, k, p, 64_000-2301)
	closeKeeper(t, k)
	require.EqualValues(t, 64_000, stored(t, f.StateStore, "key:a", Day.at(epoch))[usd])
}

func TestStoreHangs(t *testing.T) {
	for _, fault := range []int32{hanging, stubborn} {
		f := newFaulty()
		k := New(f, Options{Now: newClock().Now, Logger: slog.New(slog.DiscardHandler), StoreTimeout: 50 * time.Millisecond, Sweep: time.Hour})
		p := Policy{Budget: Budget{NanoUSD: 64_000}}
		spend(t, k, p, 1)
		f.fault.Store(fault)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r, refusal := k.Reserve(ctx, one(p), costs(5000))
		require.Nil(t, r)
		require.Equal(t, StoreUnavailable, refusal.Reason)
		require.ErrorIs(t, refusal, context.Canceled)
		require.EqualValues(t, 40, together(40, func(i int) bool {
			_, refusal := k.Reserve(t.Context(), one(p), costs(5000))
			return refusal != nil && refusal.Reason == StoreUnavailable && errors.Is(refusal, context.DeadlineExceeded)
		}))
		spend(t, k, p, 1) // in its lease
		reserve(t, k, []Subject{{"key:b", Policy{RPM: 1}}}, costs(1)).Cancel()

		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
		if fault == stubborn {
			require.ErrorIs(t, k.Close(ctx), context.DeadlineExceeded)
		}
		cancel()
		f.fault.Store(healthy)
		closeKeeper(t, k)
	}
}

// A write that happened although it failed is found in the record, and one that
// did not happen is not believed.
func TestUnsureWrites(t *testing.T) {
	for _, fault := range []int32{lossy, failing} {
		c := newClock()
		f := newFaulty()
		k := keeper(t, f, c)
		p := Policy{Budget: Budget{NanoUSD: 64_000, Period: Day}}
		spend(t, k, p, 10)
		quiesce(k)
		for range 5 {
			f.fault.Store(fault)
			refused(t, k, one(p), costs(2500), "", StoreUnavailable)
			f.fault.Store(healthy)
			spend(t, k, p, 2500)
			quiesce(k)
		}
		f.fault.Store(fault)
		c.Add(2 * time.Minute)
		sweep(k) // the idle lease is given back, or not
		f.fault.Store(healthy)
		c.Add(2 * time.Minute)
		sweep(k)
		require.EqualValues(t, 12_510, stored(t, f.StateStore, "key:a", Day.at(epoch))[usd])
		spend(t, k, p, 64_000-12_510)
		refused(t, k, one(p), costs(1), BudgetUSD, Exceeded)

		// Somebody wrote since: the lease may be lost, but nothing is won.
		other := keeper(t, f, c)
		p.Budget.Period = Month
		spend(t, other, p, 10)
		quiesce(other)
		f.fault.Store(fault)
		refused(t, other, one(p), costs(2500), "", StoreUnavailable)
		f.fault.Store(healthy)
		spend(t, k, p, 10)
		spend(t, other, p, 2500)
		closeKeeper(t, k)
		closeKeeper(t, other)
		used := stored(t, f.StateStore, "key:a", Month.at(epoch))[usd]
		require.GreaterOrEqual(t, used, int64(2520))
		require.LessOrEqual(t, used, int64(2520+2500+1000))
	}
}

// A store that lost the record does not give the budget anew while somebody knows
// better, and a record that cannot be read gives nothing.
func TestStoreForgets(t *testing.T) {
	c := newClock()
	f := newFaulty()
	k := keeper(t, f, c)
	p := Policy{Budget: Budget{NanoUSD: 1000}}
	spend(t, k, p, 900)
	_, err := f.StateStore.Put(t.Context(), stateBucket, "key:a", nil, -1, time.Time{})
	require.NoError(t, err)
	refused(t, k, one(p), costs(150), BudgetUSD, Exceeded)
	c.Add(time.Minute)
	refused(t, k, one(p), costs(150), BudgetUSD, Exceeded)
	spend(t, k, p, 100)
	require.EqualValues(t, 1000, stored(t, f.StateStore, "key:a", Total.at(epoch))[usd])

	for _, bad := range []string{"{", `{"periods":[{"period":"total","used":[-1,0]}]}`} {
		_, err = f.StateStore.Put(t.Context(), stateBucket, "key:b", []byte(bad), -1, time.Time{})
		require.NoError(t, err)
		_, refusal := k.Reserve(t.Context(), []Subject{{"key:b", p}}, costs(1))
		require.Equal(t, StoreUnavailable, refusal.Reason)
		_, err = k.Usage(t.Context(), "key:b", p)
		require.ErrorContains(t, err, "delete it")
	}
}

// What is on its way back to the store is not missing meanwhile.
func TestCallsDuringGiveBack(t *testing.T) {
	c := newClock()
	f := newFaulty()
	k := keeper(t, f, c)
	p := Policy{Budget: Budget{NanoUSD: 64_000}}
	reserve(t, k, one(p), costs(60_000)).Cancel()
	sweep(k)
	f.fault.Store(slow)
	k.sweep()
	reserve(t, k, one(p), costs(60_000)).Cancel()
}

// The store is written a few hundred times in a budget's life, not per call.
func TestFewWrites(t *testing.T) {
	f := newFaulty()
	k := keeper(t, f, newClock())
	p := Policy{Budget: Budget{NanoUSD: 1e6, Tokens: 1e6, Period: Day}}
	for range 100_000 {
		spend(t, k, p, 10)
	}
	refused(t, k, one(p), costs(10), BudgetUSD, Exceeded)
	for range 1000 { // nor read for every refusal
		refused(t, k, one(p), costs(10), BudgetUSD, Exceeded)
	}
	t.Logf("%d writes, %d reads", f.puts.Load(), f.gets.Load())
	require.Less(t, f.puts.Load(), int64(400))
	require.Less(t, f.gets.Load(), int64(5))

	// Estimates far above what calls take keep their lease between calls.
	f = newFaulty()
	k = keeper(t, f, newClock())
	for range 1000 {
		reserve(t, k, one(p), costs(200_000)).Settle(costs(10))
	}
	require.Less(t, f.puts.Load(), int64(100))
	sweep(k)
	sweep(k) // and give it back when nobody needs it
	require.LessOrEqual(t, stored(t, f.StateStore, "key:a", Day.at(epoch))[usd], int64(10_000+1e6/64*maxBoost))
}
