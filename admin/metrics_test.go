package admin_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/admin"
	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/agent-gateway/agent-gateway/metrics/metricstest"
	"github.com/stretchr/testify/require"
)

// asker returns a function that asks the Admin API about events.
func asker(t *testing.T, events ...*metrics.Event) func(path string, status int) map[string]any {
	t.Helper()
	stored := metrics.NewMemory(0)
	for _, e := range events {
		stored.Record(t.Context(), e)
	}
	handler, err := admin.New(admin.Config{Reader: stored, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return func(path string, status int) map[string]any {
		t.Helper()
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/admin/metrics"+path, nil))
		require.Equal(t, status, rec.Code, rec.Body)
		var answer map[string]any
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &answer))
		return answer
	}
}

func TestSummaries(t *testing.T) {
	ask := asker(t, metricstest.Event("a", 0), metricstest.FullMCPEvent("b"), metricstest.MCPEvent("c", time.Hour))
	all := ask("", 200)
	require.EqualValues(t, 1, all["llm"].(map[string]any)["request_count"])
	mcp := all["mcp"].(map[string]any)
	require.InDelta(t, (1234.567891+10)/2, mcp["avg_latency_ms"], 1e-6)
	delete(mcp, "avg_latency_ms")
	require.Equal(t, map[string]any{"request_count": 2.0, "success_count": 2.0, "failure_count": 0.0, "tools_call_count": 1.0}, mcp)
	require.Contains(t, all, "pipeline")

	later := ask("?from="+metricstest.Start.Add(time.Minute).Format(time.RFC3339), 200)
	require.EqualValues(t, 0, later["llm"].(map[string]any)["request_count"])
	require.EqualValues(t, 1, later["mcp"].(map[string]any)["request_count"])
}

func TestMCPEvents(t *testing.T) {
	ask := asker(t, metricstest.FullEvent("llm"), metricstest.FullMCPEvent("full"), metricstest.MCPEvent("sparse", time.Second))
	require.Equal(t, map[string]any{"items": []any{}, "limit": 100.0, "next_cursor": nil}, ask("/mcp/events?tool_name=x", 200))

	first := ask("/mcp/events?limit=1", 200)
	require.Equal(t, "sparse", first["items"].([]any)[0].(map[string]any)["event_id"])
	second := ask("/mcp/events?limit=1&cursor="+url.QueryEscape(first["next_cursor"].(string)), 200)
	require.Nil(t, second["next_cursor"])
	full := second["items"].([]any)
	require.Len(t, full, 1)
	require.Subset(t, full[0], map[string]any{
		"event_id": "full", "route_kind": "mcp", "tool_name": "read_file", "arg_count": 2.0, "cancelled": true, "tool_args_json": `{"path":"/etc/hosts"}`,
	})
	require.NotContains(t, full[0], "llm_api")

	for _, filter := range []string{
		"route_id=mcp-files", "service_id=files", "virtual_key_id=test-key", "method=tools/call", "tool_name=read_file",
		"resource_uri=file:///etc/hosts", "prompt_name=review", "result_status=denied", "agent_id=coder",
	} {
		require.Equal(t, full, ask("/mcp/events?success=true&"+filter, 200)["items"], filter)
	}
}

func TestEventsAreStrict(t *testing.T) {
	ask := asker(t)
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=1001": "limit", "limit=x": "limit", "success=maybe": "success", "from=yesterday": "from", "to=1": "to",
		"cursor=nonsense": "", "nope=1": "nope", "method=a&method=b": "method", "provider_id=p": "provider_id", "order_by=x": "order_by",
	} {
		got, _ := ask("/mcp/events?"+query, 400)["field"].(string)
		require.Equal(t, field, got, query)
	}
	require.Equal(t, "service_id", ask("/llm/events?service_id=x", 400)["field"])
	require.Equal(t, "limit", ask("?limit=1", 400)["field"])
}
