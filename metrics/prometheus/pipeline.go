package prometheus

import (
	"sync/atomic"

	"github.com/agent-gateway/agent-gateway/metrics"
	prom "github.com/prometheus/client_golang/prometheus"
)

// pipelineCollector asks for a pipeline's health when it is scraped. While it has
// none to ask it shows nothing.
type pipelineCollector struct {
	stats atomic.Pointer[func() metrics.PipelineStats]
}

var (
	dropped       = prom.NewDesc("agw_events_dropped_total", "Usage events dropped because the queue was full.", nil, nil)
	writeFailures = prom.NewDesc("agw_events_write_failures_total", "Usage events lost because writing them failed.", nil, nil)
	queued        = prom.NewDesc("agw_events_queued", "Usage events that wait to be written.", nil, nil)
)

// Describe implements [prom.Collector].
func (c *pipelineCollector) Describe(descs chan<- *prom.Desc) {
	descs <- dropped
	descs <- writeFailures
	descs <- queued
}

// Collect implements [prom.Collector].
func (c *pipelineCollector) Collect(values chan<- prom.Metric) {
	stats := c.stats.Load()
	if stats == nil {
		return
	}
	s := (*stats)()
	values <- prom.MustNewConstMetric(dropped, prom.CounterValue, float64(s.Dropped))
	values <- prom.MustNewConstMetric(writeFailures, prom.CounterValue, float64(s.WriteFailures))
	values <- prom.MustNewConstMetric(queued, prom.GaugeValue, float64(s.Queued))
}
