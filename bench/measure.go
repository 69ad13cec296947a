package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// sample is one run of one scenario against one target: many connections for
// CPU and memory, and one alone for latency.
type sample struct {
	target, scenario string
	round            int
	requests, errors int
	err              error
	cpu              time.Duration // of the target's process, per request
	rss              int64         // the most, in bytes
	dials            float64       // upstream connections per 1000 requests
	p50, p99         time.Duration // of an answer
	first, first99   time.Duration // until its first byte: median and p99
}

// settle is what a run waits before it reads the CPU time: longer than the
// gateway lets events wait for the batch that writes them.
const settle = 300 * time.Millisecond

// leg is what one target does of a round.
type leg struct {
	t *target
	s scenario
	m *sample
}

// legs are a round of the scenarios that are compared with each other, one right after
// the other.
func (b *bench) legs(family []scenario, round int) (all []leg) {
	for _, t := range b.targets {
		for _, s := range family {
			if s.doneBy(t.name) {
				all = append(all, leg{t, s, &sample{target: t.name, scenario: s.name, round: round}})
			}
		}
	}
	if round%2 == 1 {
		slices.Reverse(all)
	}
	for range round / 2 % max(len(all), 1) {
		all = append(all[1:], all[0])
	}
	return all
}

// families are the scenarios, those together that are compared with each other.
func families(all []scenario) (out [][]scenario) {
	for _, s := range all {
		i := slices.IndexFunc(out, func(f []scenario) bool { return f[0].base() == s.base() })
		if i < 0 {
			i, out = len(out), append(out, nil)
		}
		out[i] = append(out[i], s)
	}
	return out
}

// measureAll does all rounds. Each round turns the order of targets around, so
// that whatever else the machine does meets all of them.
func (b *bench) measureAll(ctx context.Context, c config, progress io.Writer) ([]*sample, error) {
	var all []*sample
	for round := range c.rounds {
		for _, family := range families(c.scenarios) {
			legs := b.legs(family, round)
			for _, l := range legs {
				all = append(all, l.m)
				if l.s.burst {
					continue
				}
				if err := b.latency(ctx, l, c.d); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", l.s.name, l.t.name, err)
				}
			}
			for _, l := range legs {
				if err := b.load(ctx, l, c.d); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", l.s.name, l.t.name, err)
				}
				fmt.Fprintf(progress, "round %d/%d %-18s %-13s %6d requests, %d errors, CPU %6.1f µs, p50 %6.0f µs\n",
					round+1, c.rounds, l.s.name, l.t.name, l.m.requests, l.m.errors, micros(l.m.cpu), micros(l.m.p50))
			}
		}
	}
	return all, nil
}

// latency calls on one connection, which keeps no part of the machine busy.
func (b *bench) latency(ctx context.Context, l leg, d time.Duration) error {
	t, s, m := l.t, l.s, l.m
	callers, hangUp, err := connect(t, s, 1)
	if err != nil {
		return err
	}
	defer hangUp()
	warm := driveFor(ctx, callers, 0, d/3)
	o := driveFor(ctx, callers, 0, d)
	m.take(t, warm)
	m.take(t, o)
	m.timings(o)
	return ctx.Err()
}

// load calls on all connections at once, and reads what that cost the target.
func (b *bench) load(ctx context.Context, l leg, d time.Duration) error {
	t, s, m := l.t, l.s, l.m
	callers, hangUp, err := connect(t, s, s.conns)
	if err != nil {
		return err
	}
	defer hangUp()
	if !s.burst {
		m.take(t, driveFor(ctx, callers, 0, d/3))
	} else {
		d *= 2 // its streams take longer
	}
	var before usage
	if before, err = b.read(t); err != nil {
		return err
	}
	if t.proc != nil {
		if err := resetPeak(t.proc.cmd.Process.Pid); err != nil {
			return err
		}
	}
	o := driveFor(ctx, callers, s.every, d)
	time.Sleep(settle)
	after, err := b.read(t)
	if err != nil {
		return err
	}
	m.take(t, o)
	if s.burst {
		m.timings(o)
	}
	n := max(o.requests, 1)
	m.cpu = (after.cpu - before.cpu) / time.Duration(n)
	m.rss = after.rss
	m.dials = 1000 * float64(after.conns-before.conns) / float64(n)
	return ctx.Err()
}

func connect(t *target, s scenario, n int) (callers []*caller, hangUp func(), err error) {
	hangUp = func() {
		for _, c := range callers {
			c.hangUp()
		}
	}
	for range n {
		c, err := dial(t, s)
		if err != nil {
			hangUp()
			return nil, nil, err
		}
		callers = append(callers, c)
	}
	return callers, hangUp, nil
}

// usage is what a target has used by now.
type usage struct {
	cpu   time.Duration
	rss   int64
	conns int64
}

func (b *bench) read(t *target) (u usage, err error) {
	if u.conns, _, err = b.up.counters(); err != nil || t.proc == nil {
		return u, err
	}
	pid := t.proc.cmd.Process.Pid
	if u.cpu, err = cpuTime(pid); err != nil {
		return u, err
	}
	u.rss, err = memory(pid, "VmHWM")
	return u, err
}

func (m *sample) take(t *target, o outcome) {
	t.sent += o.requests
	m.requests += o.requests
	m.errors += o.errors
	if m.err == nil {
		m.err = o.err
	}
}

func (m *sample) timings(o outcome) {
	m.p50, m.p99 = quantile(o.total, 0.5), quantile(o.total, 0.99)
	m.first, m.first99 = quantile(o.first, 0.5), quantile(o.first, 0.99)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
