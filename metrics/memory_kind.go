package metrics

import (
	"fmt"
	"slices"
)

// kind is how one kind of events is told from others and selected.
type kind struct {
	name    string
	filters []string
	holds   func(e *Event) bool
	// has reports whether the field of a filter has a value.
	has func(e *Event, filter, value string) bool
}

var (
	llmKind = kind{"LLM", LLMFilters, func(e *Event) bool { return e.LLM != nil }, llmHas}
	mcpKind = kind{"MCP", MCPFilters, func(e *Event) bool { return e.MCP != nil }, mcpHas}
)

func (k kind) check(q Query) error {
	for name, value := range q.Where {
		if !slices.Contains(k.filters, name) {
			return fmt.Errorf("%w: %s is not a filter of %s events", ErrQuery, name, k.name)
		}
		if name == "has_tool_use" && value != "true" && value != "false" {
			return fmt.Errorf("%w: has_tool_use is %q; it must be true or false", ErrQuery, value)
		}
	}
	return nil
}

func (k kind) selects(q Query, e *Event) bool {
	if !q.From.IsZero() && e.StartedAt.Before(q.From) ||
		!q.To.IsZero() && !e.StartedAt.Before(q.To) ||
		q.Success != nil && *q.Success != e.Success {
		return false
	}
	for name, value := range q.Where {
		if !k.has(e, name, value) {
			return false
		}
	}
	return true
}

func llmHas(e *Event, filter, value string) bool {
	switch l := e.LLM; filter {
	case "provider_id":
		return l.ProviderID == value
	case "upstream_model":
		return l.Model == value
	case "logical_model":
		return l.LogicalModel == value
	case "llm_api":
		return l.API == value
	case "api_operation":
		return l.Operation == value
	case "request_tool_name":
		return slices.Contains(l.RequestToolNames, value)
	case "has_tool_use":
		return (value == "true") == (l.ToolCallCount > 0)
	}
	return anyHas(e, filter, value)
}

func mcpHas(e *Event, filter, value string) bool {
	switch m := e.MCP; filter {
	case "service_id":
		return m.ServiceID == value
	case "method":
		return m.Method == value
	case "tool_name":
		return m.ToolName == value
	case "resource_uri":
		return m.ResourceURI == value
	case "prompt_name":
		return m.PromptName == value
	case "result_status":
		return m.ResultStatus == value
	}
	return anyHas(e, filter, value)
}

// anyHas is for the fields that events of every kind have.
func anyHas(e *Event, filter, value string) bool {
	switch filter {
	case "route_id":
		return e.RouteID == value
	case "virtual_key_id":
		return e.VirtualKeyID == value
	case "agent_id":
		return e.AgentID == value
	}
	return false
}
