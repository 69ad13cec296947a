package mcptest

import (
	"errors"
	"fmt"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// listen: what belongs to no call comes to Listen, in its order.
func (p *peer) listen() {
	first, second := `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"z":12345678901234567890,"uri":"test://a"}}`
	s, err := p.Listen(p.ctx, "")
	if err != nil {
		p.t.Fatalf("Listen: %v", err)
	}
	p.textOf(toolCall("notify", `"messages":[`+first+`,`+second+`]`))
	p.equal("the first message", string(p.read(s).Data), first)
	p.equal("the second", string(p.read(s).Data), second)
	result := drained(s)
	if err := s.Close(); err != nil {
		p.t.Errorf("Close: %v", err)
	}
	p.ends("Next", result)
	if err := s.Close(); err != nil {
		p.t.Errorf("Close again: %v", err)
	}
	p.works()
}

// listenAsk: a request of the server's that belongs to no call comes to Listen.
func (p *peer) listenAsk() {
	s, err := p.Listen(p.ctx, "")
	if err != nil {
		p.t.Fatalf("Listen: %v", err)
	}
	defer s.Close()
	p.textOf(toolCall("watch", ""))
	p.answer(p.read(s), `{"roots":[]}`)
	p.has("what the server has got", p.received("watched: "), `"roots":[]`)
}

// noListen: where the server has no such stream, it is said how it refuses.
func (p *peer) noListen() {
	s, err := p.Listen(p.ctx, "")
	var refused *mcp.StatusError
	if !errors.As(err, &refused) || refused.Code < 400 {
		p.t.Errorf("Listen gave %v, want a *mcp.StatusError", err)
	}
	if err == nil {
		_ = s.Close()
	}
	p.works()
}

// subscriptions: each gets what it asked for, and can be ended by both sides.
func (p *peer) subscriptions() {
	open := func(id, filter string) mcp.Stream {
		s := p.begin(request{id: id, method: "subscriptions/listen", params: `"notifications":` + filter})
		in := p.read(s)
		p.equal("the first message", string(in.Data), fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":%s},"notifications":%s}}`, id, filter))
		return s
	}
	lists, uris := open("7", `{"toolsListChanged":true}`), open(`"7"`, `{"resourceSubscriptions":["test://x"]}`)
	p.textOf(toolCall("notify", `"change":"test://x"`))
	p.textOf(toolCall("notify", `"change":"tools"`))
	p.equal("the change of a list", string(p.read(lists).Data), `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}}`)
	p.equal("the change of a resource", string(p.read(uris).Data), `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://x","_meta":{"io.modelcontextprotocol/subscriptionId":"7"}}}`)
	_ = lists.Close()
	p.cancelled("7")
	p.textOf(toolCall("notify", `"end":true`))
	if list, err := all(uris); err != nil {
		p.t.Errorf("a subscription that the server has ended: %q, %v; want io.EOF", list, err)
	}
	p.works()
}
