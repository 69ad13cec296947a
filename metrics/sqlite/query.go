package sqlite

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/metrics"
)

// clause is a WHERE clause in the making.
type clause struct {
	terms []string
	args  []any
}

func (c *clause) add(term string, args ...any) {
	c.terms = append(c.terms, term)
	c.args = append(c.args, args...)
}

func (c *clause) sql() string {
	if len(c.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.terms, " AND ")
}

// conditions is what q selects by, but for its cursor.
func (t *table) conditions(q metrics.Query) (*clause, error) {
	c := &clause{}
	if !q.From.IsZero() {
		c.add("started_at >= ?", nanos(q.From))
	}
	if !q.To.IsZero() {
		c.add("started_at < ?", nanos(q.To))
	}
	if q.Success != nil {
		c.add("success = ?", *q.Success)
	}
	for name, value := range q.Where {
		switch {
		case !slices.Contains(t.filters, name):
			return nil, fmt.Errorf("%w: %s is not a filter of %s events", metrics.ErrQuery, name, t.kind)
		case name == "request_tool_name":
			c.add("EXISTS (SELECT 1 FROM json_each(request_tool_names) WHERE value = ?)", value)
		case name == "has_tool_use" && value == "true":
			c.add("tool_call_count > 0")
		case name == "has_tool_use" && value == "false":
			c.add("tool_call_count <= 0")
		case name == "has_tool_use":
			return nil, fmt.Errorf("%w: has_tool_use is %q; it must be true or false", metrics.ErrQuery, value)
		case value == "":
			c.add(name + " IS NULL")
		default: // the other filters are named as their columns
			c.add(name+" = ?", value)
		}
	}
	return c, nil
}

func pageSize(limit int) (int, error) {
	switch {
	case limit == 0:
		return 100, nil
	case limit < 0 || limit > 1000:
		return 0, fmt.Errorf("%w: limit is %d; it must be between 1 and 1000", metrics.ErrQuery, limit)
	}
	return limit, nil
}

// A cursor names the last event of the page before.
const cursorFormat = "%d.%d"

func formatCursor(started, id int64) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, cursorFormat, started, id))
}

func parseCursor(s string) (started, id int64, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		_, err = fmt.Sscanf(string(b), cursorFormat, &started, &id)
	}
	if err != nil || formatCursor(started, id) != s {
		return 0, 0, fmt.Errorf("%w: cursor is not one that a page before gave", metrics.ErrQuery)
	}
	return started, id, nil
}
