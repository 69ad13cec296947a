package prometheus_test

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/agent-gateway/agent-gateway/metrics/metricstest"
	"github.com/agent-gateway/agent-gateway/metrics/prometheus"
	"github.com/stretchr/testify/require"
)

// scrape returns the lines of the exposition that begin with prefix.
func scrape(t *testing.T, s *prometheus.Sink, prefix string) []string {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
	require.True(t, strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain"))
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestMetrics(t *testing.T) {
	s := prometheus.New(prometheus.Options{})
	e := metricstest.FullEvent("a")
	e.LLM.InputTokens.N = 10
	s.Record(t.Context(), e)
	s.Record(t.Context(), e)
	failed := metricstest.FullEvent("b")
	failed.Success, failed.ErrorType = false, "rate_limited"
	failed.LLM = &metrics.LLM{ProviderID: "openai-main", Model: "gpt-4.1-mini", Operation: "openai.chat", Attempts: 3}
	s.Record(t.Context(), failed)
	s.Record(t.Context(), &metrics.Event{RouteKind: metrics.KindMCP})

	const of = `model="gpt-4.1-mini",operation="openai.chat",outcome="success",provider_id="openai-main",route_id="openai-chat"`
	const lost = `model="gpt-4.1-mini",operation="openai.chat",outcome="rate_limited",provider_id="openai-main",route_id="openai-chat"`
	for _, want := range []string{
		"agw_llm_requests_total{" + of + "} 2",
		"agw_llm_requests_total{" + lost + "} 1",
		"agw_llm_tokens_total{" + of + `,type="input"} 20`,
		"agw_llm_tokens_total{" + of + `,type="output"} 4`,
		"agw_llm_tokens_total{" + of + `,type="cache_read"} 0`,
		"agw_llm_tokens_total{" + of + `,type="cache_write"} 8`,
		"agw_llm_tokens_total{" + of + `,type="reasoning"} 10`,
		"agw_llm_upstream_attempts_total{" + of + "} 4",
		"agw_llm_upstream_attempts_total{" + lost + "} 3",
		"agw_llm_unknown_usage_total{" + of + "} 0",
		"agw_llm_unknown_usage_total{" + lost + "} 1",
		"agw_llm_request_duration_seconds_count{" + of + "} 2",
		"agw_llm_request_duration_seconds_bucket{" + of + `,le="1"} 0`,
		"agw_llm_request_duration_seconds_bucket{" + of + `,le="2.5"} 2`,
		"agw_llm_time_to_first_byte_seconds_count{" + of + "} 2",
		"agw_llm_time_to_first_byte_seconds_count{" + lost + "} 0",
	} {
		require.Contains(t, scrape(t, s, "agw_"), want)
	}
	require.Len(t, scrape(t, s, "agw_llm_requests_total"), 2)
}

func TestPipelineStats(t *testing.T) {
	s := prometheus.New(prometheus.Options{})
	require.Empty(t, scrape(t, s, "agw_events"))
	s.Pipeline(func() metrics.PipelineStats { return metrics.PipelineStats{Dropped: 1, WriteFailures: 2, Queued: 3} })
	require.Equal(t, []string{"agw_events_dropped_total 1", "agw_events_queued 3", "agw_events_write_failures_total 2"}, scrape(t, s, "agw_events"))
}

func called(route, model string) *metrics.Event {
	e := metricstest.Event("a", 0)
	e.RouteID, e.LLM.Model = route, model
	return e
}

func TestSeriesAreBounded(t *testing.T) {
	s := prometheus.New(prometheus.Options{MaxSeries: 5})
	for range 2 {
		for i := range 20 {
			s.Record(t.Context(), called("r", fmt.Sprint("model-", i)))
		}
	}
	lines := scrape(t, s, "agw_llm_requests_total")
	require.Len(t, lines, 6)
	require.Contains(t, lines, `agw_llm_requests_total{model="model-4",operation="",outcome="success",provider_id="",route_id="r"} 2`)
	require.Contains(t, lines, `agw_llm_requests_total{model="_other",operation="",outcome="success",provider_id="",route_id="r"} 30`)

	for i := range 100 {
		s.Record(t.Context(), called(fmt.Sprint("route-", i), "x"))
	}
	lines = scrape(t, s, "agw_llm_requests_total")
	require.Len(t, lines, 11)
	require.Contains(t, lines, `agw_llm_requests_total{model="_other",operation="_other",outcome="_other",provider_id="_other",route_id="_other"} 96`)
}

func TestOddModels(t *testing.T) {
	s := prometheus.New(prometheus.Options{})
	s.Record(t.Context(), called("r", "bad\xff\"\n"))
	s.Record(t.Context(), called("r", strings.Repeat("x", 100_000)))
	lines := strings.Join(scrape(t, s, "agw_llm_requests_total"), "\n")
	require.Contains(t, lines, `model="bad`+"\uFFFD"+`\"\n"`)
	require.Contains(t, lines, `model="_other"`)
	require.Less(t, len(lines), 1000)
}

func TestConcurrentRecords(t *testing.T) {
	s := prometheus.New(prometheus.Options{MaxSeries: 10})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 500 {
				s.Record(t.Context(), called("r", fmt.Sprint("model-", i%20)))
			}
		})
	}
	all.Wait()
	total := 0
	for _, line := range scrape(t, s, "agw_llm_requests_total") {
		var n int
		_, err := fmt.Sscan(line[strings.LastIndex(line, " "):], &n)
		require.NoError(t, err)
		total += n
	}
	require.Equal(t, 2000, total)
}

func TestRecordDoesNotAllocate(t *testing.T) {
	s := prometheus.New(prometheus.Options{MaxSeries: 1})
	known, others := metricstest.FullEvent("a"), metricstest.FullEvent("b")
	others.LLM.Model = "another"
	tool := metricstest.FullMCPEvent("c")
	for _, e := range []*metrics.Event{known, others, tool} {
		s.Record(t.Context(), e)
		require.Zero(t, testing.AllocsPerRun(100, func() { s.Record(t.Context(), e) }))
	}
}

func BenchmarkRecord(b *testing.B) {
	s := prometheus.New(prometheus.Options{})
	events := make([]*metrics.Event, 50)
	for i := range events {
		events[i] = metricstest.FullEvent("a")
		events[i].LLM.Model = fmt.Sprint("model-", i)
		events[i].FinishedAt = events[i].StartedAt.Add(time.Duration(i) * time.Second)
		s.Record(context.Background(), events[i])
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			s.Record(context.Background(), events[i%len(events)])
		}
	})
}
