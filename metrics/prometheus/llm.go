package prometheus

import (
	"github.com/agent-gateway/agent-gateway/metrics"
	prom "github.com/prometheus/client_golang/prometheus"
)

var llmNames = []string{"route_id", "provider_id", "model", "operation", "outcome"}

const llmModel = 2

func llmLabels(e *metrics.Event) labels {
	l := labels{e.RouteID, e.LLM.ProviderID, e.LLM.Model, e.LLM.Operation, "success"}
	if !e.Success {
		if l[4] = e.ErrorType; l[4] == "" {
			l[4] = "error"
		}
	}
	return l
}

// Seconds: model calls take longer than the services that the usual buckets are for.
var (
	durationBuckets  = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640}
	firstByteBuckets = []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40, 80}
)

// llmVectors are the metrics of the LLM plane, over all labels.
type llmVectors struct {
	requests, tokens, attempts, unknownUsage *prom.CounterVec
	duration, firstByte                      *prom.HistogramVec
}

func newLLMVectors() *llmVectors {
	return &llmVectors{
		requests:     counter("agw_llm_requests_total", "LLM calls that ended.", llmNames),
		tokens:       counter("agw_llm_tokens_total", "Tokens of LLM calls, as far as known; input counts cached tokens too.", llmNames, "type"),
		attempts:     counter("agw_llm_upstream_attempts_total", "Calls made to providers, retries included.", llmNames),
		unknownUsage: counter("agw_llm_unknown_usage_total", "LLM calls of which no token count is known.", llmNames),
		duration:     histogram("agw_llm_request_duration_seconds", "How long LLM calls took.", durationBuckets, llmNames),
		firstByte:    histogram("agw_llm_time_to_first_byte_seconds", "How long the first byte of LLM answers took.", firstByteBuckets, llmNames),
	}
}

func (v *llmVectors) all() []prom.Collector {
	return []prom.Collector{v.requests, v.tokens, v.attempts, v.unknownUsage, v.duration, v.firstByte}
}

// llmSeries is one set of labels, resolved: recording looks nothing up.
type llmSeries struct {
	requests, attempts, unknownUsage                prom.Counter
	input, output, cacheRead, cacheWrite, reasoning prom.Counter
	duration, firstByte                             prom.Observer
}

func (v *llmVectors) series(l labels) *llmSeries {
	values := l.values()
	tokens := func(kind string) prom.Counter {
		return v.tokens.WithLabelValues(append(values[:len(values):len(values)], kind)...)
	}
	return &llmSeries{
		requests:     v.requests.WithLabelValues(values...),
		attempts:     v.attempts.WithLabelValues(values...),
		unknownUsage: v.unknownUsage.WithLabelValues(values...),
		input:        tokens("input"),
		output:       tokens("output"),
		cacheRead:    tokens("cache_read"),
		cacheWrite:   tokens("cache_write"),
		reasoning:    tokens("reasoning"),
		duration:     v.duration.WithLabelValues(values...),
		firstByte:    v.firstByte.WithLabelValues(values...),
	}
}

func (s *llmSeries) record(e *metrics.Event) {
	l := e.LLM
	s.requests.Inc()
	s.duration.Observe(e.Latency().Seconds())
	if l.TimeToFirstByte > 0 {
		s.firstByte.Observe(l.TimeToFirstByte.Seconds())
	}
	if l.Attempts > 0 {
		s.attempts.Add(float64(l.Attempts))
	}
	if !l.InputTokens.Known && !l.OutputTokens.Known && !l.TotalTokens.Known {
		s.unknownUsage.Inc()
	}
	add(s.input, l.InputTokens)
	add(s.output, l.OutputTokens)
	add(s.cacheRead, l.CacheRead)
	add(s.cacheWrite, l.CacheWrite)
	add(s.reasoning, l.Reasoning)
}

// add leaves out what an upstream cannot have meant: counters do not go down.
func add(c prom.Counter, n metrics.Count) {
	if n.Known && n.N > 0 {
		c.Add(float64(n.N))
	}
}
