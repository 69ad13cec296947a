package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"time"
)

// report prints what was measured, as Markdown. It fails when the gateway made
// errors or lost events: figures of work that was not done say nothing.
func (b *bench) report(ctx context.Context, w io.Writer, c config, samples []*sample) error {
	fmt.Fprintf(w, "%d CPUs, %s, %d rounds of %s; medians over rounds, except memory, which is the most. Latency is direct's own, and what each other adds to it.\n\n",
		runtime.NumCPU(), runtime.Version(), c.rounds, c.d)
	fmt.Fprintln(w, "| scenario | target | requests | errors | CPU µs/request | CPU µs/event | first byte µs | p50 µs | p99 µs | peak RSS MB | upstream dials/1000 | CPU to ReverseProxy |")
	fmt.Fprintln(w, "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
	var failed []error
	for _, s := range c.scenarios {
		for _, t := range b.targets {
			r := results{samples}.of(s.name, t.name)
			if len(r.samples) == 0 {
				continue
			}
			fmt.Fprintln(w, row(s, t.name, r, results{samples}.of(s.base(), "direct"), results{samples}.of(s.base(), "reverseproxy")))
			for _, m := range r.samples {
				if m.err != nil {
					failed = append(failed, fmt.Errorf("%s, %s, round %d: %d errors, the first: %w", s.name, t.name, m.round+1, m.errors, m.err))
				}
			}
		}
	}
	aims(w, c, results{samples})
	besides(w, c, results{samples})
	calls(w, c, results{samples})
	for _, t := range b.targets {
		if t.name != "gateway" {
			continue
		}
		e, err := recorded(ctx, t)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		fmt.Fprintf(w, "\nThe gateway was sent %d requests and recorded %d events in SQLite; %d were dropped, %d not written.\n", t.sent, e.recorded, e.dropped, e.failed)
		if e.recorded != t.sent {
			failed = append(failed, errors.New("the gateway's events are not as many as its requests"))
		}
	}
	return errors.Join(failed...)
}

// results are samples, one a round.
type results struct{ samples []*sample }

func (r results) of(scenario, target string) results {
	var out results
	for _, m := range r.samples {
		if m.scenario == scenario && m.target == target {
			out.samples = append(out.samples, m)
		}
	}
	return out
}

// median over rounds of a figure; beside gives each sample that of another
// target in the same round, and rounds that lack it are left out.
func (r results) median(beside results, figure func(m, other *sample) float64) float64 {
	var all []float64
	for _, m := range r.samples {
		for _, other := range beside.samples {
			if other.round == m.round {
				all = append(all, figure(m, other))
			}
		}
	}
	slices.Sort(all)
	if n := len(all); n > 0 && n%2 == 0 {
		return (all[n/2-1] + all[n/2]) / 2
	}
	return quantile(all, 0.5)
}

func row(s scenario, name string, r, direct, proxy results) string {
	own := func(f func(*sample) float64) float64 { return r.median(r, func(m, _ *sample) float64 { return f(m) }) }
	sum := func(f func(*sample) int) (n int) {
		for _, m := range r.samples {
			n += f(m)
		}
		return n
	}
	latency := func(f func(*sample) time.Duration) string {
		if name == "direct" || len(direct.samples) == 0 {
			return fmt.Sprintf("%.0f", own(func(m *sample) float64 { return micros(f(m)) }))
		}
		return fmt.Sprintf("%+.0f", r.median(direct, func(m, d *sample) float64 { return micros(f(m) - f(d)) }))
	}
	cpu, event, rss, ratio := "–", "–", "–", "–"
	if name != "direct" {
		perRequest := own(func(m *sample) float64 { return micros(m.cpu) })
		cpu = fmt.Sprintf("%.1f", perRequest)
		if s.events > 0 {
			event = fmt.Sprintf("%.2f", perRequest/float64(s.events))
		}
		rss = fmt.Sprintf("%.0f", r.peak())
		if len(proxy.samples) > 0 {
			ratio = fmt.Sprintf("%.2f", r.median(proxy, cpuRatio))
		}
		if name == "gateway" && s.beside == "" && s.mcp == "" && ratio != "–" {
			ratio += " " + verdict(r.median(proxy, cpuRatio), 1)
		}
	}
	return fmt.Sprintf("| %s | %s | %d | %d | %s | %s | %s | %s | %s | %s | %.1f | %s |", s.name, name,
		sum(func(m *sample) int { return m.requests }), sum(func(m *sample) int { return m.errors }), cpu, event,
		latency(func(m *sample) time.Duration { return m.first }), latency(func(m *sample) time.Duration { return m.p50 }),
		latency(func(m *sample) time.Duration { return m.p99 }), rss, own(func(m *sample) float64 { return m.dials }), ratio)
}

func cpuRatio(m, other *sample) float64 { return float64(m.cpu) / float64(max(other.cpu, 1)) }

// peak is the most memory of all rounds, in MB.
func (r results) peak() float64 {
	var most int64
	for _, m := range r.samples {
		most = max(most, m.rss)
	}
	return float64(most) / (1 << 20)
}

// events are the gateway's own count of what it recorded.
type events struct{ recorded, dropped, failed int }

// recorded asks the Admin API, when nothing waits to be written any more.
func recorded(ctx context.Context, t *target) (events, error) {
	for range 100 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.proc.admin+"/admin/metrics", nil)
		if err != nil {
			return events{}, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return events{}, err
		}
		var answer struct {
			LLM, MCP struct {
				Requests int `json:"request_count"`
			}
			Pipeline struct {
				Dropped int `json:"dropped_events"`
				Failed  int `json:"write_failures"`
				Queued  int `json:"queued"`
			} `json:"pipeline"`
		}
		err = errors.Join(json.NewDecoder(resp.Body).Decode(&answer), resp.Body.Close())
		if err != nil || resp.StatusCode != http.StatusOK {
			return events{}, fmt.Errorf("/admin/metrics: status %d: %w", resp.StatusCode, err)
		}
		if p, n := answer.Pipeline, answer.LLM.Requests+answer.MCP.Requests; n+p.Dropped+p.Failed >= t.sent {
			return events{n, p.Dropped, p.Failed}, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return events{}, errors.New("the gateway has not recorded an event for each request after ten seconds")
}
