package mcptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// crash: an answer that breaks off never looks like a whole one.
func (p *peer) crash() {
	if p.opts.OneWire {
		other := p.begin(toolCall("slow", ""))
		p.read(other)
		_, _, err := p.do(p.ctx, toolCall("crash", ""))
		p.broke(err)
		p.ends("another call", drained(other))
		_, _, err = p.do(p.ctx, toolCall("echo", `"text":"x"`))
		p.broke(err)
		if err := p.Notify(p.ctx, p.note("notifications/x", "")); err == nil {
			p.t.Error("Notify went on after the end of the server")
		}
		return
	}
	for _, late := range []bool{false, true} {
		_, _, err := p.do(p.ctx, toolCall("crash", fmt.Sprintf(`"late":%t`, late)))
		p.broke(err)
		p.works()
	}
}

func (p *peer) broke(err error) {
	p.t.Helper()
	switch {
	case err == nil || errors.Is(err, io.EOF):
		p.t.Errorf("the call ended with %v, want an error other than io.EOF", err)
	case p.ctx.Err() != nil:
		p.t.Errorf("the call hung: %v", err)
	}
}

// closed: Close ends what is under way, and the session.
func (p *peer) closed() {
	running := p.begin(toolCall("slow", ""))
	p.read(running)
	silent := after(func() error {
		s, err := p.Call(p.ctx, p.of(toolCall("never", `"mark":"closed-1"`)))
		if err != nil {
			return err
		}
		_, err = next(s)
		return err
	})
	p.received("closed-1")
	results := []<-chan error{drained(running), silent}
	if s, err := p.Listen(p.ctx, ""); err == nil {
		results = append(results, drained(s))
	}
	if err := p.Close(p.ctx); err != nil {
		p.t.Errorf("Close: %v", err)
	}
	for _, r := range results {
		p.ends("what was under way", r)
	}
	if s, err := p.Call(p.ctx, p.of(toolCall("echo", `"text":"x"`))); err == nil {
		_ = s.Close()
		p.t.Error("Call went on after Close")
	}
	if err := p.Notify(p.ctx, p.note("notifications/x", "")); err == nil {
		p.t.Error("Notify went on after Close")
	}
	if s, err := p.Listen(p.ctx, ""); err == nil {
		_ = s.Close()
		p.t.Error("Listen went on after Close")
	}
	if err := p.Close(p.ctx); err != nil {
		p.t.Errorf("Close again: %v", err)
	}
	_ = running.Close()
}

// closeAtWork: Close may be called at any time, by anybody.
func (p *peer) closeAtWork() {
	var wg, started sync.WaitGroup
	for i := range 12 {
		started.Add(1)
		wg.Go(func() {
			for j := 0; ; j++ {
				var err error
				switch i % 3 {
				case 0:
					_, _, err = p.do(p.ctx, toolCall("echo", `"text":"x"`))
				case 1:
					err = p.Notify(p.ctx, p.note("notifications/x", ""))
				case 2:
					var s mcp.Stream
					r := toolCall("slow", "")
					r.token = quote(fmt.Sprintf("%d-%d", i, j)) // so that what it says is its own on one wire
					if s, err = p.Call(p.ctx, p.of(r)); err == nil {
						_, _ = next(s)
						_ = s.Close()
					}
				}
				if j == 0 {
					started.Done()
				}
				if err != nil {
					return
				}
			}
		})
	}
	started.Wait()
	for range 3 {
		wg.Go(func() {
			if err := p.Close(p.ctx); err != nil {
				p.t.Errorf("Close: %v", err)
			}
		})
	}
	wg.Wait()
	if p.ctx.Err() != nil {
		p.t.Error("what was under way has not ended")
	}
}

// dial: what cannot be reached is an error of Dial, or of the first call.
func (s suite) dial(t *testing.T) {
	transport, service := s.open(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for name, bad := range map[string]mcp.Service{"nothing": {ID: "x"}, "nonsense": {ID: "x", URL: "://canary", Command: "/no/such/command"}} {
		c, err := transport.Dial(ctx, bad)
		if err == nil {
			t.Errorf("%s: Dial reached it", name)
			_ = c.Close(ctx)
		}
	}
	short, end := context.WithCancel(ctx)
	c, err := transport.Dial(short, service)
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	end() // which bounds Dial only
	p := &peer{Conn: c, t: t, ctx: ctx, opts: s.opts, modern: s.opts.Era == Modern, next: new(atomic.Int64)}
	if !p.modern {
		p.initialize()
	}
	p.works()
	if err := c.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// twoSessions: sessions of one transport know nothing of each other.
func (s suite) twoSessions(t *testing.T, modern bool) {
	transport, service := s.open(t)
	a, b := s.connect(t, transport, service, modern), s.connect(t, transport, service, modern)
	slow := a.begin(toolCall("slow", "").with("8"))
	a.read(slow)
	b.equal("the other session's result", b.textOf(toolCall("echo", `"text":"b"`).with("8")), "b")
	if err := b.Close(b.ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
	a.works()
}

// goroutines: after all work there are no more of them than before.
func (s suite) goroutines(t *testing.T, modern bool) {
	before := runtime.NumGoroutine()
	t.Run("Work", func(t *testing.T) {
		p := s.start(t, modern)
		for range 5 {
			p.works()
		}
		if l, err := p.Listen(p.ctx, ""); err == nil {
			defer l.Close()
		}
		p.read(p.begin(toolCall("slow", ""))) // and is left to Close
	})
	http.DefaultClient.CloseIdleConnections()
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 64<<10)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
		<-time.After(time.Millisecond)
	}
}
