package mcptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// begin makes a call that must be taken.
func (p *peer) begin(r request) mcp.Stream {
	p.t.Helper()
	s, err := p.Call(p.ctx, p.of(r))
	if err != nil {
		p.t.Fatalf("Call(%s): %v", r.method, err)
	}
	p.t.Cleanup(func() { _ = s.Close() })
	return s
}

// next reads a message; what carries none is passed over.
func next(s mcp.Stream) (mcp.Message, error) {
	for {
		m, err := s.Next()
		if err != nil || len(m.Data) > 0 {
			return m, err
		}
	}
}

// read reads a message that must come.
func (p *peer) read(s mcp.Stream) *jsonrpc.Message {
	p.t.Helper()
	m, err := next(s)
	if err != nil {
		p.t.Fatalf("Next: %v; want a message", err)
	}
	in, err := jsonrpc.Parse(m.Data)
	if err != nil {
		p.t.Fatalf("a message cannot be read: %v: %.200q", err, m.Data)
	}
	return in
}

// all reads a stream to its end, and closes it.
func all(s mcp.Stream) (list []string, err error) {
	defer s.Close()
	for {
		m, err := next(s)
		switch {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return list, err
		}
		list = append(list, string(m.Data))
	}
}

// do makes a call and reads it to its end. The response is the last.
func (p *peer) do(ctx context.Context, r request) (list []string, response *jsonrpc.Message, err error) {
	m := p.of(r)
	sent, err := jsonrpc.Parse(m.Data)
	if err != nil {
		return nil, nil, err
	}
	s, err := p.Call(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	if list, err = all(s); err != nil {
		return list, nil, err
	}
	if len(list) == 0 {
		return nil, nil, fmt.Errorf("the stream ended without a response: %w", io.EOF)
	}
	response, err = jsonrpc.Parse([]byte(list[len(list)-1]))
	if err == nil && (response.Kind() != jsonrpc.Response || response.Key() != sent.Key()) {
		err = fmt.Errorf("the last message is not the response, but %.200q: %w", list[len(list)-1], io.EOF)
	}
	return list, response, err
}

// result makes a call that must have a result, and returns that.
func (p *peer) result(r request) string {
	p.t.Helper()
	_, m, err := p.do(p.ctx, r)
	switch {
	case err != nil:
		p.t.Fatalf("%s: %v", r.method, err)
	case m.Error.OK():
		p.t.Fatalf("%s: the error %s", r.method, m.Error.Of(m.Data))
	}
	return string(m.Result.Of(m.Data))
}

// text is the text of a tool's result.
func text(result string) string {
	var r struct{ Content []struct{ Text string } }
	if json.Unmarshal([]byte(result), &r) != nil || len(r.Content) == 0 {
		return ""
	}
	return r.Content[0].Text
}

func (p *peer) textOf(r request) string {
	p.t.Helper()
	return text(p.result(r))
}

// works checks that the connection is still good.
func (p *peer) works() {
	p.t.Helper()
	if got := p.textOf(toolCall("echo", `"text":"still good"`)); got != "still good" {
		p.t.Errorf("echo gave %q", got)
	}
}

// count is how many messages with text in them the server has got.
func (p *peer) count(text string) int {
	p.t.Helper()
	var r struct{ Count int }
	_ = json.Unmarshal([]byte(p.result(request{method: "mcptest/count", params: `"text":` + quote(text)})), &r)
	return r.Count
}

// received waits for a message with text in it to arrive, and returns it.
func (p *peer) received(text string) string {
	p.t.Helper()
	var r struct{ Message string }
	_ = json.Unmarshal([]byte(p.result(request{method: "mcptest/received", params: `"text":` + quote(text)})), &r)
	return r.Message
}

// cancelled waits until the server knows that a request was given up, and checks how.
func (p *peer) cancelled(id string) {
	p.t.Helper()
	var r struct{ By string }
	_ = json.Unmarshal([]byte(p.result(request{method: "mcptest/cancelled", params: `"id":` + id})), &r)
	want := "notification"
	if p.modern && p.opts.HTTP && !p.opts.OneWire {
		want = "disconnect"
	}
	if r.By != want {
		p.t.Errorf("the request was cancelled by %q, want %q", r.By, want)
	}
}

// ends waits for an error that is no io.EOF.
func (p *peer) ends(what string, result <-chan error) {
	p.t.Helper()
	select {
	case err := <-result:
		if err == nil || errors.Is(err, io.EOF) {
			p.t.Errorf("%s ended with %v, want an error other than io.EOF", what, err)
		}
	case <-p.ctx.Done():
		p.t.Fatalf("%s has not ended", what)
	}
}

// after runs f in a goroutine, for its error.
func after(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	return result
}

// drained reads a stream to its end in a goroutine, for the error it ends with.
func drained(s mcp.Stream) <-chan error {
	return after(func() error {
		for {
			if _, err := s.Next(); err != nil {
				return err
			}
		}
	})
}

// answer answers a request of the server's with a result.
func (p *peer) answer(in *jsonrpc.Message, result string) {
	p.t.Helper()
	if in.Kind() != jsonrpc.Request {
		p.t.Fatalf("want a request of the server's, got %.300q", in.Data)
	}
	m := mcp.Message{Data: []byte(fmt.Sprintf(`{"result":%s,"id":%s,"jsonrpc":"2.0"}`, result, in.ID.Of(in.Data)))}
	if err := p.Notify(p.ctx, m); err != nil {
		p.t.Fatalf("Notify with an answer: %v", err)
	}
}

func (p *peer) equal(what, got, want string) {
	p.t.Helper()
	if got != want {
		p.t.Errorf("%s is\n%.2000q\nwant exactly\n%.2000q", what, got, want)
	}
}

func (p *peer) has(what, got, part string) {
	p.t.Helper()
	if !strings.Contains(got, part) {
		p.t.Errorf("%s is %.500q, want it to contain %q", what, got, part)
	}
}
