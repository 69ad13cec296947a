package sqlite

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/agent-gateway/agent-gateway/metrics/metricstest"
	"github.com/stretchr/testify/require"
)

// traffic is a batch of calls, which began up to spread before they are written.
type traffic struct {
	batch  []*metrics.Event
	now    time.Time
	spread time.Duration
}

func newTraffic(spread time.Duration) *traffic {
	tr := &traffic{batch: make([]*metrics.Event, 200), now: metricstest.Start, spread: spread}
	for i := range tr.batch {
		e := metricstest.FullEvent(fmt.Sprintf("evt_%030d", i))
		e.AgentID = ""
		e.RouteID = fmt.Sprint("route-", i%5)
		e.VirtualKeyID = fmt.Sprint("key-", i%20)
		tr.batch[i] = e
	}
	return tr
}

func (tr *traffic) next() []*metrics.Event {
	for _, e := range tr.batch {
		tr.now = tr.now.Add(time.Millisecond)
		e.StartedAt, e.FinishedAt = tr.now.Add(-rand.N(tr.spread+1)), tr.now.Add(time.Second)
	}
	return tr.batch
}

func BenchmarkWrite(b *testing.B) {
	for _, spread := range []time.Duration{0, 10 * time.Second} {
		b.Run("spread="+spread.String(), func(b *testing.B) {
			db := open(b, filepath.Join(b.TempDir(), "metrics.db"), -1)
			tr := newTraffic(spread)
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, db.Write(b.Context(), tr.next()))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(tr.batch)), "ns/row")
		})
	}
}

// BenchmarkRead reads from 200,000 events.
func BenchmarkRead(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "metrics.db"), -1)
	tr := newTraffic(10 * time.Second)
	for range 1000 {
		require.NoError(b, db.Write(b.Context(), tr.next()))
	}
	where := func(name, value string) metrics.Query { return metrics.Query{Where: map[string]string{name: value}} }
	for _, tc := range []struct {
		name string
		q    metrics.Query
	}{
		{"all", metrics.Query{}},
		{"a key", where("virtual_key_id", "key-7")},
		{"no such key", where("virtual_key_id", "x")},
		{"no such alias", where("logical_model", "x")},
	} {
		b.Run("events of "+tc.name, func(b *testing.B) {
			for b.Loop() {
				_, err := db.LLMEvents(b.Context(), tc.q)
				require.NoError(b, err)
			}
		})
		b.Run("summary of "+tc.name, func(b *testing.B) {
			for b.Loop() {
				_, err := db.LLMSummary(b.Context(), tc.q)
				require.NoError(b, err)
			}
		})
	}
}
