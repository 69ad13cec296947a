package sqlite

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/agent-gateway/agent-gateway/metrics/metricstest"
	"github.com/stretchr/testify/require"
)

// A table's columns have the names of the fields in the Admin API's JSON, and the same values.
func TestColumnsAreTheFields(t *testing.T) {
	for _, tc := range []struct {
		table  string
		fields int
		events []*metrics.Event
	}{
		{"llm_usage_events", 41, []*metrics.Event{metricstest.FullEvent("full"), metricstest.Event("sparse", 0)}},
		{"mcp_usage_events", 30, []*metrics.Event{metricstest.FullMCPEvent("full"), metricstest.MCPEvent("sparse", 0)}},
	} {
		t.Run(tc.table, func(t *testing.T) {
			db := open(t, filepath.Join(t.TempDir(), "metrics.db"), -1)
			var all int
			err := db.reader.QueryRowContext(t.Context(), "SELECT count(*) FROM pragma_table_info(?) WHERE name <> 'id'", tc.table).Scan(&all)
			require.NoError(t, err)
			require.Equal(t, tc.fields, all)
			for _, e := range tc.events {
				require.NoError(t, db.Write(t.Context(), []*metrics.Event{e}))
				requireColumns(t, db, tc.table, e, tc.fields)
			}
		})
	}
}

func requireColumns(t *testing.T, db *DB, table string, e *metrics.Event, n int) {
	t.Helper()
	text, err := json.Marshal(e)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(text, &fields))
	require.Len(t, fields, n)
	fields["started_at"], fields["finished_at"] = float64(e.StartedAt.UnixNano()), float64(e.FinishedAt.UnixNano())
	for field, want := range fields {
		var got any
		err := db.reader.QueryRowContext(t.Context(), "SELECT `"+field+"` FROM "+table+" WHERE event_id = ?", e.EventID).Scan(&got)
		require.NoError(t, err, field)
		switch want := want.(type) {
		case float64:
			require.InDelta(t, want, got, 1e-3, field) // the JSON has microseconds
		case bool:
			require.Equal(t, want, got == int64(1), field)
		case []any:
			names := []any{}
			if got != nil {
				require.NoError(t, json.Unmarshal([]byte(got.(string)), &names), field)
			}
			require.Equal(t, want, names, field)
		case string:
			if want == "" {
				require.Nil(t, got, field)
			} else {
				require.Equal(t, want, got, field)
			}
		default:
			require.Nil(t, got, field)
		}
	}
}

// Queries go from the newest event to the oldest, and stop when the page is full.
func TestQueriesUseTheIndex(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "metrics.db"), -1)
	for _, of := range tables {
		for _, q := range []metrics.Query{
			{},
			{From: metricstest.Start},
			{To: metricstest.Start, Where: map[string]string{"virtual_key_id": "k", "agent_id": "a"}},
		} {
			where, err := of.conditions(q)
			require.NoError(t, err)
			where.add("(started_at, id) < (?, ?)", 1, 1)
			rows, err := db.reader.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+of.selectSQL+where.sql()+pageSQL, append(where.args, 10)...)
			require.NoError(t, err)
			defer rows.Close()
			require.True(t, rows.Next())
			var id, parent, unused int
			var plan string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &plan))
			require.Contains(t, plan, "USING INDEX "+of.name+"_started ")
			require.False(t, rows.Next(), "nothing is sorted")
		}
	}
}

// A batch may hold events of every kind; those of each keep their order.
func TestWriteMixed(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "metrics.db"), -1)
	var batch []*metrics.Event
	for i := range 40 {
		batch = append(batch, metricstest.MCPEvent(strconv.Itoa(i), 0))
		if i%3 == 0 {
			batch = append(batch, metricstest.Event(strconv.Itoa(i), 0), &metrics.Event{RouteKind: metrics.KindACP, StartedAt: metricstest.Start})
		}
	}
	require.NoError(t, db.Write(t.Context(), batch))
	for _, tc := range []struct {
		of         *table
		size, step int
	}{{llmTable, 14, 3}, {mcpTable, 40, 1}} {
		page, err := db.page(t.Context(), tc.of, metrics.Query{})
		require.NoError(t, err)
		require.Len(t, page.Events, tc.size)
		for i, e := range page.Events { // the last written first
			require.Equal(t, strconv.Itoa((tc.size-1-i)*tc.step), e.EventID)
		}
	}
}

func TestRetentionIsForEveryTable(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "metrics.db"), 1)
	var batch []*metrics.Event
	for i := range pruneBatch + 2 {
		e := metricstest.MCPEvent(strconv.Itoa(i), 0)
		e.StartedAt = time.Now().Add(-2 * day)
		batch = append(batch, e)
	}
	batch[0].StartedAt = time.Now()
	require.NoError(t, db.Write(t.Context(), append(batch, aged(3, 2*day)...)))

	more, err := db.prune(t.Context(), time.Now(), 2) // one for each table
	require.NoError(t, err)
	require.True(t, more)
	require.Zero(t, size(t, db))
	sum, err := db.MCPSummary(t.Context(), metrics.Query{})
	require.NoError(t, err)
	require.EqualValues(t, 2, sum.RequestCount)

	more, err = db.prune(t.Context(), time.Now(), 0)
	require.NoError(t, err)
	require.False(t, more)
	page, err := db.MCPEvents(t.Context(), metrics.Query{})
	require.NoError(t, err)
	require.Len(t, page.Events, 1)
	require.Equal(t, "0", page.Events[0].EventID)
}
