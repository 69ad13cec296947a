package metrics_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/stretchr/testify/require"
)

// batches is a Writer that notes what it gets and when. fail, when set, decides
// about each call.
type batches struct {
	mu    sync.Mutex
	got   [][]*metrics.Event
	calls []time.Time
	fail  func(ctx context.Context, call int) error
}

func (b *batches) Write(ctx context.Context, events []*metrics.Event) error {
	b.mu.Lock()
	b.calls = append(b.calls, time.Now())
	call := len(b.calls)
	b.mu.Unlock()
	if b.fail != nil {
		if err := b.fail(ctx, call); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, events)
	return nil
}

func (b *batches) sizes() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	var n []int
	for _, batch := range b.got {
		n = append(n, len(batch))
	}
	return n
}

func record(p *metrics.Pipeline, n int) {
	for i := range n {
		p.Record(context.Background(), &metrics.Event{EventID: strconv.Itoa(i)})
	}
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestPipelineGathersUntilTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &batches{}
		p := metrics.NewPipeline(w, metrics.PipelineOptions{Batch: 10, Interval: time.Second})
		defer p.Close(t.Context())
		time.Sleep(time.Hour) // nothing happens while nothing is recorded
		start := time.Now()
		record(p, 3)
		synctest.Wait()
		require.Empty(t, w.sizes())
		require.Equal(t, 3, p.Stats().Queued)
		time.Sleep(2 * time.Second)
		require.Equal(t, []int{3}, w.sizes())
		require.Equal(t, []time.Time{start.Add(time.Second)}, w.calls)
		require.Equal(t, "0", w.got[0][0].EventID)
		require.Equal(t, "2", w.got[0][2].EventID)
	})
}

func TestPipelineWritesFullBatchesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &batches{}
		p := metrics.NewPipeline(w, metrics.PipelineOptions{Batch: 10, Interval: time.Minute})
		record(p, 25)
		synctest.Wait()
		require.Equal(t, []int{10, 10}, w.sizes())
		require.NoError(t, p.Close(t.Context()))
		require.Equal(t, []int{10, 10, 5}, w.sizes())
	})
}

func TestPipelineDropsWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := &batches{fail: func(context.Context, int) error { <-release; return nil }}
		p := metrics.NewPipeline(w, metrics.PipelineOptions{Queue: 8, Batch: 4, Interval: time.Second, Logger: quiet})
		record(p, 4)
		synctest.Wait() // the writer holds these
		record(p, 11)
		require.Equal(t, metrics.PipelineStats{Dropped: 3, Queued: 8}, p.Stats())
		close(release)
		require.NoError(t, p.Close(t.Context()))
		require.Equal(t, metrics.PipelineStats{Dropped: 3}, p.Stats())
		require.Equal(t, []int{4, 4, 4}, w.sizes())

		record(p, 2)
		require.Equal(t, metrics.PipelineStats{Dropped: 5}, p.Stats())
		require.NoError(t, p.Close(t.Context()))
	})
}

func TestPipelineTriesAFailedWriteAgain(t *testing.T) {
	for _, tc := range []struct {
		name     string
		failures int
		written  []int
		lost     int64
	}{
		{"once", 1, []int{2}, 0},
		{"twice", 2, nil, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &batches{fail: func(_ context.Context, call int) error {
					if call <= tc.failures {
						return errors.New("disk full")
					}
					return nil
				}}
				p := metrics.NewPipeline(w, metrics.PipelineOptions{Logger: quiet})
				record(p, 2)
				time.Sleep(time.Minute)
				require.Equal(t, tc.written, w.sizes())
				require.Equal(t, metrics.PipelineStats{WriteFailures: tc.lost}, p.Stats())
				require.Len(t, w.calls, 2)
				require.Positive(t, w.calls[1].Sub(w.calls[0]))
				require.NoError(t, p.Close(t.Context()))
			})
		})
	}
}

func TestPipelineCloseGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &batches{fail: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
		p := metrics.NewPipeline(w, metrics.PipelineOptions{Batch: 2, Logger: quiet})
		record(p, 5)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, p.Close(ctx), context.DeadlineExceeded)
		synctest.Wait()
		require.Equal(t, metrics.PipelineStats{WriteFailures: 2, Dropped: 3}, p.Stats())
		require.NoError(t, p.Close(t.Context()))
	})
}

// Every event is written or counted, whatever Close runs into.
func TestPipelineLosesNothingUncounted(t *testing.T) {
	w := &batches{}
	p := metrics.NewPipeline(w, metrics.PipelineOptions{Queue: 64, Batch: 16, Interval: time.Millisecond, Logger: quiet})
	const recorders, each = 8, 5000
	var all sync.WaitGroup
	half := make(chan struct{}, recorders)
	for range recorders {
		all.Go(func() {
			record(p, each/2)
			half <- struct{}{}
			record(p, each/2)
		})
	}
	<-half
	require.NoError(t, p.Close(t.Context()))
	all.Wait()
	written := 0
	for _, n := range w.sizes() {
		written += n
	}
	s := p.Stats()
	require.Zero(t, s.Queued)
	require.EqualValues(t, recorders*each, int64(written)+s.Dropped+s.WriteFailures)
	require.Positive(t, written)
}

func TestPipelineRecordDoesNotAllocate(t *testing.T) {
	w := &batches{fail: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
	p := metrics.NewPipeline(w, metrics.PipelineOptions{Queue: 10_000, Batch: 10_000, Interval: time.Hour, Logger: quiet})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	defer p.Close(ctx)
	e := &metrics.Event{}
	require.Zero(t, testing.AllocsPerRun(1000, func() { p.Record(ctx, e) }))
}

type discard struct{}

func (discard) Write(context.Context, []*metrics.Event) error { return nil }

func BenchmarkPipelineRecord(b *testing.B) {
	p := metrics.NewPipeline(discard{}, metrics.PipelineOptions{Queue: b.N + 1, Logger: quiet}) // room for all: no cheap drops
	defer p.Close(context.Background())
	e := &metrics.Event{}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p.Record(context.Background(), e)
		}
	})
	b.ReportMetric(float64(p.Stats().Dropped)/float64(b.N), "dropped/op")
}
