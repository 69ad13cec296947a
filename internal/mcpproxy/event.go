package mcpproxy

import (
	"strings"
	"unicode/utf8"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// observe begins the event of a request.
func (x *exchange) observe() {
	span := x.hop.Span
	x.mcp = &metrics.MCP{ServiceID: x.hop.Service.Config.ID}
	x.event = &metrics.Event{
		EventID: span.UniqueID(), TraceID: span.TraceID, SpanID: span.SpanID, ParentSpanID: span.ParentID, AgentDepth: span.Depth,
		StartedAt: x.hop.Started, RouteID: x.hop.RouteID, RouteKind: metrics.KindMCP, RouteProtocol: "mcp", VirtualKeyID: x.hop.Caller.KeyID, MCP: x.mcp,
	}
	if x.in == nil {
		return
	}
	e := x.mcp
	e.RequestID = limited(string(x.in.ID.Of(x.in.Data)))
	if text, err := x.in.String(x.in.ID); err == nil && text != "" {
		e.RequestID = limited(text)
	}
	e.Method = x.in.Method
	e.ExecutionMode = "session"
	switch {
	case x.modern:
		e.ExecutionMode = "stateless"
	case x.r.Header.Get("Mcp-Session-Id") == "" && x.in.Method != "initialize":
		e.ExecutionMode = "bare"
	}
	switch x.in.Method {
	case "tools/call":
		x.arguments()
	case "prompts/get":
		e.PromptName = limited(x.params.nameText)
	case "resources/read", "resources/subscribe", "resources/unsubscribe":
		e.ResourceURI = cut(x.params.uriText, 1024)
	}
}

// arguments counts a tool's arguments, and keeps them where that is wanted.
func (x *exchange) arguments() {
	args := x.params.arguments.Of(x.in.Data)
	if len(args) == 0 || args[0] != '{' {
		return
	}
	jsonscan.Walk(args, 0, func(_ []byte, at int) int {
		x.mcp.ArgCount++
		return jsonscan.Skip(args, at)
	})
	if x.hop.Service.CaptureArgs {
		x.mcp.ToolArgs = cut(string(args), x.hop.Service.MaxArgs)
	}
}

// cut is at most n bytes of s, whole characters, and keeps nothing else of it.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.Clone(s[:n])
}

// record ends the event. failed is what has gone wrong, empty for nothing.
func (x *exchange) record(result, failed string) {
	x.event.FinishedAt = x.now()
	x.event.ErrorType = failed
	x.event.Success = failed == ""
	x.mcp.ResultStatus = result
	x.sink.Record(x.r.Context(), x.event)
}
