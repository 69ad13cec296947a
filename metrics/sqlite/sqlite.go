// Package sqlite keeps usage events in a SQLite file, and answers questions about
// them. The file may be the configuration store's. In SQL, the events are in the tables
// llm_usage_events and mcp_usage_events, whose columns are named as in the Admin API's
// JSON.
//
//	db, err := sqlite.Open(ctx, "./data/configstore.db", sqlite.Options{})
//	pipeline := metrics.NewPipeline(db, metrics.PipelineOptions{})
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/sqlitex"
	"github.com/agent-gateway/agent-gateway/metrics"
)

//go:embed migrations
var migrations embed.FS

// Options of [Open]; zero values take the defaults.
type Options struct {
	// RetentionDays is how long events are kept, by their start; default 30, negative
	// keeps them forever.
	RetentionDays int
	// Logger hears when old events cannot be removed; default slog.Default().
	Logger *slog.Logger
}

// DB is a [metrics.Writer] and a [metrics.Reader] over one file. It is safe for
// concurrent use. Events are in the file when Write returns; a loss of power may
// take the newest, the end of the process does not.
type DB struct {
	path      string
	writer    *sql.DB
	reader    *sql.DB
	retention time.Duration // 0: forever
	log       *slog.Logger

	closeOnce sync.Once
	closeErr  error
	cancel    context.CancelFunc // ends what runs in the background
	running   sync.WaitGroup
}

var (
	_ metrics.Writer = (*DB)(nil)
	_ metrics.Reader = (*DB)(nil)
	_ io.Closer      = (*DB)(nil)
)

// Open opens the file, which it creates when it is missing, its folder too, both
// for this user only. It removes events that are too old, and does so every hour
// until Close, which is the caller's to call.
func Open(ctx context.Context, path string, opts Options) (*DB, error) {
	db := &DB{path: path, log: opts.Logger}
	if db.log == nil {
		db.log = slog.Default()
	}
	switch {
	case opts.RetentionDays == 0:
		db.retention = 30 * 24 * time.Hour
	case opts.RetentionDays > 0:
		db.retention = time.Duration(min(opts.RetentionDays, 100*365)) * 24 * time.Hour
	}
	if err := db.open(ctx); err != nil {
		for _, c := range []*sql.DB{db.reader, db.writer} {
			if c != nil {
				_ = c.Close()
			}
		}
		return nil, fmt.Errorf("metrics store: %w", err)
	}
	return db, nil
}

func (db *DB) open(ctx context.Context) (err error) {
	if db.writer, err = sqlitex.OpenWriter(ctx, db.path, sqlitex.Fast); err != nil {
		return err
	}
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := sqlitex.Migrate(ctx, db.writer, "metrics", folder); err != nil {
		return err
	}
	if db.reader, err = sqlitex.OpenReader(ctx, db.path); err != nil {
		return err
	}
	background, cancel := context.WithCancel(context.Background())
	db.cancel = cancel
	if db.retention == 0 {
		return nil
	}
	// A start does not wait for the removal of a long past: the rest goes in the background.
	rest, err := db.prune(ctx, time.Now(), pruneAtOpen)
	if err != nil {
		cancel()
		return sqlitex.Explain(db.path, err)
	}
	db.running.Go(func() { db.pruneHourly(background, rest) })
	return nil
}

// Close ends the background work and closes the file. Closing again does nothing.
func (db *DB) Close() error {
	db.closeOnce.Do(func() {
		db.cancel()
		db.running.Wait()
		db.closeErr = db.reader.Close()
		if err := db.writer.Close(); err != nil { // the last: it tidies the log up
			db.closeErr = err
		}
	})
	return db.closeErr
}

const (
	pruneBatch  = 1000 // rows of one transaction: writers do not wait for long
	pruneAtOpen = 20   // batches
	pruneEvery  = time.Hour
)

func (db *DB) pruneHourly(ctx context.Context, now bool) {
	hourly := time.NewTicker(pruneEvery)
	defer hourly.Stop()
	for {
		if now {
			if _, err := db.prune(ctx, time.Now(), 0); err != nil && ctx.Err() == nil {
				db.log.Warn("old usage events cannot be removed", "error", sqlitex.Explain(db.path, err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-hourly.C:
			now = true
		}
	}
}

// prune removes what is older than the retention, in at most that many batches, 0
// for no end. It reports whether there may be more.
func (db *DB) prune(ctx context.Context, now time.Time, batches int) (more bool, err error) {
	oldest := nanos(now.Add(-db.retention))
	done := 0
	for _, t := range tables {
		for removed := int64(pruneBatch); removed == pruneBatch; done++ {
			if batches != 0 && done == batches {
				return true, nil
			}
			res, err := db.writer.ExecContext(ctx, t.deleteSQL, oldest, pruneBatch)
			if err != nil {
				return true, err
			}
			if removed, err = res.RowsAffected(); err != nil {
				return true, err
			}
		}
	}
	return false, nil
}
