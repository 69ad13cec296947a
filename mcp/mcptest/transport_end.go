package mcptest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// cancelByClose: closing a stream before the response cancels the call.
func (p *peer) cancelByClose() {
	for _, id := range []string{"61", `"s\u0031/x"`} {
		s := p.begin(toolCall("slow", "").with(id))
		p.read(s) // it runs
		result := drained(s)
		if err := s.Close(); err != nil {
			p.t.Errorf("Close: %v", err)
		}
		p.ends("Next", result)
		p.cancelled(id)
		if err := s.Close(); err != nil {
			p.t.Errorf("Close again: %v", err)
		}
	}
	p.works()
}

// cancelByContext: so does the end of its context.
func (p *peer) cancelByContext() {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	s, err := p.Call(ctx, p.of(toolCall("slow", "").with("62")))
	if err != nil {
		p.t.Fatal(err)
	}
	p.read(s)
	result := drained(s)
	cancel()
	p.ends("Next", result)
	_ = s.Close()
	p.cancelled("62")
	p.works()
}

// cancelSilent: a call of which nothing has come yet can be cancelled.
func (p *peer) cancelSilent() {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	result := after(func() error {
		s, err := p.Call(ctx, p.of(toolCall("never", "").with(`"silent-63"`)))
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = next(s)
		return err
	})
	p.received(`"silent-63"`)
	cancel()
	p.ends("the call", result)
	p.cancelled(`"silent-63"`)
	p.works()
}

// resume: a stream that the server has ended before the response ends with io.EOF, and
// is gone on with after its last event.
func (p *peer) resume() {
	s := p.begin(toolCall("detach", "").with("64"))
	last, retry := "", time.Duration(0)
	for {
		m, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.t.Fatalf("the stream ended with %v, want io.EOF", err)
		}
		if m.EventID == "" && len(m.Data) > 0 {
			p.t.Fatalf("a message came without its event's id: %.200q", m.Data)
		}
		last, retry = cmp.Or(m.EventID, last), max(retry, m.Retry)
	}
	_ = s.Close()
	if last == "" || retry <= 0 {
		p.t.Fatalf("the last id is %q, and the server wants to be asked again after %s", last, retry)
	}
	p.goesOn(last, `"gone on"`)
	if n := p.count("notifications/cancelled"); n != 0 {
		p.t.Error("the call was cancelled, and the server is still to carry it out")
	}
}

// closeAndResume: so is one that the client has closed.
func (p *peer) closeAndResume() {
	s := p.begin(toolCall("ask", ""))
	var last string
	var asked mcp.Message
	for len(asked.Data) == 0 {
		var err error
		if asked, err = s.Next(); err != nil {
			p.t.Fatal(err)
		}
		last = cmp.Or(asked.EventID, last)
	}
	_ = s.Close()
	in, err := jsonrpc.Parse(asked.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	p.answer(in, `{"action":"decline"}`)
	p.goesOn(last, "decline")
	if n := p.count("notifications/cancelled"); n != 0 {
		p.t.Error("the call was cancelled, and the client can come back for it")
	}
}

// goesOn reads the rest of a stream, of which the last message has text in it.
func (p *peer) goesOn(last, text string) {
	p.t.Helper()
	s, err := p.Listen(p.ctx, last)
	if err != nil {
		p.t.Fatalf("Listen(%q): %v", last, err)
	}
	list, err := all(s)
	if err != nil || len(list) == 0 {
		p.t.Fatalf("the rest of the stream: %q, %v", list, err)
	}
	p.has("the response", list[len(list)-1], text)
}

// notCancelled: a call that is over is not cancelled.
func (p *peer) notCancelled() {
	for range 5 {
		s := p.begin(toolCall("echo", `"text":"x"`))
		p.read(s)
		_ = s.Close()
	}
	p.works()
	if n := p.count("notifications/cancelled"); n != 0 {
		p.t.Errorf("%d calls were cancelled after their response", n)
	}
}

// contextDone: with a context that is done nothing is sent.
func (p *peer) contextDone() {
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	if s, err := p.Call(ctx, p.of(toolCall("echo", `"text":"not-sent"`))); err == nil {
		_ = s.Close()
		p.t.Error("Call went on with a context that is done")
	}
	if err := p.Notify(ctx, p.note("notifications/x", `"mark":"not-sent"`)); err == nil {
		p.t.Error("Notify went on with a context that is done")
	}
	if s, err := p.Listen(ctx, ""); err == nil {
		_ = s.Close()
		p.t.Error("Listen went on with a context that is done")
	}
	p.works()
	if n := p.count("not-sent"); n != 0 {
		p.t.Errorf("%d messages were sent", n)
	}
}

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

// status: a status that a server refuses with is told, and the rest of its answer only
// as far as it is harmless.
func (p *peer) status() {
	long := strings.Repeat("z", 256<<10) // once: it takes its time
	for _, code := range []int{400, 401, 403, 404, 405, 409, 410, 413, 429, 500, 502, 503} {
		r := request{method: "mcptest/status", params: fmt.Sprintf(`"code":%d,"body":%s,"header":{"WWW-Authenticate":"Bearer scope=\"a b\"","Retry-After":"7","Set-Cookie":"secret=canary-1","Content-Type":"text/html"}`, code, quote("canary-2"+long))}
		s, err := p.Call(p.ctx, p.of(r))
		if err == nil {
			_, err = next(s)
			_ = s.Close()
		}
		p.refusedWith(err, code)
		long = ""
		m := p.note("mcptest/status", fmt.Sprintf(`"code":%d`, code))
		var refused *mcp.StatusError
		if err := p.Notify(p.ctx, m); !errors.As(err, &refused) || refused.Code != code {
			p.t.Errorf("%d to a notification became %v", code, err)
		}
		p.works()
	}
}

// headers: those of a message go with it.
func (p *peer) headers() {
	m := p.of(toolCall("route", `"region":"süd"`))
	m.Header["Mcp-Param-Region"] = []string{"=?base64?c8O8ZA==?="}
	s, err := p.Call(p.ctx, m)
	if err != nil {
		p.t.Fatal(err)
	}
	list, err := all(s)
	if err != nil || len(list) != 1 || text(lastResult(list)) != "süd" {
		p.t.Errorf("got %q, %v", list, err)
	}
	m.Header["Mcp-Name"] = []string{"another"}
	s, err = p.Call(p.ctx, m)
	if err == nil {
		_, err = next(s)
		_ = s.Close()
	}
	var refused *mcp.StatusError
	if !errors.As(err, &refused) || refused.Code != 400 || !bytes.Contains(refused.Body, []byte("-32020")) {
		p.t.Errorf("a header that does not agree with the body: %v, want status 400 with -32020", err)
	}
}

func (p *peer) refusedWith(err error, code int) {
	p.t.Helper()
	var refused *mcp.StatusError
	if !errors.As(err, &refused) || refused.Code != code {
		p.t.Errorf("%d became %v, want a *mcp.StatusError", code, err)
		return
	}
	if got := refused.Header.Get("Www-Authenticate"); got != `Bearer scope="a b"` {
		p.t.Errorf("%d: WWW-Authenticate is %q", code, got)
	}
	if got := refused.Header.Get("Retry-After"); got != "7" {
		p.t.Errorf("%d: Retry-After is %q", code, got)
	}
	if refused.Header.Get("Set-Cookie") != "" {
		p.t.Errorf("%d: a cookie is handed on", code)
	}
	if !bytes.HasPrefix(refused.Body, []byte("canary-2")) || len(refused.Body) > 64<<10 {
		p.t.Errorf("%d: the body is %d bytes, %.20q…; want the first 64 KiB at most", code, len(refused.Body), refused.Body)
	}
	if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "://") {
		p.t.Errorf("%d: the error tells what may be secret: %v", code, err)
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
