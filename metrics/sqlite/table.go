package sqlite

import (
	"fmt"
	"strings"

	"github.com/agent-gateway/agent-gateway/metrics"
)

// table is where the events of one kind are.
type table struct {
	name    string
	kind    string // as messages call it
	filters []string
	// sums are what a summary asks for beyond the totals.
	sums string
	// new returns an empty event of the kind, holds tells the kind's from others, and
	// columns appends all columns but id, which is in the order of writing.
	new     func() *metrics.Event
	holds   func(e *metrics.Event) bool
	columns func(row []column, e *metrics.Event) []column

	// What follows from the above.
	width                        int
	insertSQL, row               string
	selectSQL, sumSQL, deleteSQL string
}

var llmTable = table{
	name: "llm_usage_events", kind: "LLM", filters: metrics.LLMFilters,
	sums: `coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(total_tokens), 0), sum(cost_usd),
		count(*) - count(coalesce(input_tokens, output_tokens, total_tokens))`,
	new:     func() *metrics.Event { return &metrics.Event{LLM: &metrics.LLM{}} },
	holds:   func(e *metrics.Event) bool { return e.LLM != nil },
	columns: llmColumns,
}.derive()

var mcpTable = table{
	name: "mcp_usage_events", kind: "MCP", filters: metrics.MCPFilters,
	sums:    "coalesce(sum(method = 'tools/call'), 0)",
	new:     func() *metrics.Event { return &metrics.Event{MCP: &metrics.MCP{}} },
	holds:   func(e *metrics.Event) bool { return e.MCP != nil },
	columns: mcpColumns,
}.derive()

var tables = []*table{llmTable, mcpTable}

func (t table) derive() *table {
	var names []string
	for _, c := range t.columns(nil, t.new()) {
		names = append(names, c.name)
	}
	columns := strings.Join(names, ", ")
	t.width = len(names)
	t.row = "(?" + strings.Repeat(", ?", t.width-1) + ")"
	// A statement that fails need not undo its rows (OR FAIL), as the transaction does.
	t.insertSQL = fmt.Sprintf("INSERT OR FAIL INTO %s (%s) VALUES ", t.name, columns)
	t.selectSQL = fmt.Sprintf("SELECT id, %s FROM %s", columns, t.name)
	t.sumSQL = fmt.Sprintf("SELECT count(*), coalesce(sum(success), 0), coalesce(avg(latency_ms), 0), %s FROM %s", t.sums, t.name)
	t.deleteSQL = fmt.Sprintf("DELETE FROM %[1]s WHERE id IN (SELECT id FROM %[1]s WHERE started_at < ? ORDER BY started_at LIMIT ?)", t.name)
	return &t
}

// insertRows is the statement that inserts so many rows.
func (t *table) insertRows(n int) string {
	return t.insertSQL + t.row + strings.Repeat(", "+t.row, n-1)
}
