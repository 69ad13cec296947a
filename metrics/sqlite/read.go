package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/sqlitex"
	"github.com/agent-gateway/agent-gateway/metrics"
)

var selectSQL = "SELECT id, " + strings.Join(columns, ", ") + " FROM llm_usage_events"

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
	rows, err := db.reader.QueryContext(ctx, selectSQL+where.sql()+" ORDER BY started_at DESC, id DESC LIMIT ?", append(where.args, limit+1)...)
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

func scanEvent(rows *sql.Rows) (*metrics.Event, int64, error) {
	e := &metrics.Event{LLM: &metrics.LLM{}}
	l := e.LLM
	var id, started, finished int64
	var firstByte sql.NullFloat64
	err := rows.Scan(&id,
		orEmpty{&e.EventID}, orEmpty{&e.TraceID}, orEmpty{&e.SpanID}, orEmpty{&e.ParentSpanID}, &e.AgentDepth, orEmpty{&e.AgentID}, &started, &finished,
		orEmpty{&e.RouteID}, orEmpty{&e.RouteKind}, orEmpty{&e.RouteProtocol}, orEmpty{&e.VirtualKeyID}, &e.Success, &e.StatusCode, orEmpty{&e.ErrorType},
		orEmpty{&l.API}, orEmpty{&l.Operation}, orEmpty{&l.ProviderID}, orEmpty{&l.ProviderType}, orEmpty{&l.LogicalModel}, orEmpty{&l.Model}, orEmpty{&l.CredentialSource},
		orEmpty{&l.CredentialID}, &l.Stream, orUnknown{&l.InputTokens}, orUnknown{&l.OutputTokens}, orUnknown{&l.TotalTokens}, orUnknown{&l.CacheRead}, orUnknown{&l.CacheWrite},
		orUnknown{&l.Reasoning}, &l.CostUSD, &l.UsageFinalized, &l.Attempts, &firstByte, &l.RequestToolCount,
		jsonNames{&l.RequestToolNames}, &l.ToolCallCount, jsonNames{&l.ToolNames})
	e.StartedAt, e.FinishedAt = fromNanos(started), fromNanos(finished)
	l.TimeToFirstByte = time.Duration(math.Round(firstByte.Float64 * float64(time.Millisecond)))
	return e, id, err
}

// orEmpty, orUnknown and jsonNames scan NULL as what an Event has instead.

type orEmpty struct{ s *string }

func (o orEmpty) Scan(v any) error {
	n := sql.NullString{}
	err := n.Scan(v)
	*o.s = n.String
	return err
}

type orUnknown struct{ c *metrics.Count }

func (o orUnknown) Scan(v any) error {
	n := sql.NullInt64{}
	err := n.Scan(v)
	*o.c = metrics.Count{N: n.Int64, Known: n.Valid}
	return err
}

type jsonNames struct{ list *[]string }

func (j jsonNames) Scan(v any) error {
	n := sql.NullString{}
	if err := n.Scan(v); err != nil || !n.Valid {
		return err
	}
	return json.Unmarshal([]byte(n.String), j.list)
}
