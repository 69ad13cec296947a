package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/admin/client"
)

type mcpRuntimeCmd struct {
	Get      mcpRuntimeGetCmd `cmd:"" help:"List the MCP requests under way, with their progress."`
	InFlight mcpInFlightCmd   `cmd:"" name:"inflight" help:"List the MCP requests under way."`
	Cancel   mcpCancelCmd     `cmd:"" help:"Cancel one MCP request under way."`
	Progress mcpProgressCmd   `cmd:"" help:"List what servers have last said of the MCP requests under way."`
	History  mcpHistoryCmd    `cmd:"" help:"List the MCP requests that have ended, the last first."`
}

var inFlightColumns = []string{"id", "route_id", "service_id", "virtual_key_id", "method", "tool_name", "request_id", "progress_token", "started_at", "cancelled_at", "cancel_reason"}

type mcpRuntimeGetCmd struct{}

// Help is shown by kong.
func (c *mcpRuntimeGetCmd) Help() string {
	return "Examples:\n\n    agwctl gateway mcp-runtime get\n    agwctl gateway mcp-runtime get -o json"
}

// Run prints the requests; as a table, each with what its server has said of it.
func (c *mcpRuntimeGetCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	runtime, err := admin.MCPRuntime(ctx)
	switch {
	case err != nil:
		return err
	case a.global.Output == "json" || a.global.Output == "yaml":
		return a.printJSON(runtime)
	}
	progress := map[string]string{}
	for _, p := range gjson.GetBytes(runtime, "progress").Array() {
		progress[p.Get("id").Str] = p.Raw
	}
	var rows []json.RawMessage
	for _, f := range gjson.GetBytes(runtime, "in_flight").Array() {
		rows = append(rows, fmt.Appendf(nil, `{"f":%s,"p":%s}`, f.Raw, cmp.Or(progress[f.Get("id").Str], "null")))
	}
	return printTable(a.stdout, rows, []string{"f.id", "f.route_id", "f.virtual_key_id", "f.method", "f.tool_name", "f.request_id", "f.started_at", "f.cancelled_at", "p.progress", "p.total", "p.message"})
}

type mcpInFlightCmd struct{}

// Help is shown by kong.
func (c *mcpInFlightCmd) Help() string {
	return "Example:\n\n    agwctl gateway mcp-runtime inflight"
}

// Run prints the requests.
func (c *mcpInFlightCmd) Run(ctx context.Context, a *app) error {
	return a.mcpRuntime(ctx, (*client.Client).MCPInFlight, inFlightColumns)
}

type mcpProgressCmd struct{}

// Help is shown by kong.
func (c *mcpProgressCmd) Help() string {
	return "Example:\n\n    agwctl gateway mcp-runtime progress"
}

// Run prints the progress.
func (c *mcpProgressCmd) Run(ctx context.Context, a *app) error {
	return a.mcpRuntime(ctx, (*client.Client).MCPProgress, []string{"id", "route_id", "request_id", "progress_token", "progress", "total", "message", "updated_at"})
}

type mcpHistoryCmd struct {
	RouteID string `placeholder:"ID" help:"Only the requests of this route."`
}

// Help is shown by kong.
func (c *mcpHistoryCmd) Help() string {
	return "Only what this process remembers: agwctl gateway metrics mcp has the events.\n\nExample:\n\n    agwctl gateway mcp-runtime history --route-id mcp:SERVICE:/mcp"
}

// Run prints the requests.
func (c *mcpHistoryCmd) Run(ctx context.Context, a *app) error {
	list := func(admin *client.Client, ctx context.Context) ([]json.RawMessage, error) {
		return admin.MCPHistory(ctx, c.RouteID)
	}
	return a.mcpRuntime(ctx, list, []string{"id", "route_id", "virtual_key_id", "method", "tool_name", "request_id", "started_at", "completed_at", "cancelled", "cancel_reason", "error"})
}

func (a *app) mcpRuntime(ctx context.Context, list func(*client.Client, context.Context) ([]json.RawMessage, error), columns []string) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	items, err := list(admin, ctx)
	if err != nil {
		return err
	}
	return a.printList(items, columns)
}

type mcpCancelCmd struct {
	ID string `arg:"" help:"Its id, as mcp-runtime inflight shows it."`
}

// Help is shown by kong.
func (c *mcpCancelCmd) Help() string {
	return "The server is told, and the caller gets an error.\n\nExample:\n\n    agwctl gateway mcp-runtime cancel ID"
}

// Run prints the request.
func (c *mcpCancelCmd) Run(ctx context.Context, a *app) error {
	admin, err := a.admin()
	if err != nil {
		return err
	}
	request, err := admin.MCPCancel(ctx, c.ID)
	if err != nil {
		return err
	}
	return a.printView(request, inFlightColumns)
}
