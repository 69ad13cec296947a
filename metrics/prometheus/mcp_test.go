package prometheus_test

import (
	"fmt"
	"testing"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/agent-gateway/agent-gateway/metrics/metricstest"
	"github.com/agent-gateway/agent-gateway/metrics/prometheus"
	"github.com/stretchr/testify/require"
)

func message(method, tool, status string) *metrics.Event {
	e := metricstest.MCPEvent("a", 0)
	e.RouteID, e.MCP.ServiceID, e.MCP.Method, e.MCP.ToolName, e.MCP.ResultStatus = "r", "files", method, tool, status
	return e
}

func TestMCPMetrics(t *testing.T) {
	s := prometheus.New(prometheus.Options{})
	denied := message("tools/call", "delete_file", "denied")
	denied.MCP.PolicyAction = metrics.PolicyDeny
	for _, e := range []*metrics.Event{
		message("tools/call", "read_file", "ok"), message("tools/call", "read_file", "ok"), message("tools/call", "read_file", "error"),
		denied, message("tools/list", "", "ok"), message("", "", ""), message("x/invented-1", "", "error"), message("x/invented-2", "", "error"),
	} {
		s.Record(t.Context(), e)
	}

	const of = `method="tools/call",result_status="ok",route_id="r",service_id="files",tool="read_file"`
	lines := scrape(t, s, "agw_")
	for _, want := range []string{
		"agw_mcp_requests_total{" + of + "} 2",
		`agw_mcp_requests_total{method="tools/call",result_status="error",route_id="r",service_id="files",tool="read_file"} 1`,
		`agw_mcp_requests_total{method="tools/call",result_status="denied",route_id="r",service_id="files",tool="delete_file"} 1`,
		`agw_mcp_requests_total{method="",result_status="",route_id="r",service_id="files",tool=""} 1`,
		`agw_mcp_requests_total{method="_other",result_status="error",route_id="r",service_id="files",tool=""} 2`,
		`agw_mcp_policy_denials_total{method="tools/call",route_id="r",service_id="files"} 1`,
		`agw_mcp_policy_denials_total{method="tools/list",route_id="r",service_id="files"} 0`,
		"agw_mcp_request_duration_seconds_count{" + of + "} 2",
		"agw_mcp_request_duration_seconds_bucket{" + of + `,le="0.005"} 0`,
		"agw_mcp_request_duration_seconds_bucket{" + of + `,le="0.01"} 2`,
	} {
		require.Contains(t, lines, want)
	}
	require.Empty(t, scrape(t, s, "agw_llm_"))
}

func TestMCPSeriesAreBounded(t *testing.T) {
	s := prometheus.New(prometheus.Options{MaxSeries: 5})
	for i := range 20 {
		s.Record(t.Context(), message("tools/call", fmt.Sprint("tool-", i), "ok"))
		s.Record(t.Context(), called("r", fmt.Sprint("model-", i))) // each plane has its own bound
	}
	require.Len(t, scrape(t, s, "agw_llm_requests_total"), 6)
	lines := scrape(t, s, "agw_mcp_requests_total")
	require.Len(t, lines, 6)
	require.Contains(t, lines, `agw_mcp_requests_total{method="tools/call",result_status="ok",route_id="r",service_id="files",tool="_other"} 15`)
	require.Len(t, scrape(t, s, "agw_mcp_policy_denials_total"), 1)
}
