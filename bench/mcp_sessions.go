package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

const (
	heldSessions = 1000   // at once
	generations  = 4      // of sessions, one after the other
	settled      = 1      // the generation when every pool and cache has its size
	sessionCalls = 50_000 // of each generation, in all sessions together
	sessionSteps = 2      // in which these are made
)

// held is a session with its two connections: one that calls, and the stream of what
// the server may say, which stays open.
type held struct {
	calls, listens *caller
	said           io.Reader // on the stream
}

// sessions prints the gateway's memory while a thousand sessions are open and call, and
// again after they have ended, for several generations of them.
func (b *bench) sessions(ctx context.Context, w io.Writer) error {
	i := slices.IndexFunc(b.targets, func(t *target) bool { return t.name == "gateway" })
	if i < 0 {
		return errors.New("sessions are the gateway's alone, which -targets leaves out")
	}
	t := b.targets[i]
	fmt.Fprintf(w, "\n| MCP sessions | | calls | RSS MB | descriptors |\n|---:|---|---:|---:|---:|\n")
	calls := 0
	row := func(open int, when string) (int64, error) {
		rss, err := memory(t.proc.cmd.Process.Pid, "VmRSS")
		files, fdErr := descriptors(t.proc.cmd.Process.Pid)
		fmt.Fprintf(w, "| %d | %s | %d | %.1f | %d |\n", open, when, calls, float64(rss)/(1<<20), files)
		return rss, errors.Join(err, fdErr)
	}
	if _, err := row(0, "at first"); err != nil {
		return err
	}
	var called, ended [generations]int64
	for g := range generations {
		all, err := hold(t, heldSessions)
		if err == nil {
			_, err = row(len(all), "open")
		}
		for range sessionSteps {
			if err != nil {
				break
			}
			var left atomic.Int64
			left.Store(sessionCalls / sessionSteps)
			o := drive(ctx, callersOf(all), 0, time.Now().Add(10*time.Minute), func() bool { return left.Add(-1) >= 0 })
			t.sent += o.requests
			calls += o.requests
			if err = errors.Join(o.err, ctx.Err()); err == nil {
				called[g], err = row(len(all), "calling")
			}
		}
		if err = errors.Join(err, release(all)); err != nil {
			return err
		}
		time.Sleep(settle)
		if ended[g], err = row(0, "ended"); err != nil {
			return err
		}
	}
	last := generations - 1
	fmt.Fprintf(w, "\nMemory of the last generation is %.2f of the second's while it calls, and %.2f after its end.\n",
		float64(called[last])/float64(called[settled]), float64(ended[last])/float64(ended[settled]))
	if _, err := recorded(ctx, t); err != nil {
		return err
	}
	if float64(called[last]) > grown*float64(called[settled]) || float64(ended[last]) > grown*float64(ended[settled]) {
		return errors.New("memory grew")
	}
	return nil
}

// hold opens sessions, and a stream in each.
func hold(t *target, n int) (all []held, err error) {
	s := mcpScenarios()[0]
	for range n {
		var h held
		if h.calls, err = dial(t, s); err != nil {
			return all, err
		}
		if h.listens, h.said, err = listenIn(t, s, h.calls.headers); err != nil {
			h.calls.hangUp()
			return all, err
		}
		all = append(all, h)
	}
	return all, nil
}

// listenIn opens the stream of a session.
func listenIn(t *target, s scenario, headers []string) (c *caller, said io.Reader, err error) {
	if c, err = connectTo(t.addr, s); err != nil {
		return nil, nil, err
	}
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	var resp *http.Response
	if _, err = c.conn.Write(c.request(http.MethodGet, s.asks, nil, headers...)); err == nil {
		resp, err = http.ReadResponse(c.in, nil)
	}
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET: status %d", resp.StatusCode)
	}
	if err != nil {
		_ = c.conn.Close()
		return nil, nil, err
	}
	return c, resp.Body, nil
}

func callersOf(all []held) (callers []*caller) {
	for _, h := range all {
		callers = append(callers, h.calls)
	}
	return callers
}

// release ends sessions, by which their streams have to end.
func release(all []held) (err error) {
	for _, h := range all {
		h.calls.hangUp()
		_ = h.listens.conn.SetDeadline(time.Now().Add(patience))
		if err == nil { // else each would take as long
			if _, err = io.Copy(io.Discard, h.said); err != nil {
				err = fmt.Errorf("the stream of a session that was ended goes on: %w", err)
			}
		}
		_ = h.listens.conn.Close()
	}
	return err
}

// descriptors counts those that a process has open.
func descriptors(pid int) (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries), err
}
