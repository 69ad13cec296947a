package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
)

const (
	scanPage   = 256 // values read at once
	purgeBatch = 16  // expired values that a Put removes on its way
)

// Get implements [configstore.StateStore].
func (s *Store) Get(ctx context.Context, bucket, key string) (configstore.Value, error) {
	v := configstore.Value{Key: key}
	err := s.do("get", func() error {
		var expires sql.NullInt64
		err := s.reader.QueryRowContext(ctx, `SELECT val, version, expires_at FROM state
			WHERE bucket = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)`, bucket, key, time.Now().UnixMicro()).
			Scan(&v.Data, &v.Version, &expires)
		v.Expires = fromMicro(expires)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return configstore.Value{}, configstore.ErrNotFound
	}
	if err != nil {
		return configstore.Value{}, err
	}
	v.Data = notNull(v.Data)
	return v, nil
}

// Put implements [configstore.StateStore].
func (s *Store) Put(ctx context.Context, bucket, key string, val []byte, ifVersion int64, expires time.Time) (version int64, err error) {
	err = s.write(ctx, "put", func(tx *sql.Tx) error {
		version, err = put(ctx, tx, bucket, key, val, ifVersion, expires)
		return err
	})
	switch {
	case errors.Is(err, configstore.ErrVersion):
		return 0, configstore.ErrVersion
	case err != nil:
		return 0, err
	}
	return version, nil
}

func put(ctx context.Context, tx *sql.Tx, bucket, key string, val []byte, ifVersion int64, expires time.Time) (version int64, err error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM state WHERE rowid IN
		(SELECT rowid FROM state WHERE expires_at <= ? LIMIT ?)`, time.Now().UnixMicro(), purgeBatch); err != nil {
		return 0, err
	}
	var stored int64
	err = tx.QueryRowContext(ctx, `SELECT version FROM state
		WHERE bucket = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)`, bucket, key, time.Now().UnixMicro()).Scan(&stored)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	if ifVersion != -1 && ifVersion != stored {
		return 0, configstore.ErrVersion
	}
	if val == nil {
		_, err := tx.ExecContext(ctx, "DELETE FROM state WHERE bucket = ? AND key = ?", bucket, key)
		return 0, err
	}
	// One counter for all: a version never returns, not even after a deletion.
	if err := tx.QueryRowContext(ctx, "UPDATE meta SET state_version = state_version + 1 RETURNING state_version").Scan(&version); err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO state (bucket, key, val, version, expires_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET val = excluded.val, version = excluded.version, expires_at = excluded.expires_at`,
		bucket, key, val, version, micro(expires))
	return version, err
}

// Scan implements [configstore.StateStore]. It reads a page at a time, so the
// store is free while the caller looks at the values.
func (s *Store) Scan(ctx context.Context, bucket, prefix string) iter.Seq2[configstore.Value, error] {
	return func(yield func(configstore.Value, error) bool) {
		// Keys are in the order of their bytes, so those with the prefix are together.
		from, inclusive := prefix, true
		for {
			page, err := s.page(ctx, bucket, from, inclusive)
			if err != nil {
				yield(configstore.Value{}, err)
				return
			}
			for _, v := range page {
				if !strings.HasPrefix(v.Key, prefix) || !yield(v, nil) {
					return
				}
			}
			if len(page) < scanPage {
				return
			}
			from, inclusive = page[len(page)-1].Key, false
		}
	}
}

// page reads the live values with keys from one on, that one included or not.
func (s *Store) page(ctx context.Context, bucket, from string, inclusive bool) (page []configstore.Value, err error) {
	query := `SELECT key, val, version, expires_at FROM state
		WHERE bucket = ? AND key > ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY key LIMIT ?`
	if inclusive {
		query = strings.Replace(query, "key > ?", "key >= ?", 1)
	}
	err = s.do("scan", func() error {
		rows, err := s.reader.QueryContext(ctx, query, bucket, from, time.Now().UnixMicro(), scanPage)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var v configstore.Value
			var expires sql.NullInt64
			if err := rows.Scan(&v.Key, &v.Data, &v.Version, &expires); err != nil {
				return err
			}
			v.Data, v.Expires = notNull(v.Data), fromMicro(expires)
			page = append(page, v)
		}
		return rows.Err()
	})
	return page, err
}

func micro(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

func fromMicro(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
}
