package limits

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// epoch is a Wednesday.
var epoch = time.Date(2026, time.March, 4, 10, 20, 30, 0, time.UTC)

// clock has no monotonic reading, so the keeper's two clocks move together.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: epoch} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func (c *clock) Add(d time.Duration) { c.Set(c.Now().Add(d)) }

// faulty is a store whose faults are switched on and off.
type faulty struct {
	configstore.StateStore
	fault atomic.Int32
	gets  atomic.Int64
	puts  atomic.Int64
}

const (
	healthy int32 = iota
	failing
	hanging  // until its context ends
	stubborn // until the fault ends, whatever the context says
	slow     // waits a little
	lossy    // writes, and says that it failed
)

var errStore = errors.New("the store is down")

func newFaulty() *faulty { return &faulty{StateStore: configstore.NewMemory()} }

func (f *faulty) act(ctx context.Context) error {
	switch f.fault.Load() {
	case failing:
		return errStore
	case hanging:
		<-ctx.Done()
		return ctx.Err()
	case slow:
		time.Sleep(20 * time.Millisecond)
	case stubborn:
		for f.fault.Load() == stubborn {
			time.Sleep(time.Millisecond)
		}
		return errStore
	}
	return ctx.Err()
}

func (f *faulty) Get(ctx context.Context, bucket, key string) (configstore.Value, error) {
	f.gets.Add(1)
	if err := f.act(ctx); err != nil {
		return configstore.Value{}, err
	}
	return f.StateStore.Get(ctx, bucket, key)
}

func (f *faulty) Put(ctx context.Context, bucket, key string, val []byte, ifVersion int64, expires time.Time) (int64, error) {
	f.puts.Add(1)
	if err := f.act(ctx); err != nil {
		return 0, err
	}
	version, err := f.StateStore.Put(ctx, bucket, key, val, ifVersion, expires)
	if f.fault.Load() == lossy && err == nil {
		return 0, errStore
	}
	return version, err
}

func (f *faulty) Scan(ctx context.Context, bucket, prefix string) iter.Seq2[configstore.Value, error] {
	return f.StateStore.Scan(ctx, bucket, prefix)
}

// keeper sweeps only when a test says so.
func keeper(t testing.TB, store configstore.StateStore, c *clock) *Keeper {
	k := New(store, Options{
		Now: c.Now, Logger: slog.New(slog.DiscardHandler), Sweep: time.Hour, StoreTimeout: 10 * time.Second,
	})
	t.Cleanup(func() { closeKeeper(t, k) })
	return k
}

func closeKeeper(t testing.TB, k *Keeper) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := k.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// crash is kill -9 to a keeper on this store: nothing of it reaches the store any
// more. It returns what another process then finds.
func crash(k *Keeper, f *faulty) configstore.StateStore {
	quiesce(k)
	f.fault.Store(failing)
	return f.StateStore
}

// quiesce waits for what the keeper does in the background.
func quiesce(k *Keeper) {
	for s := range k.all() {
		for {
			s.mu.Lock()
			op := s.op
			s.mu.Unlock()
			if op == nil {
				break
			}
			<-op.done
		}
	}
}

func sweep(k *Keeper) {
	k.sweep()
	quiesce(k)
}

func one(p Policy) []Subject { return []Subject{{ID: "key:a", Policy: p}} }

// costs is a call that costs n in either unit.
func costs(n int64) Estimate { return Estimate{Tokens: n, Cost: n, CostKnown: true} }

func reserve(t testing.TB, k *Keeper, subjects []Subject, est Estimate) *Reservation {
	t.Helper()
	r, refusal := k.Reserve(t.Context(), subjects, est)
	if refusal != nil {
		t.Fatalf("refused: %+v", *refusal)
	}
	return r
}

func refused(t testing.TB, k *Keeper, subjects []Subject, est Estimate, limit Limit, reason Reason) *Refusal {
	t.Helper()
	r, refusal := k.Reserve(t.Context(), subjects, est)
	require.Nil(t, r, "admitted")
	require.NotNil(t, refusal)
	require.Equal(t, limit, refusal.Limit, refusal.Error())
	require.Equal(t, reason, refusal.Reason, refusal.Error())
	require.GreaterOrEqual(t, refusal.Remaining, int64(0))
	require.NotEmpty(t, refusal.Error())
	return refusal
}

// spend makes one call that takes exactly n.
func spend(t testing.TB, k *Keeper, p Policy, n int64) {
	t.Helper()
	reserve(t, k, one(p), costs(n)).Settle(costs(n))
}

func usage(t testing.TB, k *Keeper, p Policy, limit Limit) Usage {
	t.Helper()
	list, err := k.Usage(t.Context(), "key:a", p)
	require.NoError(t, err)
	for _, u := range list {
		require.GreaterOrEqual(t, u.Remaining, int64(0))
		if u.Limit == limit {
			return u
		}
	}
	t.Fatalf("no limit %s in %+v", limit, list)
	return Usage{}
}

// stored is what the store has of the current period.
func stored(t testing.TB, store configstore.StateStore, id string, at span) amounts {
	t.Helper()
	v, err := store.Get(t.Context(), stateBucket, id)
	if errors.Is(err, configstore.ErrNotFound) {
		return amounts{}
	}
	require.NoError(t, err)
	rec, err := decode(v.Data)
	require.NoError(t, err)
	return rec.used(at)
}
