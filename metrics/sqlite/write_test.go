package sqlite

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/agent-gateway/agent-gateway/metrics/metricstest"
	"github.com/stretchr/testify/require"
)

// Statements insert several rows: every size of batch must come out whole, in order.
func TestWriteAnyNumber(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "metrics.db"), -1)
	var want []string
	for n := range 2*rowsPerInsert + 2 {
		batch := make([]*metrics.Event, n)
		for i := range batch {
			batch[i] = metricstest.Event(strconv.Itoa(n*1000+i), 0)
			want = append(want, batch[i].EventID)
		}
		require.NoError(t, db.Write(t.Context(), batch))
	}
	page, err := db.LLMEvents(t.Context(), metrics.Query{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, page.Events, len(want))
	for i, e := range page.Events { // the last written first
		require.Equal(t, want[len(want)-1-i], e.EventID)
	}
}

// Wherever the context ends in a write, all of the batch is kept or none.
func TestWriteEndsWithItsContext(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "metrics.db"), -1)
	batch := aged(10*rowsPerInsert+1, 0)
	written := 0
	for range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*time.Millisecond))
		err := db.Write(ctx, batch)
		cancel()
		if err == nil {
			written++
		} else {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
	}
	require.NoError(t, db.Write(t.Context(), batch))
	require.EqualValues(t, (written+1)*len(batch), size(t, db))
}
