// Package prometheus counts events in the process and serves the counts in
// Prometheus' text format. A scrape costs the same whatever the history.
package prometheus

import (
	"context"
	"net/http"

	"github.com/agent-gateway/agent-gateway/metrics"
	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options of [New]; zero values take the defaults.
type Options struct {
	// MaxSeries is how many sets of labels are told apart, of LLM calls and of MCP
	// messages each; default 1000. Callers can invent models and tools without end:
	// events beyond the bound are counted under the model or tool "_other", and should
	// even those exceed it, under "_other" in every label.
	MaxSeries int
	// Runtime adds the metrics of the Go runtime and of the process.
	Runtime bool
}

// Sink counts events, and serves the counts as an [http.Handler]. It has a
// registry of its own. It is safe for concurrent use; make one with [New].
type Sink struct {
	llm      *family[llmSeries]
	mcp      *family[mcpSeries]
	handler  http.Handler
	pipeline pipelineCollector
}

var (
	_ metrics.Sink = (*Sink)(nil)
	_ http.Handler = (*Sink)(nil)
)

// New returns a sink that has counted nothing.
func New(opts Options) *Sink {
	if opts.MaxSeries <= 0 {
		opts.MaxSeries = 1000
	}
	llm, mcp := newLLMVectors(), newMCPVectors()
	s := &Sink{
		llm: newFamily(llmModel, opts.MaxSeries, llm.series),
		mcp: newFamily(mcpTool, opts.MaxSeries, mcp.series),
	}
	registry := prom.NewRegistry()
	registry.MustRegister(append(llm.all(), mcp.all()...)...) // fails only if two had one name
	registry.MustRegister(&s.pipeline)
	if opts.Runtime {
		registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	s.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return s
}

// Record implements [metrics.Sink].
func (s *Sink) Record(_ context.Context, e *metrics.Event) {
	switch {
	case e.LLM != nil:
		s.llm.find(llmLabels(e)).record(e)
	case e.MCP != nil:
		s.mcp.find(mcpLabels(e)).record(e)
	}
}

// ServeHTTP serves the text exposition.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Pipeline adds the health of a pipeline, asked for at each scrape. A second call
// replaces the first.
func (s *Sink) Pipeline(stats func() metrics.PipelineStats) { s.pipeline.stats.Store(&stats) }
