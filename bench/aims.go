package main

import (
	"fmt"
	"io"
	"time"
)

// aims prints the gateway's figures as shares of the ReverseProxy's: it aims to
// add no more in any of them.
func aims(w io.Writer, c config, all results) {
	head := "\n| gateway to ReverseProxy | CPU | added first byte | added p50 | added p99 | peak RSS |\n|---|---:|---:|---:|---:|---:|\n"
	for _, s := range c.scenarios {
		gw, proxy, direct := all.of(s.name, "gateway"), all.of(s.name, "reverseproxy"), all.of(s.name, "direct")
		if s.mcp != "" || len(gw.samples) == 0 || len(proxy.samples) == 0 {
			continue
		}
		added := func(f func(*sample) time.Duration) string {
			add := func(r results) float64 {
				return r.median(direct, func(m, d *sample) float64 { return micros(f(m) - f(d)) })
			}
			if len(direct.samples) == 0 || add(proxy) <= 0 {
				return "–"
			}
			return mark(add(gw)/add(proxy), 1)
		}
		fmt.Fprintf(w, "%s| %s | %s | %s | %s | %s | %s |\n", head, s.name, mark(gw.median(proxy, cpuRatio), 1),
			added(func(m *sample) time.Duration { return m.first }), added(func(m *sample) time.Duration { return m.p50 }),
			added(func(m *sample) time.Duration { return m.p99 }), mark(gw.peak()/max(proxy.peak(), 1), 1))
		head = ""
	}
}

// What the gateway aims at on its other routes, beside the one that relays.
const (
	streamCPU  = 3.0              // of a translated stream
	limitsCPU  = 1.10             // of a logical model with limits
	translates = time.Millisecond // what translation adds to the first byte at p99
)

// besides prints what the gateway's other routes cost beside the one that relays.
func besides(w io.Writer, c config, all results) {
	table(w, "translated to relayed", c, all, scenario.isTranslated, func(s scenario) float64 {
		if s.events == 0 {
			return 0
		}
		return streamCPU
	}, translates)
	table(w, "logical with limits to direct", c, all, func(s scenario) bool { return s.limited }, func(scenario) float64 { return limitsCPU }, 0)
}

// table compares scenarios with those that they are beside, as the gateway does both.
// Aims that are 0 are none.
func table(w io.Writer, title string, c config, all results, in func(scenario) bool, cpu func(scenario) float64, first99 time.Duration) {
	head := fmt.Sprintf("\n| %s | CPU | added first byte µs, p50 | p99 |\n|---|---:|---:|---:|\n", title)
	for _, s := range c.scenarios {
		r, base := all.of(s.name, "gateway"), all.of(s.beside, "gateway")
		if !in(s) || len(r.samples) == 0 || len(base.samples) == 0 {
			continue
		}
		ratio := r.median(base, cpuRatio)
		shown := fmt.Sprintf("%.2f", ratio)
		if aim := cpu(s); aim > 0 {
			shown = mark(ratio, aim)
		}
		p50 := r.median(base, func(m, o *sample) float64 { return micros(m.first - o.first) })
		p99 := r.median(base, func(m, o *sample) float64 { return micros(m.first99 - o.first99) })
		late := fmt.Sprintf("%+.0f", p99)
		if first99 > 0 {
			late += " " + verdict(p99, micros(first99))
		}
		fmt.Fprintf(w, "%s| %s | %s | %+.0f | %s |\n", head, s.name, shown, p50, late)
		head = ""
	}
}

// mcpCPU is what the gateway may add to the call of an MCP tool.
const mcpCPU = 150 * time.Microsecond

// calls prints what the gateway adds to the call of an MCP tool that is made directly.
func calls(w io.Writer, c config, all results) {
	head := "\n| tools/call through the gateway to direct | CPU µs added | p50 µs added | p99 µs added |\n|---|---:|---:|---:|\n"
	for _, s := range c.scenarios {
		gw, direct := all.of(s.name, "gateway"), all.of(s.name, "direct")
		if s.mcp == "" || len(gw.samples) == 0 || len(direct.samples) == 0 {
			continue
		}
		added := func(f func(*sample) time.Duration) float64 {
			return gw.median(direct, func(m, d *sample) float64 { return micros(f(m) - f(d)) })
		}
		cpu := added(func(m *sample) time.Duration { return m.cpu }) // of which direct has none
		fmt.Fprintf(w, "%s| %s | %.0f %s | %+.0f | %+.0f |\n", head, s.name, cpu, verdict(cpu, micros(mcpCPU)),
			added(func(m *sample) time.Duration { return m.p50 }), added(func(m *sample) time.Duration { return m.p99 }))
		head = ""
	}
}

func mark(ratio, aim float64) string { return fmt.Sprintf("%.2f %s", ratio, verdict(ratio, aim)) }

// verdict allows half a percent, which two runs of one program differ by.
func verdict(figure, aim float64) string {
	if figure <= aim*1.005 {
		return "PASS"
	}
	return "over"
}
