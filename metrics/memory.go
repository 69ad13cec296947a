package metrics

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Memory is a [Sink] and a [Reader] that keeps the newest events, for a gateway
// without a database and for tests. It is safe for concurrent use; make one with
// [NewMemory].
type Memory struct {
	mu     sync.RWMutex
	events []kept // a ring
	next   int64  // how many were recorded; the next one's number
}

type kept struct {
	n int64
	e *Event
}

var (
	_ Sink   = (*Memory)(nil)
	_ Reader = (*Memory)(nil)
)

// NewMemory keeps the last n events, 10,000 when n is 0 or less.
func NewMemory(n int) *Memory {
	if n <= 0 {
		n = 10_000
	}
	return &Memory{events: make([]kept, n)}
}

// Record implements [Sink]. The oldest event makes room.
func (m *Memory) Record(_ context.Context, e *Event) {
	m.mu.Lock()
	m.events[m.next%int64(len(m.events))] = kept{m.next, e}
	m.next++
	m.mu.Unlock()
}

// LLMEvents implements [Reader].
func (m *Memory) LLMEvents(ctx context.Context, q Query) (Page, error) {
	limit, err := pageSize(q.Limit)
	if err != nil {
		return Page{}, err
	}
	after, err := parseCursor(q.Cursor)
	if err != nil {
		return Page{}, err
	}
	found, err := m.llm(ctx, q)
	if err != nil {
		return Page{}, err
	}
	slices.SortFunc(found, newestFirst)
	if q.Cursor != "" {
		first, exact := slices.BinarySearchFunc(found, after, newestFirst)
		if exact {
			first++
		}
		found = found[first:]
	}
	page := Page{Events: make([]*Event, 0, min(limit, len(found)))}
	if len(found) > limit {
		found = found[:limit]
		page.NextCursor = found[limit-1].cursor()
	}
	for _, k := range found {
		page.Events = append(page.Events, k.e)
	}
	return page, nil
}

// LLMSummary implements [Reader].
func (m *Memory) LLMSummary(ctx context.Context, q Query) (LLMSummary, error) {
	found, err := m.llm(ctx, q)
	if err != nil {
		return LLMSummary{}, err
	}
	var sum LLMSummary
	var latency time.Duration
	for _, k := range found {
		l := k.e.LLM
		sum.RequestCount++
		if k.e.Success {
			sum.SuccessCount++
		} else {
			sum.FailureCount++
		}
		latency += k.e.Latency()
		sum.InputTokens += l.InputTokens.orZero()
		sum.OutputTokens += l.OutputTokens.orZero()
		sum.TotalTokens += l.TotalTokens.orZero()
		if l.CostUSD != nil {
			if sum.CostUSD == nil {
				sum.CostUSD = new(float64)
			}
			*sum.CostUSD += *l.CostUSD
		}
		if !l.InputTokens.Known && !l.OutputTokens.Known && !l.TotalTokens.Known {
			sum.UnknownUsageCount++
		}
	}
	if sum.RequestCount > 0 {
		sum.AvgLatencyMS = float64(latency) / float64(time.Millisecond) / float64(sum.RequestCount)
	}
	return sum, nil
}

// llm returns the LLM events that q selects, in no order.
func (m *Memory) llm(ctx context.Context, q Query) ([]kept, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for name, value := range q.Where {
		if !slices.Contains(LLMFilters, name) {
			return nil, fmt.Errorf("%w: %s is not a filter of LLM events", ErrQuery, name)
		}
		if name == "has_tool_use" && value != "true" && value != "false" {
			return nil, fmt.Errorf("%w: has_tool_use is %q; it must be true or false", ErrQuery, value)
		}
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var found []kept
	for _, k := range m.events[:min(m.next, int64(len(m.events)))] {
		if k.e.LLM != nil && selects(q, k.e) {
			found = append(found, k)
		}
	}
	return found, nil
}

func selects(q Query, e *Event) bool {
	if !q.From.IsZero() && e.StartedAt.Before(q.From) ||
		!q.To.IsZero() && !e.StartedAt.Before(q.To) ||
		q.Success != nil && *q.Success != e.Success {
		return false
	}
	for name, value := range q.Where {
		if !hasValue(e, name, value) {
			return false
		}
	}
	return true
}

func hasValue(e *Event, filter, value string) bool {
	switch l := e.LLM; filter {
	case "route_id":
		return e.RouteID == value
	case "provider_id":
		return l.ProviderID == value
	case "virtual_key_id":
		return e.VirtualKeyID == value
	case "upstream_model":
		return l.Model == value
	case "logical_model":
		return l.LogicalModel == value
	case "llm_api":
		return l.API == value
	case "api_operation":
		return l.Operation == value
	case "agent_id":
		return e.AgentID == value
	case "request_tool_name":
		return slices.Contains(l.RequestToolNames, value)
	case "has_tool_use":
		return (value == "true") == (l.ToolCallCount > 0)
	}
	return false
}

func (c Count) orZero() int64 {
	if !c.Known {
		return 0
	}
	return c.N
}

func newestFirst(a, b kept) int {
	return cmp.Or(b.e.StartedAt.Compare(a.e.StartedAt), cmp.Compare(b.n, a.n))
}

func pageSize(limit int) (int, error) {
	switch {
	case limit == 0:
		return 100, nil
	case limit < 0 || limit > 1000:
		return 0, fmt.Errorf("%w: limit is %d; it must be between 1 and 1000", ErrQuery, limit)
	}
	return limit, nil
}

// position is what a cursor holds: the last event of the page before. That event
// may be gone by now.
type position struct {
	Started time.Time `json:"t"`
	N       int64     `json:"n"`
}

func (k kept) cursor() string {
	b, _ := json.Marshal(position{k.e.StartedAt, k.n})
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(s string) (kept, error) {
	var p position
	if s != "" {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || json.Unmarshal(b, &p) != nil {
			return kept{}, fmt.Errorf("%w: cursor is not one that a page before gave", ErrQuery)
		}
	}
	return kept{p.N, &Event{StartedAt: p.Started}}, nil
}
