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
	return m.page(ctx, llmKind, q)
}

// MCPEvents implements [Reader].
func (m *Memory) MCPEvents(ctx context.Context, q Query) (Page, error) {
	return m.page(ctx, mcpKind, q)
}

func (m *Memory) page(ctx context.Context, of kind, q Query) (Page, error) {
	limit, err := pageSize(q.Limit)
	if err != nil {
		return Page{}, err
	}
	after, err := parseCursor(q.Cursor)
	if err != nil {
		return Page{}, err
	}
	found, err := m.find(ctx, of, q)
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
	found, err := m.find(ctx, llmKind, q)
	if err != nil {
		return LLMSummary{}, err
	}
	sum := LLMSummary{Totals: totals(found)}
	for _, k := range found {
		l := k.e.LLM
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
	return sum, nil
}

// MCPSummary implements [Reader].
func (m *Memory) MCPSummary(ctx context.Context, q Query) (MCPSummary, error) {
	found, err := m.find(ctx, mcpKind, q)
	if err != nil {
		return MCPSummary{}, err
	}
	sum := MCPSummary{Totals: totals(found)}
	for _, k := range found {
		if k.e.MCP.Method == "tools/call" {
			sum.ToolsCallCount++
		}
	}
	return sum, nil
}

func totals(found []kept) (sum Totals) {
	var latency time.Duration
	for _, k := range found {
		sum.RequestCount++
		if k.e.Success {
			sum.SuccessCount++
		} else {
			sum.FailureCount++
		}
		latency += k.e.Latency()
	}
	if sum.RequestCount > 0 {
		sum.AvgLatencyMS = float64(latency) / float64(time.Millisecond) / float64(sum.RequestCount)
	}
	return sum
}

// find returns the events of a kind that q selects, in no order.
func (m *Memory) find(ctx context.Context, of kind, q Query) ([]kept, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := of.check(q); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var found []kept
	for _, k := range m.events[:min(m.next, int64(len(m.events)))] {
		if of.holds(k.e) && of.selects(q, k.e) {
			found = append(found, k)
		}
	}
	return found, nil
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
