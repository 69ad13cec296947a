package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/agent-gateway/agent-gateway/internal/sqlitex"
	"github.com/agent-gateway/agent-gateway/metrics"
)

const pageSQL = " ORDER BY started_at DESC, id DESC LIMIT ?"

// LLMEvents implements [metrics.Reader].
func (db *DB) LLMEvents(ctx context.Context, q metrics.Query) (metrics.Page, error) {
	return db.page(ctx, llmTable, q)
}

// MCPEvents implements [metrics.Reader].
func (db *DB) MCPEvents(ctx context.Context, q metrics.Query) (metrics.Page, error) {
	return db.page(ctx, mcpTable, q)
}

func (db *DB) page(ctx context.Context, of *table, q metrics.Query) (metrics.Page, error) {
	limit, err := pageSize(q.Limit)
	if err != nil {
		return metrics.Page{}, err
	}
	where, err := of.conditions(q)
	if err != nil {
		return metrics.Page{}, err
	}
	if q.Cursor != "" {
		started, id, err := parseCursor(q.Cursor)
		if err != nil {
			return metrics.Page{}, err
		}
		where.add("(started_at, id) < (?, ?)", started, id)
	}
	// One more than asked for tells whether there is a next page.
	rows, err := db.reader.QueryContext(ctx, of.selectSQL+where.sql()+pageSQL, append(where.args, limit+1)...)
	if err != nil {
		return metrics.Page{}, db.failed(err)
	}
	defer rows.Close()
	page := metrics.Page{Events: []*metrics.Event{}}
	var last string
	for rows.Next() {
		if len(page.Events) == limit {
			page.NextCursor = last
			break
		}
		e, id, err := of.scan(rows)
		if err != nil {
			return metrics.Page{}, db.failed(err)
		}
		page.Events, last = append(page.Events, e), formatCursor(nanos(e.StartedAt), id)
	}
	if err := rows.Err(); err != nil {
		return metrics.Page{}, db.failed(err)
	}
	return page, nil
}

func (t *table) scan(rows *sql.Rows) (e *metrics.Event, id int64, err error) {
	e = t.new()
	row := t.columns(make([]column, 0, t.width), e)
	into := make([]any, 0, 1+t.width)
	into = append(into, &id)
	for i := range row {
		into = append(into, &row[i])
	}
	return e, id, rows.Scan(into...)
}

// LLMSummary implements [metrics.Reader].
func (db *DB) LLMSummary(ctx context.Context, q metrics.Query) (metrics.LLMSummary, error) {
	var s metrics.LLMSummary
	err := db.sum(ctx, llmTable, q, &s.Totals, &s.InputTokens, &s.OutputTokens, &s.TotalTokens, &s.CostUSD, &s.UnknownUsageCount)
	return s, err
}

// MCPSummary implements [metrics.Reader].
func (db *DB) MCPSummary(ctx context.Context, q metrics.Query) (metrics.MCPSummary, error) {
	var s metrics.MCPSummary
	err := db.sum(ctx, mcpTable, q, &s.Totals, &s.ToolsCallCount)
	return s, err
}

// sum sets the totals, and more to what the table's sums are.
func (db *DB) sum(ctx context.Context, of *table, q metrics.Query, totals *metrics.Totals, more ...any) error {
	where, err := of.conditions(q)
	if err != nil {
		return err
	}
	into := append([]any{&totals.RequestCount, &totals.SuccessCount, &totals.AvgLatencyMS}, more...)
	if err := db.reader.QueryRowContext(ctx, of.sumSQL+where.sql(), where.args...).Scan(into...); err != nil {
		return db.failed(err)
	}
	totals.FailureCount = totals.RequestCount - totals.SuccessCount
	return nil
}

func (db *DB) failed(err error) error {
	return fmt.Errorf("metrics store: %w", sqlitex.Explain(db.path, err))
}
