package metrics

import (
	"context"
	"errors"
	"time"
)

// ErrQuery says that a query has a bad value; its text names the parameter.
var ErrQuery = errors.New("bad query")

// Query selects events.
type Query struct {
	// From and To bound StartedAt: [From, To). Zero: all that is retained.
	From, To time.Time
	// Limit is the most events to return; 0 means 100, the most is 1000.
	Limit int
	// Cursor is the NextCursor of the page before; empty for the first.
	Cursor string
	// Success selects by outcome; nil takes both.
	Success *bool
	// Where selects by the values of fields, named as in an event's JSON.
	Where map[string]string
}

// Page is one page of events, newest first.
type Page struct {
	Events     []*Event
	NextCursor string // empty on the last page
}

// Totals are what a summary says of every kind of event.
type Totals struct {
	RequestCount int64   `json:"request_count"`
	SuccessCount int64   `json:"success_count"`
	FailureCount int64   `json:"failure_count"`
	AvgLatencyMS float64 `json:"avg_latency_ms"`
}

// LLMSummary sums up the LLM events of a period. Token sums are of what is known.
type LLMSummary struct {
	Totals
	InputTokens       int64    `json:"input_tokens"`
	OutputTokens      int64    `json:"output_tokens"`
	TotalTokens       int64    `json:"total_tokens"`
	CostUSD           *float64 `json:"cost_usd"` // null when nothing was priced
	UnknownUsageCount int64    `json:"unknown_usage_count"`
}

// MCPSummary sums up the MCP events of a period.
type MCPSummary struct {
	Totals
	ToolsCallCount int64 `json:"tools_call_count"` // events of the method tools/call
}

// Reader answers questions about the events that were stored. It is safe for
// concurrent use. An error that wraps [ErrQuery] is the asker's.
type Reader interface {
	// LLMEvents and MCPEvents return events of that kind, newest first. A cursor is
	// good for the kind that it came from.
	LLMEvents(ctx context.Context, q Query) (Page, error)
	MCPEvents(ctx context.Context, q Query) (Page, error)
	// LLMSummary and MCPSummary sum up what q selects; they ignore Limit and Cursor.
	LLMSummary(ctx context.Context, q Query) (LLMSummary, error)
	MCPSummary(ctx context.Context, q Query) (MCPSummary, error)
}

// LLMFilters are the fields by which LLM events may be selected in Query.Where.
var LLMFilters = []string{
	"route_id", "provider_id", "virtual_key_id", "upstream_model", "logical_model", "llm_api", "api_operation", "agent_id",
	"request_tool_name", "has_tool_use",
}

// MCPFilters are the fields by which MCP events may be selected in Query.Where.
var MCPFilters = []string{
	"route_id", "service_id", "virtual_key_id", "method", "tool_name", "resource_uri", "prompt_name", "result_status", "agent_id",
}
