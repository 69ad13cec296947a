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

func testEmpty(t *testing.T, s side) {
	p := s.page(t, metrics.Query{})
	require.Empty(t, p.Events)
	require.Empty(t, p.NextCursor)
	_, all := s.totals(t, metrics.Query{})
	require.Zero(t, all)
}

func testRoundTrip(t *testing.T, s side) {
	local := s.event("local", time.Second)
	local.StartedAt = local.StartedAt.In(time.FixedZone("east", 2*60*60))
	odd := s.event("it's; DROP TABLE x", 2*time.Second)
	*s.text(odd) = "\x00 \u2028 世界 '\""
	all := []*metrics.Event{s.full("full"), s.event("sparse", 0), local, odd}
	if s.name == "LLM" {
		free := s.event("free", 3*time.Second)
		free.LLM.CostUSD = new(float64)
		all = append(all, free)
	}
	for _, e := range all {
		t.Run(e.EventID, func(t *testing.T) {
			s.store(t, e)
			got := s.page(t, metrics.Query{From: e.StartedAt, Limit: 1}).Events
			require.Len(t, got, 1)
			want, err := json.Marshal(e)
			require.NoError(t, err)
			have, err := json.Marshal(got[0])
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(have))
			require.True(t, e.StartedAt.Equal(got[0].StartedAt) && e.FinishedAt.Equal(got[0].FinishedAt), "times lost precision")
			require.Equal(t, e.LLM, got[0].LLM)
			require.Equal(t, e.MCP, got[0].MCP)
		})
	}
}

func testOrder(t *testing.T, s side) {
	s.store(t, s.event("b", 2*time.Second), s.event("d", 4*time.Second), s.event("a", time.Second))
	s.store(t, s.event("c1", 3*time.Second), s.event("c2", 3*time.Second))
	for _, other := range kinds {
		if other.name != s.name { // of one batch too
			s.store(t, other.event("another kind's", 3*time.Second), s.event("c3", 3*time.Second), other.event("another kind's", 3*time.Second))
		}
	}
	s.store(t, small("no kind's", 3*time.Second))
	want := []string{"d", "c3", "c2", "c1", "b", "a"}
	require.Equal(t, want, ids(s.page(t, metrics.Query{}).Events))
	totals, _ := s.totals(t, metrics.Query{})
	require.EqualValues(t, len(want), totals.RequestCount)
	require.Equal(t, want[1:5], ids(s.page(t, metrics.Query{From: Start.Add(2 * time.Second), To: Start.Add(4 * time.Second)}).Events))
	for _, far := range []time.Time{time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		after, before := len(s.page(t, metrics.Query{From: far}).Events), len(s.page(t, metrics.Query{To: far}).Events)
		require.Equal(t, len(want), after+before, "%v", far)
	}
}

func testPages(t *testing.T, s side) {
	var events []*metrics.Event
	var want []string
	for i := range 1005 { // ten events of one instant each time
		e := s.event(fmt.Sprint(i), time.Duration(i/10)*time.Second)
		events, want = append(events, e), append(want, e.EventID)
	}
	s.store(t, events...)
	slices.Reverse(want)
	for _, limit := range []int{0, 7, 1000} {
		var got []string
		for q := (metrics.Query{Limit: limit}); ; {
			p := s.page(t, q)
			got = append(got, ids(p.Events)...)
			if p.NextCursor == "" {
				break
			}
			require.Len(t, p.Events, map[int]int{0: 100, 7: 7, 1000: 1000}[limit])
			q.Cursor = p.NextCursor
		}
		require.Equal(t, want, got, "limit %d", limit)
	}
	require.Empty(t, s.page(t, metrics.Query{Limit: 5, From: Start.Add(100 * time.Second)}).NextCursor, "exactly the last page")
}

func testPagesWhileWriting(t *testing.T, s side) {
	s.store(t, s.event("1", time.Second), s.event("2", 2*time.Second), s.event("3", 3*time.Second), s.event("4", 4*time.Second))
	p := s.page(t, metrics.Query{Limit: 2})
	s.store(t, s.event("5", 5*time.Second))
	require.Equal(t, []string{"2", "1"}, ids(s.page(t, metrics.Query{Limit: 2, Cursor: p.NextCursor}).Events))
}

func testFilters(t *testing.T, s side) {
	failed := s.event("failed", time.Second)
	failed.Success = false
	s.store(t, s.full("full"), failed)
	require.Len(t, s.values, len(s.filters))
	for name, value := range s.values {
		require.Contains(t, s.filters, name)
		require.Equal(t, []string{"full"}, ids(s.page(t, metrics.Query{Where: map[string]string{name: value}}).Events), name)
		totals, _ := s.totals(t, metrics.Query{Where: map[string]string{name: value}})
		require.EqualValues(t, 1, totals.RequestCount, name)
		if name != "has_tool_use" {
			require.Empty(t, s.page(t, metrics.Query{Where: map[string]string{name: value + "x"}}).Events, name)
		}
	}
	require.Equal(t, []string{"full"}, ids(s.page(t, metrics.Query{Where: s.values}).Events))
	yes, no := true, false
	require.Equal(t, []string{"full"}, ids(s.page(t, metrics.Query{Success: &yes}).Events))
	require.Equal(t, []string{"failed"}, ids(s.page(t, metrics.Query{Success: &no}).Events))
	require.Equal(t, []string{"failed"}, ids(s.page(t, metrics.Query{Where: map[string]string{"virtual_key_id": ""}}).Events))
}

func testToolFilters(t *testing.T, s side) {
	s.store(t, s.full("full"), s.event("none", time.Second))
	for _, tc := range []struct {
		where map[string]string
		want  []string
	}{
		{map[string]string{"has_tool_use": "false"}, []string{"none"}},
		{map[string]string{"request_tool_name": "read_file", "route_id": "openai-chat"}, []string{"full"}},
		{map[string]string{"request_tool_name": "read"}, []string{}},
		{map[string]string{"request_tool_name": ""}, []string{}},
		{map[string]string{"request_tool_name": "read_file", "route_id": "other"}, []string{}},
	} {
		require.Equal(t, tc.want, ids(s.page(t, metrics.Query{Where: tc.where}).Events), "%+v", tc.where)
	}
	events, summary := s.errs(t.Context(), metrics.Query{Where: map[string]string{"has_tool_use": "maybe"}})
	for _, err := range []error{events, summary} {
		require.ErrorIs(t, err, metrics.ErrQuery)
		require.ErrorContains(t, err, "has_tool_use")
	}
}

func testBadQueries(t *testing.T, s side) {
	s.store(t, s.event("a", 0))
	queries := map[string]metrics.Query{
		"color":                    {Where: map[string]string{"color": "red"}},
		"route_id = route_id OR 1": {Where: map[string]string{"route_id = route_id OR 1": "x"}},
	}
	for _, other := range kinds {
		for _, name := range other.filters {
			if !slices.Contains(s.filters, name) {
				queries[name] = metrics.Query{Where: map[string]string{name: "true"}}
			}
		}
	}
	for names, q := range queries {
		events, summary := s.errs(t.Context(), q)
		for _, err := range []error{events, summary} {
			require.ErrorIs(t, err, metrics.ErrQuery, names)
			require.ErrorContains(t, err, names)
			require.ErrorContains(t, err, s.name)
		}
	}
	for _, tc := range []struct {
		q     metrics.Query
		names string
	}{
		{metrics.Query{Limit: -1}, "limit"},
		{metrics.Query{Limit: 1001}, "limit"},
		{metrics.Query{Cursor: "nonsense"}, "cursor"},
		{metrics.Query{Cursor: "!"}, "cursor"},
	} {
		events, summary := s.errs(t.Context(), tc.q)
		require.ErrorIs(t, events, metrics.ErrQuery, "%+v", tc.q)
		require.ErrorContains(t, events, tc.names)
		require.NoError(t, summary, "a summary ignores limit and cursor")
	}
}

func testContext(t *testing.T, s side) {
	s.store(t, s.event("a", 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	events, summary := s.errs(ctx, metrics.Query{})
	require.ErrorIs(t, events, context.Canceled)
	require.ErrorIs(t, summary, context.Canceled)
}
