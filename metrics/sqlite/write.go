package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/sqlitex"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// columns are those of llm_usage_events that are written and read back, in the
// order of values and scanEvent.
var columns = []string{
	"event_id", "trace_id", "span_id", "parent_span_id", "agent_depth", "agent_id", "started_at", "finished_at",
	"route_id", "route_kind", "route_protocol", "virtual_key_id", "success", "status_code", "error_type",
	"llm_api", "api_operation", "provider_id", "provider_type", "logical_model", "upstream_model", "credential_source",
	"credential_id", "stream", "input_tokens", "output_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens",
	"reasoning_tokens", "cost_usd", "usage_finalized", "attempts", "time_to_first_byte_ms", "request_tool_count",
	"request_tool_names", "tool_call_count", "tool_names",
}

var insertSQL = "INSERT INTO llm_usage_events (" + strings.Join(columns, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(columns)-1) + ")"

// Write implements [metrics.Writer]: all events in one transaction, or none. Events
// of kinds without a table are left out.
func (db *DB) Write(ctx context.Context, events []*metrics.Event) error {
	if err := db.write(ctx, events); err != nil {
		return fmt.Errorf("metrics store: %w", sqlitex.Explain(db.path, err))
	}
	return nil
}

func (db *DB) write(ctx context.Context, events []*metrics.Event) error {
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert := tx.StmtContext(ctx, db.insert)
	defer insert.Close()
	row := make([]any, 0, len(columns))
	for _, e := range events {
		if e.LLM == nil {
			continue
		}
		row = values(row[:0], e)
		// Watching ctx would cost a goroutine for each row; BeginTx watches it already.
		if _, err := insert.Exec(row...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func values(row []any, e *metrics.Event) []any {
	l := e.LLM
	return append(row,
		text(e.EventID), text(e.TraceID), text(e.SpanID), text(e.ParentSpanID), e.AgentDepth, text(e.AgentID), nanos(e.StartedAt), nanos(e.FinishedAt),
		text(e.RouteID), text(e.RouteKind), text(e.RouteProtocol), text(e.VirtualKeyID), e.Success, e.StatusCode, text(e.ErrorType),
		text(l.API), text(l.Operation), text(l.ProviderID), text(l.ProviderType), text(l.LogicalModel), text(l.Model), text(l.CredentialSource),
		text(l.CredentialID), l.Stream, count(l.InputTokens), count(l.OutputTokens), count(l.TotalTokens), count(l.CacheRead), count(l.CacheWrite),
		count(l.Reasoning), cost(l.CostUSD), l.UsageFinalized, l.Attempts, milliseconds(l.TimeToFirstByte), l.RequestToolCount,
		names(l.RequestToolNames), l.ToolCallCount, names(l.ToolNames))
}

// nil is NULL.

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func count(c metrics.Count) any {
	if !c.Known {
		return nil
	}
	return c.N
}

func cost(usd *float64) any {
	if usd == nil {
		return nil
	}
	return *usd
}

func milliseconds(d time.Duration) any {
	if d <= 0 {
		return nil
	}
	return float64(d) / float64(time.Millisecond)
}

func names(list []string) any {
	if len(list) == 0 {
		return nil
	}
	b, _ := json.Marshal(list) // strings always marshal
	return string(b)
}

// nanos is t as it is stored: nanoseconds since 1970, as far as they go.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(earliest):
		return math.MinInt64
	case t.After(latest):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// The zero time is before the earliest, and is stored as that.
var earliest, latest = time.Unix(0, math.MinInt64+1), time.Unix(0, math.MaxInt64)

func fromNanos(n int64) time.Time {
	if n == math.MinInt64 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
