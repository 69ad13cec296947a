package metrics

import (
	"context"
	"encoding/json"
	"time"
)

// Kinds of routes, and so of events.
const (
	KindLLM = "llm"
	KindMCP = "mcp"
	KindACP = "acp"
)

// Event is one hop. It is immutable once it has been recorded.
type Event struct {
	EventID, TraceID, SpanID, ParentSpanID string

	AgentDepth int
	AgentID    string

	StartedAt, FinishedAt time.Time

	RouteID, RouteKind, RouteProtocol string
	VirtualKeyID                      string

	Success    bool
	StatusCode int
	ErrorType  string // empty on success

	// LLM is set on events of that kind.
	LLM *LLM
}

// LLM is what an LLM call adds.
type LLM struct {
	API, Operation            string
	ProviderID, ProviderType  string
	LogicalModel, Model       string
	CredentialSource          string
	CredentialID              string
	Stream                    bool
	InputTokens, OutputTokens Count // input counts cached tokens too
	TotalTokens               Count
	CacheRead, CacheWrite     Count
	Reasoning                 Count
	CostUSD                   *float64 // nil: no price is known
	UsageFinalized            bool     // false: estimated, or seen until a break
	Attempts                  int      // upstream calls made
	Tries                     []Try    // each of them, when there was more than one
	Dropped                   []string // fields that a translation could not carry
	TimeToFirstByte           time.Duration
	RequestToolCount          int
	RequestToolNames          []string
	ToolCallCount             int
	ToolNames                 []string
}

// Try is one upstream call of several that one request led to.
type Try struct {
	ProviderID   string  `json:"provider_id"`
	Model        string  `json:"upstream_model"`
	CredentialID string  `json:"credential_id"`
	StatusCode   int     `json:"status_code"` // 0: no answer
	ErrorType    string  `json:"error_type"`
	LatencyMS    float64 `json:"latency_ms"`
}

// Latency is how long the hop took.
func (e *Event) Latency() time.Duration { return e.FinishedAt.Sub(e.StartedAt) }

// Count is a number that may be unknown: null in JSON, NULL in a table. The zero
// value is unknown.
type Count struct {
	N     int64
	Known bool
}

// MarshalJSON writes the number, or null.
func (c Count) MarshalJSON() ([]byte, error) {
	if !c.Known {
		return []byte("null"), nil
	}
	return json.Marshal(c.N)
}

// UnmarshalJSON reads a number or null.
func (c *Count) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*c = Count{}
		return nil
	}
	c.Known = true
	return json.Unmarshal(b, &c.N)
}

// Sink takes events. Record never blocks and may be called concurrently; the
// event must not be changed.
type Sink interface {
	Record(ctx context.Context, e *Event)
}

// Writer stores events, in batches, from one goroutine at a time.
type Writer interface {
	Write(ctx context.Context, events []*Event) error
}

// common and llmFields are the JSON form of an event, in the order that the
// Admin API documents.
type common struct {
	EventID       string  `json:"event_id"`
	TraceID       string  `json:"trace_id"`
	SpanID        string  `json:"span_id"`
	ParentSpanID  string  `json:"parent_span_id"`
	AgentDepth    int     `json:"agent_depth"`
	AgentID       string  `json:"agent_id"`
	StartedAt     string  `json:"started_at"`
	FinishedAt    string  `json:"finished_at"`
	LatencyMS     float64 `json:"latency_ms"`
	RouteID       string  `json:"route_id"`
	RouteKind     string  `json:"route_kind"`
	RouteProtocol string  `json:"route_protocol"`
	VirtualKeyID  string  `json:"virtual_key_id"`
	Success       bool    `json:"success"`
	StatusCode    int     `json:"status_code"`
	ErrorType     string  `json:"error_type"`
}

type llmFields struct {
	API               string   `json:"llm_api"`
	Operation         string   `json:"api_operation"`
	ProviderID        string   `json:"provider_id"`
	ProviderType      string   `json:"provider_type"`
	LogicalModel      string   `json:"logical_model"`
	Model             string   `json:"upstream_model"`
	CredentialSource  string   `json:"credential_source"`
	CredentialID      string   `json:"credential_id"`
	Stream            bool     `json:"stream"`
	InputTokens       Count    `json:"input_tokens"`
	OutputTokens      Count    `json:"output_tokens"`
	TotalTokens       Count    `json:"total_tokens"`
	CacheRead         Count    `json:"cache_read_tokens"`
	CacheWrite        Count    `json:"cache_write_tokens"`
	Reasoning         Count    `json:"reasoning_tokens"`
	CostUSD           *float64 `json:"cost_usd"`
	UsageFinalized    bool     `json:"usage_finalized"`
	Attempts          int      `json:"attempts"`
	AttemptsJSON      string   `json:"attempts_json"`
	Dropped           []string `json:"dropped_fields"`
	TimeToFirstByteMS *float64 `json:"time_to_first_byte_ms"`
	RequestToolCount  int      `json:"request_tool_count"`
	RequestToolNames  []string `json:"request_tool_names"`
	ToolCallCount     int      `json:"tool_call_count"`
	ToolNames         []string `json:"tool_names"`
}

// MarshalJSON writes the form that the Admin API documents: the common fields,
// then those of the event's kind.
func (e *Event) MarshalJSON() ([]byte, error) {
	v := struct {
		common
		*llmFields
	}{common: common{
		e.EventID, e.TraceID, e.SpanID, e.ParentSpanID, e.AgentDepth, e.AgentID,
		stamp(e.StartedAt), stamp(e.FinishedAt), milliseconds(e.Latency()),
		e.RouteID, e.RouteKind, e.RouteProtocol, e.VirtualKeyID, e.Success, e.StatusCode, e.ErrorType,
	}}
	if l := e.LLM; l != nil {
		v.llmFields = &llmFields{
			l.API, l.Operation, l.ProviderID, l.ProviderType, l.LogicalModel, l.Model, l.CredentialSource, l.CredentialID,
			l.Stream, l.InputTokens, l.OutputTokens, l.TotalTokens, l.CacheRead, l.CacheWrite, l.Reasoning,
			l.CostUSD, l.UsageFinalized, l.Attempts, TriesJSON(l.Tries), notNil(l.Dropped), nil,
			l.RequestToolCount, notNil(l.RequestToolNames), l.ToolCallCount, notNil(l.ToolNames),
		}
		if l.TimeToFirstByte > 0 {
			ms := milliseconds(l.TimeToFirstByte)
			v.TimeToFirstByteMS = &ms
		}
	}
	return json.Marshal(v)
}

// TriesJSON is a list of tries as text, "" for none.
func TriesJSON(tries []Try) string {
	if len(tries) == 0 {
		return ""
	}
	b, _ := json.Marshal(tries) // plain values always marshal
	return string(b)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
