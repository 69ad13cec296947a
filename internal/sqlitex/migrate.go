package sqlitex

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"time"
)

var migrationName = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

type migration struct {
	version int
	name    string
}

// Migrate brings a component's tables up to date. The folder holds its migrations,
// 0001_name.sql and on without gaps; each runs once, in a transaction of its own, and is
// noted in the table schema_migrations. Several components may share a file, and
// several processes may migrate it at once. A file that knows a later migration than the
// folder was written by a newer program, and is refused.
func Migrate(ctx context.Context, db *sql.DB, component string, folder fs.FS) error {
	if err := migrate(ctx, db, component, folder); err != nil {
		var path string
		_ = db.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path)
		if code(err) == 0 {
			return fmt.Errorf("database %s, %s tables: %w", path, component, err)
		}
		return fmt.Errorf("%s tables: %w", component, Explain(path, err))
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB, component string, folder fs.FS) error {
	migrations, err := list(folder)
	if err != nil {
		return err
	}
	// Most often there is nothing to do, and no reason to wait for a writer.
	if known, err := hasTable(ctx, db); err != nil {
		return err
	} else if known {
		version, err := current(ctx, db, component)
		if err != nil {
			return err
		}
		if version == len(migrations) {
			return nil
		}
	}
	for done := false; !done; {
		if done, err = step(ctx, db, component, folder, migrations); err != nil {
			return err
		}
	}
	return nil
}

// step runs the first migration that has not run, and reports whether there was none.
// What has run is asked inside the transaction: another process may migrate too.
func step(ctx context.Context, db *sql.DB, component string, folder fs.FS, migrations []migration) (done bool, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_migrations (
		component TEXT NOT NULL, version INTEGER NOT NULL, applied_at TEXT NOT NULL, PRIMARY KEY (component, version))`); err != nil {
		return false, err
	}
	version, err := current(ctx, tx, component)
	if err != nil {
		return false, err
	}
	switch {
	case version == len(migrations):
		return true, tx.Commit()
	case version > len(migrations):
		return false, fmt.Errorf("the database is at version %d and this program knows %d: it was written by a newer program; use that one, or another path",
			version, len(migrations))
	}
	m := migrations[version]
	statements, err := fs.ReadFile(folder, m.name)
	if err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, string(statements)); err != nil {
		return false, fmt.Errorf("migration %s: %w", m.name, err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO schema_migrations (component, version, applied_at) VALUES (?, ?, ?)",
		component, m.version, time.Now().UTC().Format(time.RFC3339)); err != nil {
		return false, err
	}
	return false, tx.Commit()
}

func list(folder fs.FS) ([]migration, error) {
	entries, err := fs.ReadDir(folder, ".") // ordered by name
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, e := range entries {
		parts := migrationName.FindStringSubmatch(e.Name())
		if parts == nil {
			return nil, fmt.Errorf("migration %s is not named like 0001_name.sql", e.Name())
		}
		version, _ := strconv.Atoi(parts[1])
		if version != len(all)+1 {
			return nil, fmt.Errorf("migration %s comes where number %d is due", e.Name(), len(all)+1)
		}
		all = append(all, migration{version, e.Name()})
	}
	return all, nil
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func hasTable(ctx context.Context, q querier) (bool, error) {
	var n int
	err := q.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'").Scan(&n)
	return n > 0, err
}

func current(ctx context.Context, q querier, component string) (version int, err error) {
	err = q.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_migrations WHERE component = ?", component).Scan(&version)
	return version, err
}
