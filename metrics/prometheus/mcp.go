package prometheus

import (
	"github.com/agent-gateway/agent-gateway/metrics"
	prom "github.com/prometheus/client_golang/prometheus"
)

var mcpNames = []string{"route_id", "service_id", "method", "tool", "result_status"}

const mcpMethod, mcpTool = 2, 3

func mcpLabels(e *metrics.Event) labels {
	m := e.MCP
	l := labels{e.RouteID, m.ServiceID, m.Method, m.ToolName, m.ResultStatus}
	if _, ok := mcpMethods[m.Method]; !ok {
		l[mcpMethod] = other
	}
	return l
}

// mcpMethods are those that some version of the protocol, or its extension for tasks,
// defines; and none, of a request that was refused before it was read.
var mcpMethods = set("",
	"initialize", "ping", "server/discover", "subscriptions/listen", "logging/setLevel", "completion/complete",
	"tools/list", "tools/call", "prompts/list", "prompts/get",
	"resources/list", "resources/templates/list", "resources/read", "resources/subscribe", "resources/unsubscribe",
	"tasks/list", "tasks/get", "tasks/result", "tasks/update", "tasks/cancel",
	"roots/list", "sampling/createMessage", "elicitation/create",
	"notifications/initialized", "notifications/cancelled", "notifications/progress", "notifications/message",
	"notifications/roots/list_changed", "notifications/tools/list_changed", "notifications/prompts/list_changed",
	"notifications/resources/list_changed", "notifications/resources/updated", "notifications/elicitation/complete",
	"notifications/tasks/status", "notifications/subscriptions/acknowledged",
)

func set(names ...string) map[string]struct{} {
	s := make(map[string]struct{}, len(names))
	for _, n := range names {
		s[n] = struct{}{}
	}
	return s
}

// From the time of a message that is only handed on to that of a tool which works.
var mcpBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}

// mcpVectors are the metrics of the MCP plane, over all labels.
type mcpVectors struct {
	requests, denials *prom.CounterVec
	duration          *prom.HistogramVec
}

func newMCPVectors() *mcpVectors {
	return &mcpVectors{
		requests: counter("agw_mcp_requests_total", "MCP messages that were answered or handed on.", mcpNames),
		// Of calls that were denied, the tool is what a caller asked for, and the result is always the same.
		denials:  counter("agw_mcp_policy_denials_total", "MCP messages that a tool policy did not let through.", mcpNames[:mcpTool]),
		duration: histogram("agw_mcp_request_duration_seconds", "How long MCP messages took.", mcpBuckets, mcpNames),
	}
}

func (v *mcpVectors) all() []prom.Collector {
	return []prom.Collector{v.requests, v.denials, v.duration}
}

// mcpSeries is one set of labels, resolved: recording looks nothing up.
type mcpSeries struct {
	requests, denials prom.Counter
	duration          prom.Observer
}

func (v *mcpVectors) series(l labels) *mcpSeries {
	values := l.values()
	return &mcpSeries{
		requests: v.requests.WithLabelValues(values...),
		denials:  v.denials.WithLabelValues(values[:mcpTool]...),
		duration: v.duration.WithLabelValues(values...),
	}
}

func (s *mcpSeries) record(e *metrics.Event) {
	s.requests.Inc()
	s.duration.Observe(e.Latency().Seconds())
	if e.MCP.PolicyAction == metrics.PolicyDeny {
		s.denials.Inc()
	}
}
