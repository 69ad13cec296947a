package metricstest

import (
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/stretchr/testify/require"
)

func testLLMSummary(t *testing.T, s Store) {
	unpriced, unknown, failed := Event("unpriced", 0), Event("unknown", time.Second), Event("failed", 2*time.Second)
	unpriced.LLM.InputTokens = metrics.Count{N: 7, Known: true}
	failed.Success = false
	failed.FinishedAt = failed.StartedAt.Add(30 * time.Millisecond)
	store(t, s, unpriced, unknown, failed)
	sum, err := s.LLMSummary(t.Context(), metrics.Query{})
	require.NoError(t, err)
	require.InDelta(t, 50.0/3, sum.AvgLatencyMS, 1e-6)
	sum.AvgLatencyMS = 0
	require.Equal(t, metrics.LLMSummary{Totals: metrics.Totals{RequestCount: 3, SuccessCount: 2, FailureCount: 1}, InputTokens: 7, UnknownUsageCount: 2}, sum)

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

func testMCPSummary(t *testing.T, s Store) {
	listed, called, failed := MCPEvent("listed", 0), MCPEvent("called", time.Second), MCPEvent("failed", 2*time.Second)
	listed.MCP.Method = "tools/list"
	called.MCP.Method, failed.MCP.Method = "tools/call", "tools/call"
	failed.Success = false
	failed.FinishedAt = failed.StartedAt.Add(30 * time.Millisecond)
	store(t, s, listed, called, failed, MCPEvent("refused before it was read", 3*time.Second))
	for _, tc := range []struct {
		q       metrics.Query
		latency float64
		want    metrics.MCPSummary
	}{
		{metrics.Query{}, 15, metrics.MCPSummary{Totals: metrics.Totals{RequestCount: 4, SuccessCount: 3, FailureCount: 1}, ToolsCallCount: 2}},
		{metrics.Query{From: Start.Add(2 * time.Second), Limit: 1}, 20, metrics.MCPSummary{Totals: metrics.Totals{RequestCount: 2, SuccessCount: 1, FailureCount: 1}, ToolsCallCount: 1}},
		{metrics.Query{Where: map[string]string{"method": "tools/list"}}, 10, metrics.MCPSummary{Totals: metrics.Totals{RequestCount: 1, SuccessCount: 1}}},
	} {
		sum, err := s.MCPSummary(t.Context(), tc.q)
		require.NoError(t, err)
		require.InDelta(t, tc.latency, sum.AvgLatencyMS, 1e-6)
		sum.AvgLatencyMS = 0
		require.Equal(t, tc.want, sum)
	}
}
