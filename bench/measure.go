package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// targetNames is the order in which reports list them.
var targetNames = []string{"direct", "relay", "reverseproxy", "gateway"}

// target is what stands where the gateway may stand.
type target struct {
	name, addr, key string
	proc            *child // nil for direct
	sent            int    // requests that it got, all in all
}

// bench holds the processes of one run.
type bench struct {
	dir     string // of the gateway
	up      *child
	targets []*target
}

// start starts everything that the run needs. The caller stops it.
func start(ctx context.Context, c config) (b *bench, err error) {
	b = &bench{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop())
		}
	}()
	if b.dir, err = os.MkdirTemp("", "agw-bench-"); err != nil {
		return b, err
	}
	if b.up, err = startRole("upstream"); err != nil {
		return b, err
	}
	url := "http://" + b.up.addr
	for _, name := range targetNames {
		if !slices.Contains(c.targets, name) {
			continue
		}
		t := &target{name: name, addr: b.up.addr, key: upstreamKey}
		switch name {
		case "direct":
		case "gateway":
			t.key = virtualKey
			t.proc, err = startGateway(ctx, c.agwd, b.dir, url)
		default:
			t.key = virtualKey
			t.proc, err = startRole(name, url)
		}
		if err != nil {
			return b, err
		}
		if t.proc != nil {
			t.addr = t.proc.addr
		}
		b.targets = append(b.targets, t)
	}
	return b, nil
}

func (b *bench) stop() error {
	var all []error
	for _, t := range b.targets {
		if t.proc != nil {
			all = append(all, t.proc.stop())
		}
	}
	if b.up != nil {
		all = append(all, b.up.stop())
	}
	return errors.Join(append(all, os.RemoveAll(b.dir))...)
}

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
	p50, p99, first  time.Duration // of an answer; median until its first byte
}

// settle is what a run waits before it reads the CPU time: longer than the
// gateway lets events wait for the batch that writes them.
const settle = 300 * time.Millisecond

// measureAll does all rounds. Each round turns the order of targets around, so
// that whatever else the machine does meets all of them.
func (b *bench) measureAll(ctx context.Context, c config, progress io.Writer) ([]*sample, error) {
	var all []*sample
	for round := range c.rounds {
		order := slices.Clone(b.targets)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for range round / 2 % len(order) {
			order = append(order[1:], order[0])
		}
		for _, s := range c.scenarios {
			these := map[*target]*sample{}
			for _, t := range order {
				these[t] = &sample{target: t.name, scenario: s.name, round: round}
				all = append(all, these[t])
			}
			if !s.burst {
				for _, t := range order {
					if err := b.latency(ctx, t, s, c.d, these[t]); err != nil {
						return nil, fmt.Errorf("%s, %s: %w", s.name, t.name, err)
					}
				}
			}
			for _, t := range order {
				if err := b.load(ctx, t, s, c.d, these[t]); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", s.name, t.name, err)
				}
				m := these[t]
				fmt.Fprintf(progress, "round %d/%d %-7s %-13s %6d requests, %d errors, CPU %6.1f µs, p50 %6.0f µs\n",
					round+1, c.rounds, s.name, t.name, m.requests, m.errors, micros(m.cpu), micros(m.p50))
			}
		}
	}
	return all, nil
}

// latency calls on one connection, which keeps no part of the machine busy.
func (b *bench) latency(ctx context.Context, t *target, s scenario, d time.Duration, m *sample) error {
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
func (b *bench) load(ctx context.Context, t *target, s scenario, d time.Duration, m *sample) error {
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
			_ = c.conn.Close()
		}
	}
	for range n {
		c, err := dial(t.addr, t.key, s)
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
	m.p50, m.p99, m.first = quantile(o.total, 0.5), quantile(o.total, 0.99), quantile(o.first, 0.5)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
