package sqlitex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func writer(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := OpenWriter(t.Context(), path, Durable)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func one[T any](t *testing.T, db *sql.DB, query string) (v T) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&v))
	return v
}

func exec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), query)
	require.NoError(t, err)
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"plain.db", "a b.db", "what?.db", "100%.db", "%41.db", "a#b.db", "a&b=c+d.db", "a:b;c.db", "ünï.db", "mode=ro?mode=ro"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new "+name)
			path := filepath.Join(dir, name)
			w := writer(t, path)
			exec(t, w, "CREATE TABLE t (a)")
			r, err := OpenReader(t.Context(), path)
			require.NoError(t, err)
			defer r.Close()
			require.Equal(t, 0, one[int](t, r, "SELECT count(*) FROM t"))

			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			for _, e := range entries {
				require.True(t, strings.HasPrefix(e.Name(), name), "%s was created", e.Name())
				info, err := e.Info()
				require.NoError(t, err)
				require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), e.Name())
			}
			info, err := os.Stat(dir)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
		})
	}
}

func TestSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	for purpose, synchronous := range map[Purpose]int{Durable: 2, Fast: 1} {
		w, err := OpenWriter(t.Context(), path, purpose)
		require.NoError(t, err)
		require.Equal(t, "wal", one[string](t, w, "PRAGMA journal_mode"))
		require.Equal(t, synchronous, one[int](t, w, "PRAGMA synchronous"))
		require.Equal(t, 5000, one[int](t, w, "PRAGMA busy_timeout"))
		require.Equal(t, 1, w.Stats().MaxOpenConnections)
		require.NoError(t, w.Close())
	}
}

func TestReaderCannotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	exec(t, writer(t, path), "CREATE TABLE t (a)")
	r, err := OpenReader(t.Context(), path)
	require.NoError(t, err)
	defer r.Close()
	_, err = r.ExecContext(t.Context(), "INSERT INTO t VALUES (1)")
	require.ErrorContains(t, err, "readonly")
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("not a database ", 500)), 0o600))
	for _, tc := range []struct{ path, want string }{
		{"", "needs the path of a file"},
		{":memory:", "not a data source name"},
		{"file:a.db?mode=ro", "not a data source name"},
		{dir, "is not a file but a folder"},
		{os.DevNull, "is not a file but a special file"},
		{file, "is not a SQLite database: give another path"},
		{filepath.Join(file, "a.db"), "cannot be reached"},
		{filepath.Join(dir, strings.Repeat("x", 300)), "cannot be reached"},
	} {
		_, err := OpenWriter(t.Context(), tc.path, Durable)
		require.ErrorContains(t, err, tc.want)
		require.ErrorContains(t, err, tc.path)
	}
	_, err := OpenReader(t.Context(), filepath.Join(dir, "none.db"))
	require.ErrorContains(t, err, "cannot be opened: check the permissions")
	require.NoFileExists(t, filepath.Join(dir, "none.db"))
}

func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	holder, err := OpenWriter(t.Context(), path, Durable)
	require.NoError(t, err)
	defer holder.Close()
	exec(t, holder, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE t (a); COMMIT")
	_, err = OpenWriter(t.Context(), path, Durable)
	require.ErrorContains(t, err, "is locked by another program")
	require.ErrorContains(t, err, path)
}

func TestDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := OpenWriter(t.Context(), path, Durable)
	require.NoError(t, err)
	exec(t, db, "CREATE TABLE t (a)")
	require.NoError(t, db.Close())
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(strings.Repeat("garbage", 100)), 100) // behind the file's header
	require.NoError(t, errors.Join(err, f.Close()))
	_, err = OpenWriter(t.Context(), path, Durable)
	require.ErrorContains(t, err, path+" is damaged: restore it from a backup")
}

func folder(statements ...string) fs.FS {
	files := fstest.MapFS{}
	for i, s := range statements {
		files[fmt.Sprintf("%04d_step.sql", i+1)] = &fstest.MapFile{Data: []byte(s)}
	}
	return files
}

func TestMigrate(t *testing.T) {
	db := writer(t, filepath.Join(t.TempDir(), "a.db"))
	first, second := "CREATE TABLE a (x); INSERT INTO a VALUES (1)", "ALTER TABLE a ADD COLUMN y; CREATE TABLE b (x)"
	require.NoError(t, Migrate(t.Context(), db, "one", folder(first)))
	require.NoError(t, Migrate(t.Context(), db, "two", folder("CREATE TABLE c (x)")))
	require.NoError(t, Migrate(t.Context(), db, "one", folder(first)))
	require.NoError(t, Migrate(t.Context(), db, "one", folder(first, second)))
	require.Equal(t, 1, one[int](t, db, "SELECT count(*) FROM a"))
	require.Equal(t, "one1 one2 two1", one[string](t, db,
		"SELECT group_concat(component || version, ' ') FROM (SELECT * FROM schema_migrations ORDER BY component, version)"))

	err := Migrate(t.Context(), db, "one", folder(first))
	require.ErrorContains(t, err, "the database is at version 2 and this program knows 1: it was written by a newer program")
	require.ErrorContains(t, err, "one tables")
}

func TestMigrateIsAllOrNothing(t *testing.T) {
	db := writer(t, filepath.Join(t.TempDir(), "a.db"))
	err := Migrate(t.Context(), db, "one", folder("CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"))
	require.ErrorContains(t, err, "migration 0002_step.sql")
	require.Equal(t, "a", one[string](t, db, "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table' AND name IN ('a', 'b')"))
	require.NoError(t, Migrate(t.Context(), db, "one", folder("CREATE TABLE a (x)", "CREATE TABLE b (x)")))
}

func TestMigrationNames(t *testing.T) {
	db := writer(t, filepath.Join(t.TempDir(), "a.db"))
	for name, want := range map[string]string{
		"1_short.sql":  "is not named like 0001_name.sql",
		"readme.txt":   "is not named like 0001_name.sql",
		"0002_gap.sql": "comes where number 1 is due",
	} {
		require.ErrorContains(t, Migrate(t.Context(), db, "one", fstest.MapFS{name: {}}), want)
	}
}

func TestMigrateAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	steps := folder("CREATE TABLE a (x)", "INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (2)")
	var all sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		all.Go(func() {
			db, err := OpenWriter(context.Background(), path, Fast)
			if err == nil {
				err = errors.Join(Migrate(context.Background(), db, "one", steps), db.Close())
			}
			errs[i] = err
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, 2, one[int](t, writer(t, path), "SELECT count(*) FROM a"))
}
