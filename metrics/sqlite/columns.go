package sqlite

import (
	"github.com/agent-gateway/agent-gateway/metrics"
)

// column is a column of a table, with a pointer to the field of the event that it
// holds.
type column struct {
	name  string
	field any
}

// latency is the field of a column that only SQL reads: in an event it follows from
// the times.
type latency struct{ of *metrics.Event }

// commonColumns are in every table.
func commonColumns(row []column, e *metrics.Event) []column {
	return append(row,
		column{"event_id", &e.EventID},
		column{"trace_id", &e.TraceID},
		column{"span_id", &e.SpanID},
		column{"parent_span_id", &e.ParentSpanID},
		column{"agent_depth", &e.AgentDepth},
		column{"agent_id", &e.AgentID},
		column{"started_at", &e.StartedAt},
		column{"finished_at", &e.FinishedAt},
		column{"latency_ms", latency{e}},
		column{"route_id", &e.RouteID},
		column{"route_kind", &e.RouteKind},
		column{"route_protocol", &e.RouteProtocol},
		column{"virtual_key_id", &e.VirtualKeyID},
		column{"success", &e.Success},
		column{"status_code", &e.StatusCode},
		column{"error_type", &e.ErrorType},
	)
}

func llmColumns(row []column, e *metrics.Event) []column {
	l := e.LLM
	return append(commonColumns(row, e),
		column{"llm_api", &l.API},
		column{"api_operation", &l.Operation},
		column{"provider_id", &l.ProviderID},
		column{"provider_type", &l.ProviderType},
		column{"logical_model", &l.LogicalModel},
		column{"upstream_model", &l.Model},
		column{"credential_source", &l.CredentialSource},
		column{"credential_id", &l.CredentialID},
		column{"stream", &l.Stream},
		column{"input_tokens", &l.InputTokens},
		column{"output_tokens", &l.OutputTokens},
		column{"total_tokens", &l.TotalTokens},
		column{"cache_read_tokens", &l.CacheRead},
		column{"cache_write_tokens", &l.CacheWrite},
		column{"reasoning_tokens", &l.Reasoning},
		column{"cost_usd", &l.CostUSD},
		column{"usage_finalized", &l.UsageFinalized},
		column{"attempts", &l.Attempts},
		column{"attempts_json", &l.Tries},
		column{"dropped_fields", &l.Dropped},
		column{"time_to_first_byte_ms", &l.TimeToFirstByte},
		column{"request_tool_count", &l.RequestToolCount},
		column{"request_tool_names", &l.RequestToolNames},
		column{"tool_call_count", &l.ToolCallCount},
		column{"tool_names", &l.ToolNames},
	)
}

func mcpColumns(row []column, e *metrics.Event) []column {
	m := e.MCP
	return append(commonColumns(row, e),
		column{"request_id", &m.RequestID},
		column{"service_id", &m.ServiceID},
		column{"method", &m.Method},
		column{"tool_name", &m.ToolName},
		column{"presented_tool_name", &m.PresentedToolName},
		column{"executed_tool_name", &m.ExecutedToolName},
		column{"execution_mode", &m.ExecutionMode},
		column{"policy_action", &m.PolicyAction},
		column{"resource_uri", &m.ResourceURI},
		column{"prompt_name", &m.PromptName},
		column{"arg_count", &m.ArgCount},
		column{"result_status", &m.ResultStatus},
		column{"cancelled", &m.Cancelled},
		column{"tool_args_json", &m.ToolArgs},
	)
}
