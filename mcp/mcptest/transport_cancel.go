package mcptest

import (
	"cmp"
	"context"
	"errors"
	"io"
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
