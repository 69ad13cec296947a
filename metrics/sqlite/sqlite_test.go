package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/sqlitex"
	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/agent-gateway/agent-gateway/metrics/metricstest"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// writeForever names the file that the test binary, started again as a child,
// writes until it is killed.
const writeForever = "METRICS_TEST_WRITE"

func TestMain(m *testing.M) {
	if path := os.Getenv(writeForever); path != "" {
		fmt.Fprintln(os.Stderr, writeBatches(path))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, path string, retentionDays int) *DB {
	t.Helper()
	db, err := Open(context.Background(), path, Options{RetentionDays: retentionDays})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestReader(t *testing.T) {
	metricstest.Run(t, func(t *testing.T) metricstest.Store {
		db := open(t, filepath.Join(t.TempDir(), "metrics.db"), -1)
		return metricstest.Store{Reader: db, Store: func(ctx context.Context, events ...*metrics.Event) error { return db.Write(ctx, events) }}
	})
}

func TestUnknownIsNull(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "metrics.db"), -1)
	require.NoError(t, db.Write(t.Context(), []*metrics.Event{metricstest.Event("sparse", 0)}))
	for _, column := range strings.Fields("input_tokens output_tokens total_tokens cache_read_tokens cache_write_tokens reasoning_tokens cost_usd time_to_first_byte_ms") {
		var v sql.NullFloat64
		require.NoError(t, db.reader.QueryRowContext(t.Context(), "SELECT "+column+" FROM llm_usage_events").Scan(&v))
		require.False(t, v.Valid, column)
	}
}

func TestWriteIsAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.db")
	db := open(t, path, -1)
	_, err := db.writer.ExecContext(t.Context(), `CREATE TRIGGER poison BEFORE INSERT ON llm_usage_events WHEN NEW.event_id = 'bad'
		BEGIN SELECT raise(ABORT, 'poison'); END`)
	require.NoError(t, err)
	err = db.Write(t.Context(), []*metrics.Event{metricstest.MCPEvent("good", 0), metricstest.Event("good", 0), metricstest.Event("bad", 0), metricstest.MCPEvent("good", 0)})
	require.ErrorContains(t, err, "poison")
	require.ErrorContains(t, err, path)
	require.NoError(t, db.Write(t.Context(), []*metrics.Event{metricstest.Event("other", 0)}))
	page, err := db.LLMEvents(t.Context(), metrics.Query{})
	require.NoError(t, err)
	require.Len(t, page.Events, 1)
	sum, err := db.MCPSummary(t.Context(), metrics.Query{})
	require.NoError(t, err)
	require.Zero(t, sum)
}

func aged(n int, age time.Duration) []*metrics.Event {
	events := make([]*metrics.Event, n)
	for i := range events {
		events[i] = metricstest.Event(strconv.Itoa(i), 0)
		events[i].StartedAt = time.Now().Add(-age)
		events[i].FinishedAt = events[i].StartedAt
	}
	return events
}

func size(t *testing.T, db *DB) int64 {
	t.Helper()
	sum, err := db.LLMSummary(t.Context(), metrics.Query{})
	require.NoError(t, err)
	return sum.RequestCount
}

const day = 24 * time.Hour

func TestRetention(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.db")
	db := open(t, path, -1)
	require.NoError(t, db.Write(t.Context(), append(aged(3, 29*day), append(aged(5, 31*day), aged(7, 400*day)...)...)))
	require.NoError(t, db.Close())

	for _, tc := range []struct {
		days int
		want int64
	}{{-1, 15}, {365, 8}, {0, 3}, {1, 0}} {
		db := open(t, path, tc.days)
		require.Equal(t, tc.want, size(t, db), "%d days", tc.days)
		require.NoError(t, db.Close())
	}
}

func TestRetentionWorksInBatches(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "metrics.db"), 1)
	require.NoError(t, db.Write(t.Context(), append(aged(2*pruneBatch+1, 2*day), aged(1, 0)...)))
	more, err := db.prune(t.Context(), time.Now(), 2)
	require.NoError(t, err)
	require.True(t, more)
	require.EqualValues(t, 2, size(t, db))
	more, err = db.prune(t.Context(), time.Now(), 0)
	require.NoError(t, err)
	require.False(t, more)
	require.EqualValues(t, 1, size(t, db))
	_, err = db.prune(t.Context(), time.Now().Add(2*day), 0) // time goes by
	require.NoError(t, err)
	require.Zero(t, size(t, db))
}

func TestRetentionIsPeriodic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(context.Background(), path, Options{RetentionDays: 1})
		require.NoError(t, err)
		defer db.Close()
		require.NoError(t, db.Write(t.Context(), aged(3, 0)))
		time.Sleep(day - time.Minute)
		synctest.Wait()
		require.EqualValues(t, 3, size(t, db))
		time.Sleep(pruneEvery + 2*time.Minute)
		synctest.Wait()
		require.Zero(t, size(t, db))
	})
}

func TestClosed(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "metrics.db"), 1)
	require.NoError(t, db.Close())
	require.NoError(t, db.Close())
	require.Error(t, db.Write(t.Context(), aged(1, 0)))
	_, err := db.LLMEvents(t.Context(), metrics.Query{})
	require.Error(t, err)
	_, err = db.LLMSummary(t.Context(), metrics.Query{})
	require.Error(t, err)
	_, err = db.MCPSummary(t.Context(), metrics.Query{})
	require.Error(t, err)
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("some notes\n", 500)), 0o600))
	for path, want := range map[string]string{dir: "is not a file but a folder", text: "is not a SQLite database"} {
		_, err := Open(t.Context(), path, Options{})
		require.ErrorContains(t, err, "metrics store: database "+path)
		require.ErrorContains(t, err, want)
	}
}

// Two files' worth of users share one: configuration and events.
func TestSharesItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "all.db")
	other, err := sqlitex.OpenWriter(t.Context(), path, sqlitex.Durable)
	require.NoError(t, err)
	defer other.Close()
	_, err = other.ExecContext(t.Context(), "CREATE TABLE mine (a)")
	require.NoError(t, err)
	db := open(t, path, -1)
	for range 20 {
		require.NoError(t, db.Write(t.Context(), []*metrics.Event{metricstest.Event("a", 0)}))
		_, err = other.ExecContext(t.Context(), "INSERT INTO mine VALUES (1)")
		require.NoError(t, err)
	}
}

const childBatch = 50

func writeBatches(path string) error {
	db, err := Open(context.Background(), path, Options{RetentionDays: -1})
	if err != nil {
		return err
	}
	for n := childBatch; ; n += childBatch {
		if err := db.Write(context.Background(), aged(childBatch, 0)); err != nil {
			return err
		}
		fmt.Println(n) // acknowledged
	}
}

func TestKilledWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.db")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), writeForever+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	acknowledged := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		acknowledged, err = strconv.Atoi(lines.Text())
		require.NoError(t, err)
		if acknowledged == 20*childBatch {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.ErrorContains(t, child.Wait(), "killed")
	stored := size(t, open(t, path, -1))
	require.GreaterOrEqual(t, stored, int64(acknowledged))
	require.Zero(t, stored%childBatch, "half a batch was kept")
}
