package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"

	"github.com/agent-gateway/agent-gateway/internal/sqlitex"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// rowsPerInsert is how many rows one statement inserts: few statements are faster to
// run, and long ones slower to prepare. Between 4 and 16 it makes no difference.
const rowsPerInsert = 8

// Write implements [metrics.Writer]: all events in one transaction, or none. Events
// of kinds without a table are left out.
func (db *DB) Write(ctx context.Context, events []*metrics.Event) error {
	if err := db.write(ctx, events); err != nil {
		return fmt.Errorf("metrics store: %w", sqlitex.Explain(db.path, err))
	}
	return nil
}

func (db *DB) write(ctx context.Context, events []*metrics.Event) error {
	if !slices.ContainsFunc(events, func(e *metrics.Event) bool {
		return slices.ContainsFunc(tables, func(t *table) bool { return t.holds(e) })
	}) {
		return nil
	}
	conn, err := db.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// The transaction is the connection's. Below database/sql, a value costs half.
	err = conn.Raw(func(c any) error {
		for _, t := range tables {
			if err := t.write(ctx, c.(driver.Conn), events); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return cmp.Or(ctx.Err(), err) // the second may be that there is no transaction any more
	}
	return nil
}

// write inserts those of the events that the table holds.
func (t *table) write(ctx context.Context, conn driver.Conn, events []*metrics.Event) error {
	var own []*metrics.Event
	for _, e := range events {
		if t.holds(e) {
			own = append(own, e)
		}
	}
	even := len(own) - len(own)%rowsPerInsert
	if err := t.insert(ctx, conn, own[:even], rowsPerInsert); err != nil {
		return err
	}
	return t.insert(ctx, conn, own[even:], len(own)-even)
}

// insert inserts events, a multiple of rows, by statements of that many. The statement
// is prepared each time, as connections come and go; for a batch that is little.
func (t *table) insert(ctx context.Context, conn driver.Conn, events []*metrics.Event, rows int) error {
	if len(events) == 0 {
		return nil
	}
	stmt, err := conn.Prepare(t.insertRows(rows))
	if err != nil {
		return err
	}
	defer stmt.Close()
	row := make([]column, 0, t.width)
	args := make([]driver.NamedValue, rows*t.width)
	for i := range args {
		args[i].Ordinal = i + 1
	}
	// When ctx is done the transaction may be gone, and a row would commit by itself;
	// it cannot go between here and the next row, since Raw holds the connection.
	for len(events) > 0 && ctx.Err() == nil {
		for i, e := range events[:rows] {
			row = t.columns(row[:0], e)
			for j := range row {
				// Rows of a batch are much alike, and a value in an interface costs
				// an allocation: the value that stands here from before may serve.
				arg := &args[i*t.width+j]
				arg.Value = row[j].value(arg.Value)
			}
		}
		// Given ctx, the driver would start a goroutine to watch it.
		if _, err := stmt.(driver.StmtExecContext).ExecContext(context.Background(), args); err != nil {
			return err
		}
		events = events[rows:]
	}
	return ctx.Err()
}
