package metricstest

import (
	"context"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/stretchr/testify/require"
)

// kind is what the checks have to know of one kind of events.
type kind struct {
	name  string
	event func(id string, after time.Duration) *metrics.Event
	full  func(id string) *metrics.Event
	// text is a field that may hold any text.
	text func(e *metrics.Event) *string
	// filters are all that there are, with the values that the full event has.
	filters     []string
	values      map[string]string
	read        func(r metrics.Reader, ctx context.Context, q metrics.Query) (metrics.Page, error)
	sum         func(r metrics.Reader, ctx context.Context, q metrics.Query) (totals metrics.Totals, all any, err error)
	testSummary func(t *testing.T, s Store)
}

var kinds = []kind{
	{
		name: "LLM", event: Event, full: FullEvent,
		text:    func(e *metrics.Event) *string { return &e.LLM.Model },
		filters: metrics.LLMFilters,
		values: map[string]string{
			"route_id": "openai-chat", "provider_id": "openai-main", "virtual_key_id": "test-key", "upstream_model": "gpt-4.1-mini",
			"logical_model": "fast", "llm_api": "openai", "api_operation": "openai.chat", "agent_id": "coder",
			"request_tool_name": `odd "name", 世界`, "has_tool_use": "true",
		},
		read: metrics.Reader.LLMEvents,
		sum: func(r metrics.Reader, ctx context.Context, q metrics.Query) (metrics.Totals, any, error) {
			s, err := r.LLMSummary(ctx, q)
			return s.Totals, s, err
		},
		testSummary: testLLMSummary,
	},
	{
		name: "MCP", event: MCPEvent, full: FullMCPEvent,
		text:    func(e *metrics.Event) *string { return &e.MCP.ToolName },
		filters: metrics.MCPFilters,
		values: map[string]string{
			"route_id": "mcp-files", "service_id": "files", "virtual_key_id": "test-key", "method": "tools/call", "tool_name": "read_file",
			"resource_uri": "file:///etc/hosts", "prompt_name": "review", "result_status": "denied", "agent_id": "coder",
		},
		read: metrics.Reader.MCPEvents,
		sum: func(r metrics.Reader, ctx context.Context, q metrics.Query) (metrics.Totals, any, error) {
			s, err := r.MCPSummary(ctx, q)
			return s.Totals, s, err
		},
		testSummary: testMCPSummary,
	},
}

// side is a store, asked about one kind of events.
type side struct {
	Store
	kind
}

func (s side) store(t *testing.T, events ...*metrics.Event) {
	t.Helper()
	store(t, s.Store, events...)
}

func (s side) page(t *testing.T, q metrics.Query) metrics.Page {
	t.Helper()
	p, err := s.read(s.Reader, t.Context(), q)
	require.NoError(t, err)
	return p
}

// totals are those of the kind's summary, of which all is the whole.
func (s side) totals(t *testing.T, q metrics.Query) (totals metrics.Totals, all any) {
	t.Helper()
	totals, all, err := s.sum(s.Reader, t.Context(), q)
	require.NoError(t, err)
	return totals, all
}

// errs are those of both questions.
func (s side) errs(ctx context.Context, q metrics.Query) (events, summary error) {
	_, events = s.read(s.Reader, ctx, q)
	_, _, summary = s.sum(s.Reader, ctx, q)
	return events, summary
}
