// Package sqlitex opens SQLite files the way the gateway uses them: in WAL mode,
// one connection a purpose for writing, a pool that can only read, and a schema
// that grows by embedded migrations.
package sqlitex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite"
)

// Purpose says what a writing connection is for.
type Purpose string

const (
	// Durable commits survive a loss of power: each one is synced to the disk.
	Durable Purpose = "FULL"
	// Fast commits survive the end of the process; a loss of power may take the
	// last ones, never the file's integrity.
	Fast Purpose = "NORMAL"
)

const (
	busyTimeout = 5 * time.Second
	readers     = 4
)

// OpenWriter opens the file with one connection, whose transactions begin
// immediate. The file and its folder are created when they are missing, for this
// user only. A second writer, in this process or another, waits for the first, up
// to five seconds.
func OpenWriter(ctx context.Context, path string, purpose Purpose) (*sql.DB, error) {
	path, err := prepare(path)
	if err != nil {
		return nil, err
	}
	return open(ctx, path, 1, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			"journal_mode(WAL)",
			"synchronous(" + string(purpose) + ")",
			"foreign_keys(1)",
			"temp_store(MEMORY)",
			"cache_size(-16000)",
			"journal_size_limit(67108864)",
		},
	})
}

// OpenReader opens a file that a writer has opened before, with a small pool of
// connections that cannot write.
func OpenReader(ctx context.Context, path string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	return open(ctx, path, readers, url.Values{
		"mode":    {"ro"},
		"_pragma": {"temp_store(MEMORY)", "cache_size(-16000)"},
	})
}

// prepare returns the absolute path of a file that is there.
func prepare(path string) (string, error) {
	switch {
	case path == "":
		return "", errors.New("a SQLite database needs the path of a file")
	case strings.HasPrefix(path, "file:") || strings.HasPrefix(path, ":memory:"):
		return "", fmt.Errorf("%s: give the path of a file, not a data source name", path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	// A file that exists is not opened here: closing it would take away the POSIX
	// locks that other connections of this process hold on it.
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Mode().IsRegular():
		return path, nil
	case err == nil:
		return "", fmt.Errorf("database %s is not a file but a %s: give the path of a file", path, typeOf(info.Mode()))
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("database %s cannot be reached: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("the folder of database %s cannot be created: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return path, nil // another process was faster
	}
	if err != nil {
		return "", fmt.Errorf("database %s cannot be created: %w", path, err)
	}
	return path, f.Close()
}

func typeOf(mode fs.FileMode) string {
	if mode.IsDir() {
		return "folder"
	}
	return "special file"
}

func open(ctx context.Context, path string, conns int, params url.Values) (*sql.DB, error) {
	params["_pragma"] = append(params["_pragma"], fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()))
	params.Set("_dqs", "0")
	db, err := sql.Open("sqlite", fileURI(path)+"?"+params.Encode())
	if err != nil {
		return nil, Explain(path, err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	if err := ping(ctx, db); err != nil {
		_ = db.Close()
		return nil, Explain(path, err)
	}
	return db, nil
}

// ping connects. SQLite does not wait for another process that is turning the
// same new file into WAL mode, so this does.
func ping(ctx context.Context, db *sql.DB) error {
	deadline := time.Now().Add(busyTimeout)
	for {
		var n int
		err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n) // reads the file, as a ping does not
		if err == nil || !isBusy(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// fileURI encodes what a URI would give a meaning: ? # % and the like.
func fileURI(abs string) string {
	p := filepath.ToSlash(abs)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/data on Windows
	}
	return (&url.URL{Scheme: "file", Path: p}).String()
}
