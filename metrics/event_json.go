package metrics

import (
	"encoding/json"
	"time"
)

// common, llmFields and mcpFields are the JSON form of an event, in the order that
// the Admin API documents.
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

type mcpFields struct {
	RequestID         string `json:"request_id"`
	ServiceID         string `json:"service_id"`
	Method            string `json:"method"`
	ToolName          string `json:"tool_name"`
	PresentedToolName string `json:"presented_tool_name"`
	ExecutedToolName  string `json:"executed_tool_name"`
	ExecutionMode     string `json:"execution_mode"`
	PolicyAction      string `json:"policy_action"`
	ResourceURI       string `json:"resource_uri"`
	PromptName        string `json:"prompt_name"`
	ArgCount          int    `json:"arg_count"`
	ResultStatus      string `json:"result_status"`
	Cancelled         bool   `json:"cancelled"`
	ToolArgs          string `json:"tool_args_json"`
}

// MarshalJSON writes the form that the Admin API documents: the common fields,
// then those of the event's kind.
func (e *Event) MarshalJSON() ([]byte, error) {
	v := struct {
		common
		*llmFields
		*mcpFields
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
	if m := e.MCP; m != nil {
		v.mcpFields = &mcpFields{
			m.RequestID, m.ServiceID, m.Method, m.ToolName, m.PresentedToolName, m.ExecutedToolName, m.ExecutionMode,
			m.PolicyAction, m.ResourceURI, m.PromptName, m.ArgCount, m.ResultStatus, m.Cancelled, m.ToolArgs,
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
