package metricstest

import (
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
)

// Start is when the suite's events began. A store must not find them too old.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// Event returns a small LLM event that began so long after [Start].
func Event(id string, after time.Duration) *metrics.Event {
	e := small(id, after)
	e.RouteKind, e.LLM = metrics.KindLLM, &metrics.LLM{}
	return e
}

// MCPEvent is [Event] for an MCP event.
func MCPEvent(id string, after time.Duration) *metrics.Event {
	e := small(id, after)
	e.RouteKind, e.MCP = metrics.KindMCP, &metrics.MCP{}
	return e
}

func small(id string, after time.Duration) *metrics.Event {
	return &metrics.Event{
		EventID: id, StartedAt: Start.Add(after), FinishedAt: Start.Add(after + 10*time.Millisecond), Success: true, StatusCode: 200,
	}
}

// FullEvent returns an LLM event with a value in every field.
func FullEvent(id string) *metrics.Event {
	usd := 0.0123
	known := func(n int64) metrics.Count { return metrics.Count{N: n, Known: true} }
	e := full(id)
	e.RouteID, e.RouteKind, e.RouteProtocol = "openai-chat", metrics.KindLLM, "openai"
	e.LLM = &metrics.LLM{
		API: "openai", Operation: "openai.chat", ProviderID: "openai-main", ProviderType: "openai", LogicalModel: "fast",
		Model: "gpt-4.1-mini", CredentialSource: "credential", CredentialID: "cred-1", Stream: true,
		InputTokens: known(1 << 40), OutputTokens: known(2), TotalTokens: known((1 << 40) + 2), CacheRead: known(0), CacheWrite: known(4), Reasoning: known(5),
		CostUSD: &usd, UsageFinalized: true, Attempts: 2, Tries: []metrics.Try{{ProviderID: "p", Model: "m", StatusCode: 429, ErrorType: "rate_limited", LatencyMS: 1.5}, {ProviderID: "q"}}, Dropped: []string{"seed"}, TimeToFirstByte: 98765432 * time.Nanosecond,
		RequestToolCount: 2, RequestToolNames: []string{"read_file", `odd "name", 世界`}, ToolCallCount: 1, ToolNames: []string{"read_file"},
	}
	return e
}

// FullMCPEvent returns an MCP event with a value in every field.
func FullMCPEvent(id string) *metrics.Event {
	e := full(id)
	e.RouteID, e.RouteKind, e.RouteProtocol = "mcp-files", metrics.KindMCP, "mcp"
	e.MCP = &metrics.MCP{
		RequestID: "42", ServiceID: "files", Method: "tools/call", ToolName: "read_file", PresentedToolName: "files_read", ExecutedToolName: "read_file",
		ExecutionMode: "upstream", PolicyAction: metrics.PolicyDeny, ResourceURI: "file:///etc/hosts", PromptName: "review", ArgCount: 2,
		ResultStatus: "denied", Cancelled: true, ToolArgs: `{"path":"/etc/hosts"}`,
	}
	return e
}

func full(id string) *metrics.Event {
	return &metrics.Event{
		EventID: id, TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331", ParentSpanID: "00f067aa0ba902b7",
		AgentDepth: 2, AgentID: "coder", StartedAt: Start, FinishedAt: Start.Add(1234567891 * time.Nanosecond),
		VirtualKeyID: "test-key", Success: true, StatusCode: 200, ErrorType: "none",
	}
}
