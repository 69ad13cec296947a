package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/configstore/sqlite"
	"github.com/agent-gateway/agent-gateway/configstore/storetest"
	"github.com/agent-gateway/agent-gateway/internal/sqlitex"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// writeForever names the file that the test binary, started again as a child,
// writes until it is killed.
const writeForever = "CONFIGSTORE_TEST_WRITE"

func TestMain(m *testing.M) {
	if path := os.Getenv(writeForever); path != "" {
		fmt.Fprintln(os.Stderr, commitForever(path))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func put(kind, id, data string) configstore.Op {
	return configstore.Op{Kind: kind, ID: id, Data: []byte(data)}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) configstore.Store { return open(t, filepath.Join(t.TempDir(), "store.db")) })
}

func TestIsNotEphemeral(t *testing.T) {
	var s any = open(t, filepath.Join(t.TempDir(), "store.db"))
	_, ephemeral := s.(configstore.Ephemeral)
	require.False(t, ephemeral)
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "store.db")
	s := open(t, path)
	rev, err := s.Commit(t.Context(), 0, put("provider", "openai", `{"id":"openai"}`), put("route", "r", "{}"))
	require.NoError(t, err)
	version, err := s.Put(t.Context(), "b", "k", []byte("v"), 0, time.Time{})
	require.NoError(t, err)
	before, err := s.Load(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Close())

	s = open(t, path)
	after, err := s.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Equal(t, rev, after.Rev)
	v, err := s.Get(t.Context(), "b", "k")
	require.NoError(t, err)
	require.Equal(t, configstore.Value{Key: "k", Data: []byte("v"), Version: version}, v)
}

func TestTwoStoresSeeEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	one, two := open(t, path), open(t, path)
	revs, err := two.Watch(t.Context(), 0)
	require.NoError(t, err)
	for base := range int64(2) {
		_, err = one.Commit(t.Context(), base, put("k", "a", "1"))
		require.NoError(t, err)
		select {
		case rev := <-revs:
			require.Equal(t, base+1, rev)
		case <-time.After(10 * time.Second):
			t.Fatal("the other store's commit was not seen")
		}
	}
	_, err = two.Commit(t.Context(), 1, put("k", "a", "lost"))
	require.ErrorIs(t, err, configstore.ErrConflict)
	_, err = two.Commit(t.Context(), 2, put("k", "a", "3"))
	require.NoError(t, err)
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("some notes\n", 500)), 0o600))
	newer := filepath.Join(dir, "newer.db")
	require.NoError(t, open(t, newer).Close())
	db, err := sqlitex.OpenWriter(t.Context(), newer, sqlitex.Durable)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "INSERT INTO schema_migrations VALUES ('configstore', 99, '')")
	require.NoError(t, err)
	require.NoError(t, db.Close())

	for path, want := range map[string]string{
		dir:                          "is not a file but a folder",
		text:                         "is not a SQLite database",
		filepath.Join(text, "db"):    "cannot be reached",
		newer:                        "was written by a newer program",
		"file:" + newer + "?mode=ro": "not a data source name",
	} {
		_, err := sqlite.Open(t.Context(), path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
	}
}

func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	db, err := sqlitex.OpenWriter(t.Context(), path, sqlitex.Durable)
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.Commit(ctx, 0, put("k", "a", "1"))
	require.ErrorIs(t, err, context.DeadlineExceeded, "waiting for a lock ends with the context")
	_, err = s.Load(t.Context())
	require.NoError(t, err, "readers do not wait for writers")
	require.NoError(t, tx.Rollback())
	_, err = s.Commit(t.Context(), 0, put("k", "a", "1"))
	require.NoError(t, err)
}

func commitForever(path string) error {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	snap, err := s.Load(ctx)
	if err != nil {
		return err
	}
	for rev := snap.Rev; ; {
		n := strconv.FormatInt(rev+1, 10)
		if rev, err = s.Commit(ctx, rev, put("k", "last", n), put("k", n, n)); err != nil {
			return err
		}
		if _, err := s.Put(ctx, "b", "last", []byte(n), -1, time.Time{}); err != nil {
			return err
		}
		fmt.Println(rev) // acknowledged
	}
}

func TestKilledWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	var acknowledged int64
	for round := range 3 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), writeForever+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged, err = strconv.ParseInt(lines.Text(), 10, 64)
			require.NoError(t, err)
			if n == 20+round*7 {
				require.NoError(t, child.Process.Kill())
			}
		}
		require.ErrorContains(t, child.Wait(), "killed")
		require.GreaterOrEqual(t, acknowledged, int64(20))

		s := open(t, path)
		snap, err := s.Load(t.Context())
		require.NoError(t, err)
		require.GreaterOrEqual(t, snap.Rev, acknowledged)
		require.Len(t, snap.Records, int(snap.Rev)+1, "half a commit was kept")
		last := snap.Records[len(snap.Records)-1]
		require.Equal(t, "last", last.ID)
		require.Equal(t, strconv.FormatInt(snap.Rev, 10), string(last.Data))
		v, err := s.Get(t.Context(), "b", "last")
		require.NoError(t, err)
		state, err := strconv.ParseInt(string(v.Data), 10, 64)
		require.NoError(t, err)
		require.GreaterOrEqual(t, state, acknowledged)
		require.NoError(t, s.Close())
	}
}

func BenchmarkLoad(b *testing.B) {
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "store.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	ops := make([]configstore.Op, 100_000)
	for i := range ops {
		ops[i] = put("virtual_key", fmt.Sprintf("key-%06d", i), strings.Repeat("x", 300))
	}
	if _, err := s.Commit(b.Context(), 0, ops...); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Load(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
