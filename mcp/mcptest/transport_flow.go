package mcptest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// concurrent: calls at once do not get into each other's way.
func (p *peer) concurrent() {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 8 {
				want := fmt.Sprintf("caller-%d-%d-%s", i, j, strings.Repeat("x", i*j*100))
				list, _, err := p.do(p.ctx, toolCall("echo", `"text":`+quote(want)))
				if err != nil || len(list) != 1 || text(lastResult(list)) != want {
					p.t.Errorf("got %.200q, %v; want %.40q", list, err, want)
				}
				if err := p.Notify(p.ctx, p.note("notifications/x", fmt.Sprintf(`"i":%d`, i))); err != nil {
					p.t.Errorf("Notify: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// progress: each call gets its own progress, whole and in order.
func (p *peer) progress() {
	const steps = 100
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := toolCall("progress", fmt.Sprintf(`"steps":%d`, steps))
			r.token = fmt.Sprint(i)
			if i%2 == 1 {
				r.token = quote(r.token)
			}
			list, _, err := p.do(p.ctx, r)
			if err != nil {
				p.t.Errorf("call %d: %v", i, err)
				return
			}
			n := 0
			for _, m := range list {
				if !strings.Contains(m, "notifications/progress") {
					continue
				}
				if n++; !strings.Contains(m, fmt.Sprintf(`"progress":%d,"progressToken":%s,`, n, r.token)) {
					p.t.Errorf("call %d got as progress %d: %s", i, n, m)
				}
			}
			if n != steps {
				p.t.Errorf("call %d got %d reports of progress, want %d", i, n, steps)
			}
		})
	}
	wg.Wait()
}

// asked: the server asks the client, on the stream of the call that needs it.
func (p *peer) asked() {
	for method, result := range map[string]string{
		"sampling/createMessage": `{"model":"m","role":"assistant","content":{"type":"text","text":"Paris","x":12345678901234567890}}`,
		"elicitation/create":     `{"content":{"z":1,"a":"ä"},"action":"accept"}`,
		"roots/list":             `{"roots":[{"uri":"file:///a"}]}`,
	} {
		r := toolCall("ask", fmt.Sprintf(`"method":%q,"params":{"z":[1.50],"a":{}}`, method))
		s := p.begin(r)
		in := p.read(s)
		if p.modern {
			p.askedAgain(r, in, method, result)
			continue
		}
		p.equal("the server's request", string(in.Data), fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{"z":[1.50],"a":{}}}`, in.ID.Of(in.Data), method))
		p.answer(in, result)
		got := p.read(s)
		p.equal("what the server has got", text(string(got.Result.Of(got.Data))), fmt.Sprintf(`{"result":%s,"id":%s,"jsonrpc":"2.0"}`, result, in.ID.Of(in.Data)))
		_ = s.Close()
	}
}

// askedAgain makes the call once more, with what the server needs (2026-07-28, Multi
// Round-Trip Requests).
func (p *peer) askedAgain(r request, in *jsonrpc.Message, method, result string) {
	p.has("the result", string(in.Data), fmt.Sprintf(`"resultType":"input_required","inputRequests":{"it":{"method":%q,"params":{"z":[1.50],"a":{}}}}`, method))
	at, _ := in.Member(in.Result, "requestState")
	r.params += fmt.Sprintf(`,"inputResponses":{"it":%s},"requestState":%s`, result, at.Of(in.Data))
	p.equal("what the server has got", p.textOf(r), result)
}

// askedAtOnce: the requests of the server's reach the calls that they are for.
func (p *peer) askedAtOnce() {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			mark := fmt.Sprintf(`{"mark":"ask-%d"}`, i)
			s, err := p.Call(p.ctx, p.of(toolCall("ask", `"params":`+mark)))
			if err != nil {
				p.t.Errorf("Call: %v", err)
				return
			}
			defer s.Close()
			m, err := next(s)
			if err != nil || !strings.Contains(string(m.Data), mark) {
				p.t.Errorf("call %d was asked %q, %v", i, m.Data, err)
				return
			}
			in, _ := jsonrpc.Parse(m.Data)
			if err := p.Notify(p.ctx, mcp.Message{Data: jsonrpc.Result(in.ID.Of(in.Data), []byte(mark))}); err != nil {
				p.t.Errorf("Notify: %v", err)
			}
			list, err := all(s)
			if err != nil || len(list) != 1 || !strings.Contains(text(lastResult(list)), mark) {
				p.t.Errorf("call %d got %q, %v", i, list, err)
			}
		})
	}
	wg.Wait()
}

// slowReader: who does not read holds nobody up.
func (p *peer) slowReader() {
	unread := make([]mcp.Stream, 3)
	for i := range unread {
		r := toolCall("flood", `"count":2000,"size":1000`)
		r.token = fmt.Sprint(i)
		unread[i] = p.begin(r)
	}
	for range 20 {
		p.works()
	}
	list, err := all(unread[0])
	if err != nil || len(list) == 0 || text(lastResult(list)) != "flooded" {
		p.t.Errorf("the slow reader's stream ended with %.200q, %v", list[max(len(list)-1, 0):], err)
	}
	for _, s := range unread {
		_ = s.Close()
	}
	p.works()
}

// flooded: many messages keep their order, and the response is not lost.
func (p *peer) flooded() {
	const count = 5000
	r := toolCall("flood", fmt.Sprintf(`"count":%d`, count))
	r.token = `"f"`
	list, _, err := p.do(p.ctx, r)
	if err != nil {
		p.t.Fatal(err)
	}
	last := 0
	for _, m := range list[:len(list)-1] {
		var got struct{ Params struct{ Progress int } }
		if err := json.Unmarshal([]byte(m), &got); err != nil || got.Params.Progress <= last {
			p.t.Fatalf("after progress %d came %.200q", last, m)
		}
		last = got.Params.Progress
	}
	if !p.opts.OneWire && len(list) != count+1 {
		p.t.Errorf("%d messages came, want %d", len(list), count+1)
	}
}

// twice: a second response is nobody's.
func (p *peer) twice() {
	for range 3 {
		list, _, err := p.do(p.ctx, toolCall("twice", ""))
		if err != nil || len(list) != 1 || text(lastResult(list)) != "first" {
			p.t.Fatalf("got %q, %v; want the first response alone", list, err)
		}
		p.works()
	}
}

// garbled: what is no message neither hangs the call nor ends the session.
func (p *peer) garbled() {
	_, m, err := p.do(p.ctx, toolCall("garbage", ""))
	switch {
	case err == nil && text(string(m.Result.Of(m.Data))) != "after garbage":
		p.t.Errorf("the response is %.200q", m.Data)
	case err != nil && p.ctx.Err() != nil:
		p.t.Errorf("the call hung: %v", err)
	case err != nil && p.opts.OneWire:
		p.t.Errorf("%v; want the response, as the rest of the wire is for others", err)
	}
	p.works()
}

// stranger: a response to nobody's request does not end the call.
func (p *peer) stranger() {
	if got := p.textOf(toolCall("stranger", "")); got != "own" {
		p.t.Errorf("the response is %q", got)
	}
}
