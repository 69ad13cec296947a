package limits

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/configstore/sqlite"
	"github.com/stretchr/testify/require"
)

func sqliteStore(t testing.TB) configstore.StateStore {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func eachStore(t *testing.T, f func(t *testing.T, store configstore.StateStore)) {
	t.Run("none", func(t *testing.T) { f(t, nil) })
	t.Run("memory", func(t *testing.T) { f(t, configstore.NewMemory()) })
	t.Run("sqlite", func(t *testing.T) { f(t, sqliteStore(t)) })
}

// together runs n calls at once and returns how many f says were admitted.
func together(n int, f func(i int) bool) int64 {
	var admitted atomic.Int64
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			if f(i) {
				admitted.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	return admitted.Load()
}

// 1,000 calls at once, and room for ten.
func TestExact(t *testing.T) {
	for name, p := range map[string]Policy{
		"rpm":         {RPM: 10},
		"tpm":         {TPM: 10},
		"concurrency": {Concurrency: 10},
		"usd":         {Budget: Budget{NanoUSD: 10, Period: Day}},
		"tokens":      {Budget: Budget{Tokens: 10}},
		"all":         {10, 10, 10, Budget{10, 10, Month}},
	} {
		t.Run(name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, store configstore.StateStore) {
				k := keeper(t, store, newClock())
				generous := Policy{1e9, 1e9, 1e9, Budget{1e9, 1e9, Hour}}
				admitted := together(1000, func(i int) bool {
					subjects := []Subject{{"key:a", p}, {fmt.Sprint("route:", i%3), generous}}
					if i%2 == 0 {
						subjects[0], subjects[1] = subjects[1], subjects[0]
					}
					r, refusal := k.Reserve(t.Context(), subjects, costs(1))
					if refusal != nil && refusal.Reason != Exceeded {
						t.Error(refusal, refusal.Err)
					}
					if r != nil && p.Concurrency == 0 {
						r.Settle(costs(1))
					}
					return r != nil
				})
				require.EqualValues(t, 10, admitted)
				total := int64(0)
				for i := range 3 {
					list, err := k.Usage(t.Context(), fmt.Sprint("route:", i), generous)
					require.NoError(t, err)
					total += list[4].Used
				}
				require.EqualValues(t, 10, total, "what a refused call took")
			})
		})
	}
}

// Estimates that are too low overspend by what the calls in flight are over.
func TestOverspendIsBounded(t *testing.T) {
	eachStore(t, func(t *testing.T, store configstore.StateStore) {
		k := keeper(t, store, newClock())
		p := Policy{Budget: Budget{NanoUSD: 10_000}}
		var spent atomic.Int64
		together(1000, func(int) bool {
			r, refusal := k.Reserve(t.Context(), one(p), costs(1000))
			if refusal != nil {
				return false
			}
			time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
			spent.Add(1700)
			r.Settle(costs(1700))
			return true
		})
		require.Greater(t, spent.Load(), int64(10_000-1000))
		require.LessOrEqual(t, spent.Load(), int64(10_000+10*700)) // ten are in flight at most
		require.Equal(t, spent.Load(), usage(t, k, p, BudgetUSD).Used)
		if store != nil {
			closeKeeper(t, k)
			require.Equal(t, spent.Load(), stored(t, store, "key:a", Total.at(epoch))[usd])
		}
	})
}

func TestSettleOnce(t *testing.T) {
	k := keeper(t, nil, newClock())
	p := Policy{TPM: 1e6, Concurrency: 5, Budget: Budget{1e6, 1e6, Day}}
	for range 200 {
		r := reserve(t, k, one(p), costs(10))
		together(8, func(i int) bool {
			if i%4 == 0 {
				r.Cancel()
			} else {
				r.Settle(costs(10))
			}
			return true
		})
	}
	require.EqualValues(t, 0, usage(t, k, p, Concurrency).Used)
	used := usage(t, k, p, BudgetUSD).Used
	require.LessOrEqual(t, used, int64(2000))
	require.Zero(t, used%10)
	require.Equal(t, used, usage(t, k, p, Tokens).Used)

	var none *Reservation
	none.Settle(costs(1))
	none.Cancel()
	new(Reservation).Cancel()
	unlimited := reserve(t, k, one(Policy{}), costs(1))
	unlimited.Settle(costs(1))
}

// Keepers that share a store never admit more than the budget together.
func TestKeepersShare(t *testing.T) {
	for _, budget := range []int64{10, 1000, 5000} {
		eachStore(t, func(t *testing.T, store configstore.StateStore) {
			if store == nil {
				return
			}
			c := newClock()
			keepers := []*Keeper{keeper(t, store, c), keeper(t, store, c), keeper(t, store, c)}
			p := Policy{Budget: Budget{NanoUSD: budget, Tokens: 2 * budget, Period: Day}}
			together(30, func(i int) bool {
				for range budget / 10 {
					r, refusal := keepers[i%3].Reserve(t.Context(), one(p), costs(1))
					if refusal != nil {
						if refusal.Reason != Exceeded {
							t.Error(refusal, refusal.Err)
						}
						return false
					}
					r.Settle(costs(1))
				}
				return true
			})
			total := int64(0)
			for _, k := range keepers {
				quiesce(k)
				for s := range k.all() {
					for _, l := range s.ledgers {
						total += l.accounts[usd].spent
					}
				}
				closeKeeper(t, k)
			}
			require.LessOrEqual(t, total, budget)
			used := stored(t, store, "key:a", Day.at(epoch))
			require.Equal(t, amounts{total, total}, used, "after Close the store is exact")

			// What they left is there for the next, to the last unit.
			next := keeper(t, store, c)
			for range budget - total {
				spend(t, next, p, 1)
			}
			refused(t, next, one(p), costs(1), BudgetUSD, Exceeded)
		})
	}
}
