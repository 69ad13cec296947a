package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/agent-gateway/agent-gateway/internal/sqlitex"
	"github.com/agent-gateway/agent-gateway/metrics"
)

var selectSQL = "SELECT id, " + columnNames + " FROM llm_usage_events"

const pageSQL = " ORDER BY started_at DESC, id DESC LIMIT ?"

// LLMEvents implements [metrics.Reader].
func (db *DB) LLMEvents(ctx context.Context, q metrics.Query) (metrics.Page, error) {
	limit, err := pageSize(q.Limit)
	if err != nil {
		return metrics.Page{}, err
	}
	where, err := conditions(q)
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
	rows, err := db.reader.QueryContext(ctx, selectSQL+where.sql()+pageSQL, append(where.args, limit+1)...)
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
		e, id, err := scanEvent(rows)
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

// LLMSummary implements [metrics.Reader].
func (db *DB) LLMSummary(ctx context.Context, q metrics.Query) (metrics.LLMSummary, error) {
	where, err := conditions(q)
	if err != nil {
		return metrics.LLMSummary{}, err
	}
	var s metrics.LLMSummary
	err = db.reader.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(success), 0), coalesce(avg(latency_ms), 0),
		coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(total_tokens), 0), sum(cost_usd),
		count(*) - count(coalesce(input_tokens, output_tokens, total_tokens))
		FROM llm_usage_events`+where.sql(), where.args...).
		Scan(&s.RequestCount, &s.SuccessCount, &s.AvgLatencyMS, &s.InputTokens, &s.OutputTokens, &s.TotalTokens, &s.CostUSD, &s.UnknownUsageCount)
	if err != nil {
		return metrics.LLMSummary{}, db.failed(err)
	}
	s.FailureCount = s.RequestCount - s.SuccessCount
	return s, nil
}

func (db *DB) failed(err error) error {
	return fmt.Errorf("metrics store: %w", sqlitex.Explain(db.path, err))
}

func scanEvent(rows *sql.Rows) (e *metrics.Event, id int64, err error) {
	e = &metrics.Event{LLM: &metrics.LLM{}}
	row := columns(e)
	into := make([]any, 0, 1+columnCount)
	into = append(into, &id)
	for i := range row {
		into = append(into, &row[i])
	}
	return e, id, rows.Scan(into...)
}
