// Package metricstest checks that a [metrics.Reader] answers as its interface
// promises.
package metricstest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/stretchr/testify/require"
)

// Store is what is checked: a reader, and the way in for its events.
type Store struct {
	metrics.Reader
	// Store keeps events; what it was given is readable when it returns.
	Store func(ctx context.Context, events ...*metrics.Event) error
}

// Start is when the suite's events began. A store must not find them too old.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// Run checks the stores that open returns, empty ones, which open also closes.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, tc := range []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"an empty store", testEmpty},
		{"an event comes back as it was", testRoundTrip},
		{"events come newest first", testOrder},
		{"pages join without gaps", testPages},
		{"pages stay stable while events come", testPagesWhileWriting},
		{"filters select", testFilters},
		{"bad queries are the asker's fault", testBadQueries},
		{"the summary sums what is known", testSummary},
		{"a done context ends a query", testContext},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, open(t)) })
	}
}

func store(t *testing.T, s Store, events ...*metrics.Event) {
	t.Helper()
	require.NoError(t, s.Store(t.Context(), events...))
}

func page(t *testing.T, s Store, q metrics.Query) metrics.Page {
	t.Helper()
	p, err := s.LLMEvents(t.Context(), q)
	require.NoError(t, err)
	return p
}

func ids(events []*metrics.Event) []string {
	list := []string{}
	for _, e := range events {
		list = append(list, e.EventID)
	}
	return list
}

// Event returns a small LLM event that began so long after [Start].
func Event(id string, after time.Duration) *metrics.Event {
	return &metrics.Event{
		EventID: id, StartedAt: Start.Add(after), FinishedAt: Start.Add(after + 10*time.Millisecond),
		RouteKind: metrics.KindLLM, Success: true, StatusCode: 200, LLM: &metrics.LLM{},
	}
}

// FullEvent returns an LLM event with a value in every field.
func FullEvent(id string) *metrics.Event {
	usd := 0.0123
	known := func(n int64) metrics.Count { return metrics.Count{N: n, Known: true} }
	return &metrics.Event{
		EventID: id, TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331", ParentSpanID: "00f067aa0ba902b7",
		AgentDepth: 2, AgentID: "coder", StartedAt: Start, FinishedAt: Start.Add(1234567891 * time.Nanosecond),
		RouteID: "openai-chat", RouteKind: metrics.KindLLM, RouteProtocol: "openai", VirtualKeyID: "test-key",
		Success: true, StatusCode: 200, ErrorType: "none",
		LLM: &metrics.LLM{
			API: "openai", Operation: "openai.chat", ProviderID: "openai-main", ProviderType: "openai", LogicalModel: "fast",
			Model: "gpt-4.1-mini", CredentialSource: "credential", CredentialID: "cred-1", Stream: true,
			InputTokens: known(1 << 40), OutputTokens: known(2), TotalTokens: known((1 << 40) + 2), CacheRead: known(0), CacheWrite: known(4), Reasoning: known(5),
			CostUSD: &usd, UsageFinalized: true, Attempts: 2, Tries: []metrics.Try{{ProviderID: "p", Model: "m", StatusCode: 429, ErrorType: "rate_limited", LatencyMS: 1.5}, {ProviderID: "q"}}, Dropped: []string{"seed"}, TimeToFirstByte: 98765432 * time.Nanosecond,
			RequestToolCount: 2, RequestToolNames: []string{"read_file", `odd "name", 世界`}, ToolCallCount: 1, ToolNames: []string{"read_file"},
		},
	}
}

func testEmpty(t *testing.T, s Store) {
	p := page(t, s, metrics.Query{})
	require.Empty(t, p.Events)
	require.Empty(t, p.NextCursor)
	sum, err := s.LLMSummary(t.Context(), metrics.Query{})
	require.NoError(t, err)
	require.Zero(t, sum)
}

func testRoundTrip(t *testing.T, s Store) {
	local := Event("local", time.Second)
	local.StartedAt = local.StartedAt.In(time.FixedZone("east", 2*60*60))
	odd := Event("it's; DROP TABLE x", 2*time.Second)
	odd.LLM.Model = "\x00 \u2028 世界 '\""
	zero := 0.0
	free := Event("free", 3*time.Second)
	free.LLM.CostUSD = &zero
	for _, e := range []*metrics.Event{FullEvent("full"), Event("sparse", 0), local, odd, free} {
		t.Run(e.EventID, func(t *testing.T) {
			store(t, s, e)
			got := page(t, s, metrics.Query{From: e.StartedAt, Limit: 1}).Events
			require.Len(t, got, 1)
			want, err := json.Marshal(e)
			require.NoError(t, err)
			have, err := json.Marshal(got[0])
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(have))
			require.True(t, e.StartedAt.Equal(got[0].StartedAt) && e.FinishedAt.Equal(got[0].FinishedAt), "times lost precision")
			require.Equal(t, e.LLM, got[0].LLM)
		})
	}
}

func testOrder(t *testing.T, s Store) {
	store(t, s, Event("b", 2*time.Second), Event("d", 4*time.Second), Event("a", time.Second))
	store(t, s, Event("c1", 3*time.Second), Event("c2", 3*time.Second))
	other := Event("not an LLM's", 3*time.Second)
	other.LLM, other.RouteKind = nil, metrics.KindMCP
	store(t, s, other)
	require.Equal(t, []string{"d", "c2", "c1", "b", "a"}, ids(page(t, s, metrics.Query{}).Events))
	require.Equal(t, []string{"c2", "c1", "b"}, ids(page(t, s, metrics.Query{From: Start.Add(2 * time.Second), To: Start.Add(4 * time.Second)}).Events))
	for _, far := range []time.Time{time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		after, before := len(page(t, s, metrics.Query{From: far}).Events), len(page(t, s, metrics.Query{To: far}).Events)
		require.Equal(t, 5, after+before, "%v", far)
	}
}

func testPages(t *testing.T, s Store) {
	var events []*metrics.Event
	var want []string
	for i := range 1005 { // ten events of one instant each time
		e := Event(fmt.Sprint(i), time.Duration(i/10)*time.Second)
		events, want = append(events, e), append(want, e.EventID)
	}
	store(t, s, events...)
	slices.Reverse(want)
	for _, limit := range []int{0, 7, 1000} {
		var got []string
		for q := (metrics.Query{Limit: limit}); ; {
			p := page(t, s, q)
			got = append(got, ids(p.Events)...)
			if p.NextCursor == "" {
				break
			}
			require.Len(t, p.Events, map[int]int{0: 100, 7: 7, 1000: 1000}[limit])
			q.Cursor = p.NextCursor
		}
		require.Equal(t, want, got, "limit %d", limit)
	}
	require.Empty(t, page(t, s, metrics.Query{Limit: 5, From: Start.Add(100 * time.Second)}).NextCursor, "exactly the last page")
}

func testPagesWhileWriting(t *testing.T, s Store) {
	store(t, s, Event("1", time.Second), Event("2", 2*time.Second), Event("3", 3*time.Second), Event("4", 4*time.Second))
	p := page(t, s, metrics.Query{Limit: 2})
	store(t, s, Event("5", 5*time.Second))
	require.Equal(t, []string{"2", "1"}, ids(page(t, s, metrics.Query{Limit: 2, Cursor: p.NextCursor}).Events))
}

func testFilters(t *testing.T, s Store) {
	full := FullEvent("full")
	failed := Event("failed", time.Second)
	failed.Success = false
	store(t, s, full, failed)
	for name, value := range map[string]string{
		"route_id": "openai-chat", "provider_id": "openai-main", "virtual_key_id": "test-key", "upstream_model": "gpt-4.1-mini",
		"logical_model": "fast", "llm_api": "openai", "api_operation": "openai.chat", "agent_id": "coder",
		"request_tool_name": `odd "name", 世界`, "has_tool_use": "true",
	} {
		require.Contains(t, metrics.LLMFilters, name)
		require.Equal(t, []string{"full"}, ids(page(t, s, metrics.Query{Where: map[string]string{name: value}}).Events), name)
		sum, err := s.LLMSummary(t.Context(), metrics.Query{Where: map[string]string{name: value}})
		require.NoError(t, err)
		require.EqualValues(t, 1, sum.RequestCount, name)
		if name != "has_tool_use" {
			require.Empty(t, page(t, s, metrics.Query{Where: map[string]string{name: value + "x"}}).Events, name)
		}
	}
	yes, no := true, false
	for _, tc := range []struct {
		q    metrics.Query
		want []string
	}{
		{metrics.Query{Success: &yes}, []string{"full"}},
		{metrics.Query{Success: &no}, []string{"failed"}},
		{metrics.Query{Where: map[string]string{"has_tool_use": "false"}}, []string{"failed"}},
		{metrics.Query{Where: map[string]string{"virtual_key_id": ""}}, []string{"failed"}},
		{metrics.Query{Where: map[string]string{"request_tool_name": "read_file", "route_id": "openai-chat"}}, []string{"full"}},
		{metrics.Query{Where: map[string]string{"request_tool_name": "read"}}, []string{}},
		{metrics.Query{Where: map[string]string{"request_tool_name": ""}}, []string{}},
		{metrics.Query{Where: map[string]string{"request_tool_name": "read_file", "route_id": "other"}}, []string{}},
	} {
		require.Equal(t, tc.want, ids(page(t, s, tc.q).Events), "%+v", tc.q)
	}
}

func testBadQueries(t *testing.T, s Store) {
	store(t, s, Event("a", 0))
	for _, tc := range []struct {
		q     metrics.Query
		names string
	}{
		{metrics.Query{Limit: -1}, "limit"},
		{metrics.Query{Limit: 1001}, "limit"},
		{metrics.Query{Cursor: "nonsense"}, "cursor"},
		{metrics.Query{Cursor: "!"}, "cursor"},
		{metrics.Query{Where: map[string]string{"color": "red"}}, "color"},
		{metrics.Query{Where: map[string]string{"route_id = route_id OR 1": "x"}}, "route_id = route_id OR 1"},
		{metrics.Query{Where: map[string]string{"has_tool_use": "maybe"}}, "has_tool_use"},
	} {
		_, err := s.LLMEvents(t.Context(), tc.q)
		require.ErrorIs(t, err, metrics.ErrQuery, "%+v", tc.q)
		require.ErrorContains(t, err, tc.names)
		_, err = s.LLMSummary(t.Context(), tc.q)
		if tc.q.Where != nil {
			require.ErrorIs(t, err, metrics.ErrQuery, "%+v", tc.q)
		} else {
			require.NoError(t, err, "a summary ignores limit and cursor")
		}
	}
}

func testSummary(t *testing.T, s Store) {
	unpriced, unknown, failed := Event("unpriced", 0), Event("unknown", time.Second), Event("failed", 2*time.Second)
	unpriced.LLM.InputTokens = metrics.Count{N: 7, Known: true}
	failed.Success = false
	failed.FinishedAt = failed.StartedAt.Add(30 * time.Millisecond)
	store(t, s, unpriced, unknown, failed)
	sum, err := s.LLMSummary(t.Context(), metrics.Query{})
	require.NoError(t, err)
	require.InDelta(t, 50.0/3, sum.AvgLatencyMS, 1e-6)
	sum.AvgLatencyMS = 0
	require.Equal(t, metrics.LLMSummary{RequestCount: 3, SuccessCount: 2, FailureCount: 1, InputTokens: 7, UnknownUsageCount: 2}, sum)

	one, two := FullEvent("one"), FullEvent("two")
	usd := 2.5
	two.LLM.CostUSD = &usd
	store(t, s, one, two)
	sum, err = s.LLMSummary(t.Context(), metrics.Query{})
	require.NoError(t, err)
	require.NotNil(t, sum.CostUSD)
	require.InDelta(t, 2.5123, *sum.CostUSD, 1e-9)
	require.EqualValues(t, 5, sum.RequestCount)
	require.EqualValues(t, 7+(2<<40), sum.InputTokens)
	require.EqualValues(t, 4, sum.OutputTokens)
	require.EqualValues(t, (2<<40)+4, sum.TotalTokens)
	require.EqualValues(t, 2, sum.UnknownUsageCount)

	sum, err = s.LLMSummary(t.Context(), metrics.Query{From: Start.Add(time.Second), Limit: 1})
	require.NoError(t, err)
	require.EqualValues(t, 2, sum.RequestCount)
	require.Nil(t, sum.CostUSD)
}

func testContext(t *testing.T, s Store) {
	store(t, s, Event("a", 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.LLMEvents(ctx, metrics.Query{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.LLMSummary(ctx, metrics.Query{})
	require.ErrorIs(t, err, context.Canceled)
}
