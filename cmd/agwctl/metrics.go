package main

import (
	"context"
	"net/url"
	"strconv"
)

type metricsCmd struct {
	Summary summaryCmd   `cmd:"" default:"withargs" help:"Totals, and the health of the event pipeline; also without its name."`
	LLM     llmEventsCmd `cmd:"" name:"llm" help:"Recent LLM events, newest first."`
	MCP     mcpEventsCmd `cmd:"" name:"mcp" help:"Recent MCP events, newest first."`
}

// period bounds what is asked about.
type period struct {
	From string `placeholder:"TIME" help:"From this time on (RFC 3339)."`
	To   string `placeholder:"TIME" help:"Before this time (RFC 3339)."`
}

func (p period) query() url.Values {
	q := url.Values{}
	setUnlessEmpty(q, "from", p.From)
	setUnlessEmpty(q, "to", p.To)
	return q
}

func setUnlessEmpty(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

type summaryCmd struct{ period }

// Help is shown by kong.
func (c *summaryCmd) Help() string {
	return "Example:\n\n    agwctl gateway metrics --from 2026-01-01T00:00:00Z"
}

// Run prints the totals.
func (c *summaryCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	summary, err := admin.Metrics(ctx, c.query())
	if err != nil {
		return err
	}
	return a.printObject(summary, nil)
}

// eventsFlags select the events of one page.
type eventsFlags struct {
	period
	Limit   int               `placeholder:"N" help:"At most so many events, 100 unless set."`
	Cursor  string            `placeholder:"CURSOR" help:"Go on where a page ended: its next_cursor."`
	Success string            `enum:",true,false" default:"" placeholder:"true|false" help:"Only calls with this outcome."`
	Filter  map[string]string `placeholder:"FIELD=VALUE" mapsep:"none" help:"Only events with this value in a field, such as route_id; repeats."`
}

func (f eventsFlags) query() url.Values {
	q := f.period.query()
	for name, value := range f.Filter {
		q.Set(name, value)
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	setUnlessEmpty(q, "cursor", f.Cursor)
	setUnlessEmpty(q, "success", f.Success)
	return q
}

type llmEventsCmd struct{ eventsFlags }

// Help is shown by kong.
func (c *llmEventsCmd) Help() string {
	return "Examples:\n\n    agwctl gateway metrics llm --limit 20 -o table\n    agwctl gateway metrics llm --filter provider_id=openai-main --success false"
}

// Run prints one page of events; as a table, only the events.
func (c *llmEventsCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	page, err := admin.LLMEvents(ctx, c.query())
	if err != nil {
		return err
	}
	return a.printItems(page, []string{"started_at", "route_id", "provider_id", "upstream_model", "status_code", "error_type", "total_tokens", "cost_usd", "latency_ms"})
}

type mcpEventsCmd struct{ eventsFlags }

// Help is shown by kong.
func (c *mcpEventsCmd) Help() string {
	return "Examples:\n\n    agwctl gateway metrics mcp --limit 20 -o table\n    agwctl gateway metrics mcp --filter method=tools/call --filter tool_name=read_file"
}

// Run prints one page of events; as a table, only the events.
func (c *mcpEventsCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	page, err := admin.MCPEvents(ctx, c.query())
	if err != nil {
		return err
	}
	return a.printItems(page, []string{"started_at", "route_id", "service_id", "method", "tool_name", "result_status", "policy_action", "latency_ms"})
}
