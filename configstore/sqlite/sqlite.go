// Package sqlite keeps the configuration, and runtime state, in a SQLite file.
//
//	store, err := sqlite.Open(ctx, "./data/configstore.db")
//
// What was committed survives a crash and a loss of power. Several processes on
// one machine may share the file; keep it off network file systems.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/sqlitex"
)

//go:embed migrations
var migrations embed.FS

// pollEvery is how soon Watch sees the commits of other processes.
const pollEvery = 250 * time.Millisecond

var errClosed = errors.New("the store is closed")

// Store is a [configstore.Store] and a [configstore.StateStore]. It is safe for
// concurrent use.
type Store struct {
	path   string
	writer *sql.DB
	reader *sql.DB

	done     chan struct{} // closed by Close
	watchers sync.WaitGroup

	use    sync.RWMutex // held for reading by whatever uses the database
	closed bool

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, by each commit of this Store
}

var (
	_ configstore.Store      = (*Store)(nil)
	_ configstore.StateStore = (*Store)(nil)
)

// Open opens the file, which it creates when it is missing, its folder too, both
// for this user only. The caller closes the Store.
func Open(ctx context.Context, path string) (*Store, error) {
	s := &Store{path: path, done: make(chan struct{}), changed: make(chan struct{})}
	if err := s.open(ctx); err != nil {
		if s.writer != nil {
			_ = s.writer.Close()
		}
		return nil, fmt.Errorf("configuration store: %w", err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if s.writer, err = sqlitex.OpenWriter(ctx, s.path, sqlitex.Durable); err != nil {
		return err
	}
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := sqlitex.Migrate(ctx, s.writer, "configstore", folder); err != nil {
		return err
	}
	s.reader, err = sqlitex.OpenReader(ctx, s.path)
	return err
}

// Load implements [configstore.Store].
func (s *Store) Load(ctx context.Context) (configstore.Snapshot, error) {
	var snap configstore.Snapshot
	err := s.do("load", func() error {
		return transact(ctx, s.reader, &sql.TxOptions{ReadOnly: true}, func(tx *sql.Tx) (err error) {
			snap, err = load(ctx, tx)
			return err
		})
	})
	return snap, err
}

func load(ctx context.Context, tx *sql.Tx) (configstore.Snapshot, error) {
	var snap configstore.Snapshot
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT revision, (SELECT count(*) FROM records) FROM meta").Scan(&snap.Rev, &n); err != nil {
		return configstore.Snapshot{}, err
	}
	rows, err := tx.QueryContext(ctx, "SELECT kind, id, data, rev, created_at, updated_at FROM records ORDER BY kind, id")
	if err != nil {
		return configstore.Snapshot{}, err
	}
	defer rows.Close()
	snap.Records = make([]configstore.Record, 0, n)
	for rows.Next() {
		var r configstore.Record
		var created, updated int64
		if err := rows.Scan(&r.Kind, &r.ID, &r.Data, &r.Rev, &created, &updated); err != nil {
			return configstore.Snapshot{}, err
		}
		r.CreatedAt, r.UpdatedAt = time.UnixMicro(created).UTC(), time.UnixMicro(updated).UTC()
		snap.Records = append(snap.Records, r)
	}
	return snap, rows.Err()
}

// Commit implements [configstore.Store].
func (s *Store) Commit(ctx context.Context, base int64, ops ...configstore.Op) (int64, error) {
	err := s.write(ctx, "commit", func(tx *sql.Tx) error {
		var rev int64
		if err := tx.QueryRowContext(ctx, "SELECT revision FROM meta").Scan(&rev); err != nil {
			return err
		}
		if rev != base {
			return fmt.Errorf("%w: it is at revision %d, not %d", configstore.ErrConflict, rev, base)
		}
		return apply(ctx, tx, base+1, ops)
	})
	switch {
	case err != nil:
		return 0, err
	case len(ops) == 0:
		return base, nil
	}
	s.announce()
	return base + 1, nil
}

func apply(ctx context.Context, tx *sql.Tx, rev int64, ops []configstore.Op) error {
	if len(ops) == 0 {
		return nil
	}
	put, err := tx.PrepareContext(ctx, `INSERT INTO records (kind, id, data, rev, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
		ON CONFLICT DO UPDATE SET data = excluded.data, rev = excluded.rev, updated_at = excluded.updated_at`)
	if err != nil {
		return err
	}
	defer put.Close()
	remove, err := tx.PrepareContext(ctx, "DELETE FROM records WHERE kind = ? AND id = ?")
	if err != nil {
		return err
	}
	defer remove.Close()
	now := time.Now().UnixMicro()
	for _, op := range ops {
		if op.Delete {
			_, err = remove.ExecContext(ctx, op.Kind, op.ID)
		} else {
			_, err = put.ExecContext(ctx, op.Kind, op.ID, notNull(op.Data), rev, now)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", op.Kind, op.ID, err)
		}
	}
	_, err = tx.ExecContext(ctx, "UPDATE meta SET revision = ?", rev)
	return err
}

// Close implements [configstore.Store]. Closing again does nothing.
func (s *Store) Close() error {
	s.use.Lock()
	closed := s.closed
	s.closed = true
	s.use.Unlock()
	if closed {
		return nil
	}
	close(s.done)
	s.watchers.Wait()
	return errors.Join(s.reader.Close(), s.writer.Close()) // the writer last: it tidies the log up
}

// write runs f in a transaction of the writing connection.
func (s *Store) write(ctx context.Context, what string, f func(tx *sql.Tx) error) error {
	return s.do(what, func() error { return transact(ctx, s.writer, nil, f) })
}

// do runs f, for which Close waits, and says of an error what it was about.
func (s *Store) do(what string, f func() error) error {
	s.use.RLock()
	defer s.use.RUnlock()
	if s.closed {
		return fmt.Errorf("configuration store: %s: %w", what, errClosed)
	}
	if err := f(); err != nil {
		return fmt.Errorf("configuration store: %s: %w", what, sqlitex.Explain(s.path, err))
	}
	return nil
}

func transact(ctx context.Context, db *sql.DB, opts *sql.TxOptions, f func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// notNull is b, which SQLite would store as NULL if it were nil.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
