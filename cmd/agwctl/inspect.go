package main

import (
	"context"
	"encoding/json"
	"net/url"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/tidwall/gjson"
)

type providerTypeCmd struct {
	List providerTypeListCmd `cmd:"" help:"List the provider types."`
}

type providerTypeListCmd struct{}

// Run lists the provider types.
func (c *providerTypeListCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	items, err := admin.ProviderTypes(ctx)
	if err != nil {
		return err
	}
	return a.printList(items, []string{"provider_type", "enabled"})
}

type handlerTypeCmd struct {
	List handlerTypeListCmd `cmd:"" help:"List the LLM protocols."`
}

type handlerTypeListCmd struct{}

// Run lists the LLM protocols.
func (c *handlerTypeListCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	items, err := admin.APIHandlerTypes(ctx)
	if err != nil {
		return err
	}
	return a.printList(items, []string{"llm_api_handler_type"})
}

type metricsCmd struct {
	Summary summaryCmd   `cmd:"" default:"withargs" help:"Totals, and the health of the event pipeline; also without its name."`
	LLM     llmEventsCmd `cmd:"" name:"llm" help:"Recent LLM events, newest first."`
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

type llmEventsCmd struct {
	period
	Limit   int               `placeholder:"N" help:"At most so many events, 100 unless set."`
	Cursor  string            `placeholder:"CURSOR" help:"Go on where a page ended: its next_cursor."`
	Success string            `enum:",true,false" default:"" placeholder:"true|false" help:"Only calls with this outcome."`
	Filter  map[string]string `placeholder:"FIELD=VALUE" mapsep:"none" help:"Only events with this value in a field, such as route_id; repeats."`
}

// Help is shown by kong.
func (c *llmEventsCmd) Help() string {
	return "Examples:\n\n    agwctl gateway metrics llm --limit 20 -o table\n    agwctl gateway metrics llm --filter provider_id=openai-main --success false"
}

// Run prints one page of events; as a table, only the events.
func (c *llmEventsCmd) Run(ctx context.Context, a *app) error {
	q := c.query()
	for name, value := range c.Filter {
		q.Set(name, value)
	}
	if c.Limit != 0 {
		q.Set("limit", strconv.Itoa(c.Limit))
	}
	setUnlessEmpty(q, "cursor", c.Cursor)
	setUnlessEmpty(q, "success", c.Success)
	admin, err := a.admin()
	if err != nil {
		return err
	}
	page, err := admin.LLMEvents(ctx, q)
	if err != nil {
		return err
	}
	if a.global.Output != "table" {
		return a.printJSON(page)
	}
	var items []json.RawMessage
	for _, item := range gjson.GetBytes(page, "items").Array() {
		items = append(items, json.RawMessage(item.Raw))
	}
	return printTable(a.stdout, items, []string{"started_at", "route_id", "provider_id", "upstream_model", "status_code", "error_type", "total_tokens", "cost_usd", "latency_ms"})
}

type versionCmd struct{}

// Run prints the version.
func (c *versionCmd) Run(a *app) error {
	v := struct {
		Version  string `json:"version"`
		Revision string `json:"revision,omitempty"`
		Go       string `json:"go"`
	}{Version: "unknown", Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.printObject(b, nil)
}
