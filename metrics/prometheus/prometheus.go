// Package prometheus counts events in the process and serves the counts in
// Prometheus' text format. A scrape costs the same whatever the history.
package prometheus

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/agent-gateway/agent-gateway/metrics"
	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options of [New]; zero values take the defaults.
type Options struct {
	// MaxSeries is how many sets of labels are told apart; default 1000. Callers can
	// invent models without end: calls beyond the bound are counted under the model
	// "_other", and should even those exceed it, under "_other" in every label.
	MaxSeries int
	// Runtime adds the metrics of the Go runtime and of the process.
	Runtime bool
}

// Sink counts events, and serves the counts as an [http.Handler]. It has a
// registry of its own. It is safe for concurrent use; make one with [New].
type Sink struct {
	vectors  *vectors
	handler  http.Handler
	pipeline pipelineCollector
	max      int

	mu     sync.Mutex                            // held while a set of labels is added
	series atomic.Pointer[map[labels]*llmSeries] // never changed, only replaced
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
	s := &Sink{vectors: newVectors(), max: opts.MaxSeries}
	s.series.Store(&map[labels]*llmSeries{})
	registry := prom.NewRegistry()
	registry.MustRegister(s.vectors.all()...) // fails only if two had one name
	registry.MustRegister(&s.pipeline)
	if opts.Runtime {
		registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	s.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return s
}

// Record implements [metrics.Sink].
func (s *Sink) Record(_ context.Context, e *metrics.Event) {
	if e.LLM != nil {
		s.find(labelsOf(e)).record(e)
	}
}

// ServeHTTP serves the text exposition.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Pipeline adds the health of a pipeline, asked for at each scrape. A second call
// replaces the first.
func (s *Sink) Pipeline(stats func() metrics.PipelineStats) { s.pipeline.stats.Store(&stats) }

// find returns the series of a set of labels, or of the one that stands for it.
func (s *Sink) find(l labels) *llmSeries {
	known := *s.series.Load()
	if found, ok := known[l]; ok {
		return found
	}
	if len(known) < s.max {
		if found := s.add(l, s.max); found != nil {
			return found
		}
	}
	l.model = other
	if found, ok := (*s.series.Load())[l]; ok {
		return found
	}
	if found := s.add(l, 2*s.max); found != nil {
		return found
	}
	return s.add(labels{other, other, other, other, other}, 2*s.max+1)
}

// add adds a set of labels, unless there are most already. It copies the map, so
// that Record reads it without a lock; that happens at most 2*max+1 times.
func (s *Sink) add(l labels, most int) *llmSeries {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := *s.series.Load()
	if found, ok := known[l]; ok {
		return found
	}
	if len(known) >= most {
		return nil
	}
	l = l.clone()
	grown := make(map[labels]*llmSeries, len(known)+1)
	for k, v := range known {
		grown[k] = v
	}
	added := s.vectors.series(l)
	grown[l] = added
	s.series.Store(&grown)
	return added
}
