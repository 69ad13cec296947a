package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Figures are compared with those of the same round.
func TestRow(t *testing.T) {
	var all results
	add := func(target string, round int, cpu, p50 time.Duration) {
		all.samples = append(all.samples, &sample{target: target, scenario: "s", round: round, requests: 10,
			cpu: cpu * time.Microsecond, p50: p50 * time.Microsecond, rss: int64(10+round) << 20})
	}
	for round, slower := range []time.Duration{1, 9, 2} { // the machine's mood
		add("direct", round, 0, 100*slower)
		add("reverseproxy", round, 50*slower, 100*slower+40)
		add("gateway", round, 45*slower, 100*slower+30)
	}
	s := scenario{name: "s", events: 10}
	got := row(s, "gateway", all.of("s", "gateway"), all.of("s", "direct"), all.of("s", "reverseproxy"))
	require.Equal(t, "| s | gateway | 30 | 0 | 90.0 | 9.00 | +0 | +30 | +0 | 12 | 0.0 | 0.90 PASS |", got)
	got = row(s, "direct", all.of("s", "direct"), all.of("s", "direct"), all.of("s", "reverseproxy"))
	require.Equal(t, "| s | direct | 30 | 0 | – | – | 0 | 200 | 0 | – | 0.0 | – |", got)

	var out strings.Builder
	aims(&out, config{scenarios: []scenario{s}}, all)
	require.Contains(t, out.String(), "| s | 0.90 PASS | – | 0.75 PASS | – | 1.00 PASS |")
}

// The gateway's other routes are compared with the one that relays, in the same round.
func TestBesides(t *testing.T) {
	var all results
	add := func(scenario string, round int, cpu, first, first99 time.Duration) {
		all.samples = append(all.samples, &sample{target: "gateway", scenario: scenario, round: round,
			cpu: cpu * time.Microsecond, first: first * time.Microsecond, first99: first99 * time.Microsecond})
	}
	for round, slower := range []time.Duration{1, 9, 2} {
		add("stream", round, 100*slower, 100*slower, 200*slower)
		add("stream-translated", round, 250*slower, 100*slower+50, 200*slower+1300)
		add("stream-to-messages", round, 310*slower, 100*slower+50, 200*slower+900)
		add("stream-limits", round, 109*slower, 100*slower+5, 200*slower-7)
		add("small-translated", round, 100, 100, 100)
	}
	var out strings.Builder
	besides(&out, config{scenarios: scenarios()}, all)
	require.Equal(t, `
| translated to relayed | CPU | added first byte µs, p50 | p99 |
|---|---:|---:|---:|
| stream-translated | 2.50 PASS | +50 | +1300 over |
| stream-to-messages | 3.10 over | +50 | +900 PASS |

| logical with limits to direct | CPU | added first byte µs, p50 | p99 |
|---|---:|---:|---:|
| stream-limits | 1.09 PASS | +5 | -7 |
`, out.String(), "small-translated has nothing beside it")
}
