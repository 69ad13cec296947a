package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	million = 1_000_000
	step    = 100_000
	// grown is what memory may be after the last step, as a share of what it was
	// after the second, when every pool and cache has its size.
	grown = 1.10
)

// million sends a million small requests to each target and prints its memory
// after each 100,000.
func (b *bench) million(ctx context.Context, w io.Writer) error {
	s := scenarios()[0]
	var failed []error
	for _, t := range b.targets {
		if t.proc == nil {
			continue
		}
		if err := b.memoryOver(ctx, w, t, s); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", t.name, err))
		}
	}
	return errors.Join(failed...)
}

func (b *bench) memoryOver(ctx context.Context, w io.Writer, t *target, s scenario) error {
	callers, hangUp, err := connect(t, s, s.conns)
	if err != nil {
		return err
	}
	defer hangUp()
	conns, _, err := b.up.counters()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "| %s: requests | RSS MB | peak RSS MB | requests/s |\n|---:|---:|---:|---:|\n", t.name)
	pid := t.proc.cmd.Process.Pid
	var early, rss int64
	for done := 0; done < million; {
		var left atomic.Int64
		left.Store(step)
		o := drive(ctx, callers, 0, time.Now().Add(10*time.Minute), func() bool { return left.Add(-1) >= 0 })
		t.sent += o.requests
		done += o.requests
		if o.err != nil || ctx.Err() != nil {
			return errors.Join(o.err, ctx.Err())
		}
		if rss, err = memory(pid, "VmRSS"); err != nil {
			return err
		}
		peak, err := memory(pid, "VmHWM")
		if err != nil {
			return err
		}
		if done == 2*step {
			early = rss
		}
		fmt.Fprintf(w, "| %d | %.1f | %.1f | %.0f |\n", done, float64(rss)/(1<<20), float64(peak)/(1<<20), float64(o.requests)/o.elapsed.Seconds())
	}
	after, _, err := b.up.counters()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s: %d upstream connections; memory at the end is %.2f of what it was after %d requests.\n", t.name, after-conns, float64(rss)/float64(early), 2*step)
	if t.name == "gateway" {
		e, err := recorded(ctx, t)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "It recorded %d events in SQLite; %d were dropped, %d not written.\n", e.recorded, e.dropped, e.failed)
	}
	if float64(rss) > grown*float64(early) {
		return errors.New("memory grew")
	}
	return nil
}
