package limits

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/stretchr/testify/require"
)

// Keys that are used once do not stay.
func TestIdleSubjectsAreForgotten(t *testing.T) {
	const many = 100_000
	c := newClock()
	store := configstore.NewMemory()
	k := keeper(t, store, c)
	rates := Policy{RPM: 10, TPM: 1000, Concurrency: 3}
	budget := Policy{Budget: Budget{NanoUSD: 6400, Period: Month}}
	for i := range many {
		p := rates
		if i%50 == 0 {
			p = budget
		}
		reserve(t, k, []Subject{{fmt.Sprint("key:", i), p}}, costs(5)).Settle(costs(5))
	}
	flying := reserve(t, k, []Subject{{"key:0", budget}}, costs(5))
	require.EqualValues(t, many, k.subjects.Load())
	sweep(k)
	require.EqualValues(t, many, k.subjects.Load(), "not yet idle")
	c.Add(2 * time.Minute)
	sweep(k) // gives leases back
	sweep(k)
	require.EqualValues(t, 1, k.subjects.Load(), "key:0 has a call in flight")
	flying.Settle(costs(5))
	c.Add(2 * time.Minute)
	sweep(k)
	sweep(k)
	require.Zero(t, k.subjects.Load())

	for i, used := range map[int]int64{0: 10, 50: 5, many - 50: 5} { // and the budget knows them still
		list, err := k.Usage(t.Context(), fmt.Sprint("key:", i), budget)
		require.NoError(t, err)
		require.Equal(t, used, list[0].Used)
	}
	require.Zero(t, k.subjects.Load())
}

func TestBusySubjectsAreKept(t *testing.T) {
	c := newClock()
	k := keeper(t, nil, c)
	reserve(t, k, one(Policy{TPM: 60}), Estimate{Tokens: 60}).Settle(Estimate{Tokens: 240})
	c.Add(2 * time.Minute)
	sweep(k)
	refused(t, k, one(Policy{TPM: 60}), Estimate{Tokens: 1}, Tokens, Exceeded) // in debt
	c.Add(2 * time.Minute)
	sweep(k)
	require.Zero(t, k.subjects.Load())
}

func TestMaxSubjects(t *testing.T) {
	c := newClock()
	k := New(nil, Options{Now: c.Now, Logger: slog.New(slog.DiscardHandler), MaxSubjects: 2, Sweep: time.Hour})
	defer closeKeeper(t, k)
	p := Policy{RPM: 1}
	for _, id := range []string{"a", "b"} {
		reserve(t, k, []Subject{{id, p}}, Estimate{}).Cancel()
	}
	c.Add(time.Hour)
	_, refusal := k.Reserve(t.Context(), []Subject{{"c", p}}, Estimate{})
	require.Equal(t, Overloaded, refusal.Reason)
	reserve(t, k, []Subject{{"a", p}, {"c", Policy{}}}, Estimate{}).Cancel()
	c.Add(time.Hour)
	sweep(k)
	reserve(t, k, []Subject{{"c", p}}, Estimate{}).Cancel()
}

// The goroutine really sweeps, while calls come.
func TestSweeps(t *testing.T) {
	k := New(nil, Options{Logger: slog.New(slog.DiscardHandler), Sweep: time.Millisecond, Idle: time.Nanosecond})
	defer closeKeeper(t, k)
	p := Policy{TPM: 1e12, Concurrency: 4, Budget: Budget{1e9, 1e9, Hour}}
	require.EqualValues(t, 4, together(4, func(i int) bool {
		for j := range 2000 {
			r, refusal := k.Reserve(t.Context(), []Subject{{fmt.Sprint(j % 5), p}, {"all", p}}, costs(10))
			if refusal != nil {
				t.Error(refusal, refusal.Err)
				return false
			}
			r.Settle(costs(int64(i)))
		}
		return true
	}))
	for deadline := time.Now().Add(10 * time.Second); k.subjects.Load() > 0; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "subjects stay")
	}
	list, err := k.Usage(t.Context(), "all", p)
	require.NoError(t, err)
	require.EqualValues(t, 2000*(0+1+2+3), list[3].Used)
}
