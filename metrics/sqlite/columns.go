package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
)

// column is a column of llm_usage_events, with a pointer to the field of the event
// that it holds.
type column struct {
	name  string
	field any
}

// latency is the field of a column that only SQL reads: in an event it follows from
// the times.
type latency struct{ of *metrics.Event }

const columnCount = 41

// columns are all but id, which is in the order of writing, for an event that has an LLM.
func columns(e *metrics.Event) [columnCount]column {
	l := e.LLM
	return [...]column{
		{"event_id", &e.EventID},
		{"trace_id", &e.TraceID},
		{"span_id", &e.SpanID},
		{"parent_span_id", &e.ParentSpanID},
		{"agent_depth", &e.AgentDepth},
		{"agent_id", &e.AgentID},
		{"started_at", &e.StartedAt},
		{"finished_at", &e.FinishedAt},
		{"latency_ms", latency{e}},
		{"route_id", &e.RouteID},
		{"route_kind", &e.RouteKind},
		{"route_protocol", &e.RouteProtocol},
		{"virtual_key_id", &e.VirtualKeyID},
		{"success", &e.Success},
		{"status_code", &e.StatusCode},
		{"error_type", &e.ErrorType},
		{"llm_api", &l.API},
		{"api_operation", &l.Operation},
		{"provider_id", &l.ProviderID},
		{"provider_type", &l.ProviderType},
		{"logical_model", &l.LogicalModel},
		{"upstream_model", &l.Model},
		{"credential_source", &l.CredentialSource},
		{"credential_id", &l.CredentialID},
		{"stream", &l.Stream},
		{"input_tokens", &l.InputTokens},
		{"output_tokens", &l.OutputTokens},
		{"total_tokens", &l.TotalTokens},
		{"cache_read_tokens", &l.CacheRead},
		{"cache_write_tokens", &l.CacheWrite},
		{"reasoning_tokens", &l.Reasoning},
		{"cost_usd", &l.CostUSD},
		{"usage_finalized", &l.UsageFinalized},
		{"attempts", &l.Attempts},
		{"attempts_json", &l.Tries},
		{"dropped_fields", &l.Dropped},
		{"time_to_first_byte_ms", &l.TimeToFirstByte},
		{"request_tool_count", &l.RequestToolCount},
		{"request_tool_names", &l.RequestToolNames},
		{"tool_call_count", &l.ToolCallCount},
		{"tool_names", &l.ToolNames},
	}
}

// columnNames are the names for a statement, joined by commas.
var columnNames = func() string {
	var names [columnCount]string
	for i, c := range columns(&metrics.Event{LLM: &metrics.LLM{}}) {
		names[i] = c.name
	}
	return strings.Join(names[:], ", ")
}()

// value is what is stored: NULL for what is empty or unknown. It is old where that
// is the same.
func (c *column) value(old driver.Value) driver.Value {
	switch f := c.field.(type) {
	case *string:
		if *f != "" {
			return same(old, *f)
		}
	case latency:
		return milliseconds(f.of.Latency())
	case *bool:
		return *f
	case *int:
		return same(old, int64(*f))
	case *metrics.Count:
		if f.Known {
			return same(old, f.N)
		}
	case **float64:
		if *f != nil {
			return **f
		}
	case *time.Time:
		return nanos(*f)
	case *time.Duration:
		if *f > 0 {
			return milliseconds(*f)
		}
	case *[]metrics.Try:
		if len(*f) > 0 {
			return metrics.TriesJSON(*f)
		}
	case *[]string:
		if len(*f) > 0 {
			list, _ := json.Marshal(*f) // strings always marshal
			return string(list)
		}
	}
	return nil
}

func same[T comparable](old driver.Value, v T) driver.Value {
	if o, ok := old.(T); ok && o == v {
		return old
	}
	return v
}

// Scan sets the field to what value stored, as [sql.Scanner].
func (c *column) Scan(stored any) (err error) {
	switch f := c.field.(type) {
	case latency:
	case *string:
		*f, _, err = scan[string](stored)
	case *bool:
		*f, _, err = scan[bool](stored)
	case *int:
		*f, _, err = scan[int](stored)
	case *metrics.Count:
		f.N, f.Known, err = scan[int64](stored)
	case **float64:
		v, known, e := scan[float64](stored)
		if err = e; known {
			*f = &v
		}
	case *time.Time:
		var n int64
		n, _, err = scan[int64](stored)
		*f = fromNanos(n)
	case *time.Duration:
		var ms float64
		ms, _, err = scan[float64](stored)
		*f = time.Duration(math.Round(ms * float64(time.Millisecond)))
	case *[]metrics.Try:
		var list string
		if list, _, err = scan[string](stored); list != "" {
			err = json.Unmarshal([]byte(list), f)
		}
	case *[]string:
		var list string
		if list, _, err = scan[string](stored); list != "" {
			err = json.Unmarshal([]byte(list), f)
		}
	default:
		err = fmt.Errorf("no column holds a %T", f)
	}
	return err
}

// scan returns the zero value for NULL, which it reports as not known.
func scan[T any](stored any) (v T, known bool, err error) {
	n := sql.Null[T]{}
	err = n.Scan(stored)
	return n.V, n.Valid, err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

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
