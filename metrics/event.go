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

// PolicyDeny is the PolicyAction of a call that a tool policy did not let through.
const PolicyDeny = "deny"

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

	// The one of the event's kind is set, the others are nil.
	LLM *LLM
	MCP *MCP
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

// MCP is what one message of an MCP session adds.
type MCP struct {
	RequestID string // the JSON-RPC id, as text
	ServiceID string
	Method    string // as the caller sent it
	// ToolName is the service's own name of the tool. The caller was shown
	// PresentedToolName; ExecutedToolName was called, and is empty when none was.
	ToolName, PresentedToolName, ExecutedToolName string

	ExecutionMode string
	PolicyAction  string // what the tool policy did, such as [PolicyDeny]; empty when it had nothing to decide
	ResourceURI   string
	PromptName    string
	ArgCount      int
	ResultStatus  string // one of a few words, such as ok, error and denied; never empty
	Cancelled     bool
	ToolArgs      string // JSON, cut off at a bound; empty unless the service's audit wants them
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
