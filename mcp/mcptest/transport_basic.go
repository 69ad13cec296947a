package mcptest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// handshake: the server is known, and its lists can be read to the end.
func (p *peer) handshake() {
	if p.modern {
		p.has("server/discover", p.result(request{method: "server/discover"}), FirstModern)
	} else {
		p.has("the message after initialize", p.received("notifications/initialized"), `"method":"notifications/initialized"`)
	}
	var names []string
	for cursor := ""; ; {
		params := ""
		if cursor != "" {
			params = `"cursor":` + quote(cursor)
		}
		var page struct {
			Tools      []struct{ Name string }
			NextCursor string
		}
		result := p.result(request{method: "tools/list", params: params})
		if err := json.Unmarshal([]byte(result), &page); err != nil {
			p.t.Fatal(err)
		}
		p.has("tools/list", result, `"x-future":{"b":1,"a":12345678901234567890}`)
		for _, tool := range page.Tools {
			names = append(names, tool.Name)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if len(names) != len(tools) {
		p.t.Errorf("tools/list names %v, want all %d", names, len(tools))
	}
}

// methods: whatever the method, it is carried.
func (p *peer) methods() {
	for method, params := range map[string]string{
		"resources/list": "", "resources/templates/list": "", "prompts/list": "", "ping": "", "resources/read": `"uri":"test://a/ü b"`,
		"prompts/get": `"name":"prompt-1","arguments":{"topic":"x"}`, "completion/complete": `"ref":{"type":"ref/prompt","name":"prompt-1"},"argument":{"name":"topic","value":"v"}`,
		"logging/setLevel": `"level":"debug"`, "resources/subscribe": `"uri":"test://resource/1"`, "resources/unsubscribe": `"uri":"test://resource/1"`,
	} {
		r := request{method: method, params: params}
		if method == "resources/read" {
			r.params = `"uri":"test://resource/1"`
		}
		p.result(r)
	}
}

// bytes: messages keep their bytes, both ways.
func (p *peer) bytes() {
	m := p.of(toolCall("raw", "").with("77"))
	odd := []byte(`{ "x-envelope":[1,2.50,1e400] ,"method":"tools/call","params" : {"z":"\u00e9\/é\ud83d\ude00","arguments":{},"name":"raw",` +
		strings.Replace(metaOf(m.Data), ":", " : ", 1) + `"big":12345678901234567890},	"id":77,"jsonrpc":"2.0"}`)
	m.Data = odd
	kept := string(odd)
	s, err := p.Call(p.ctx, m)
	if err != nil {
		p.t.Fatal(err)
	}
	list, err := all(s)
	if err != nil || len(list) != 1 {
		p.t.Fatalf("got %v, %v", list, err)
	}
	in, err := jsonrpc.Parse([]byte(list[0]))
	if err != nil {
		p.t.Fatal(err)
	}
	p.equal("what the server has got", text(string(in.Result.Of(in.Data))), kept)
	p.equal("the message, which is its caller's,", string(m.Data), kept)

	list, _, err = p.do(p.ctx, toolCall("big", "").with(`"b-1"`))
	if err != nil || len(list) != 1 {
		p.t.Fatalf("big: %v, %v", list, err)
	}
	p.equal("the response", list[0], BigResponse(`"b-1"`))
}

// metaOf is the member _meta of params, with a comma behind it; empty when there is none.
func metaOf(data []byte) string {
	in, _ := jsonrpc.Parse(data)
	at, _ := in.Member(in.Params, "_meta")
	if !at.OK() {
		return ""
	}
	return `"_meta":` + string(at.Of(data)) + `,`
}

// ids: ids of all kinds come back as they were, and are told apart.
func (p *peer) ids() {
	for _, id := range []string{`0`, `-7`, `9007199254740993`, `1.0`, `""`, `"a"`, `"\u0061b"`, `"é/ \"x\""`, `"` + strings.Repeat("i", 500) + `"`} {
		_, m, err := p.do(p.ctx, toolCall("echo", `"text":"x"`).with(id))
		if err != nil {
			p.t.Errorf("id %.40s: %v", id, err)
			continue
		}
		p.equal("the id", string(m.ID.Of(m.Data)), id)
	}
	a, b := p.begin(toolCall("slow", "").with(`"41"`)), p.begin(toolCall("slow", "").with("42"))
	if list, _, err := p.do(p.ctx, toolCall("echo", `"text":"number"`).with("41")); err != nil || text(lastResult(list)) != "number" {
		p.t.Errorf("id 41 while \"41\" is under way: %q, %v", list, err)
	}
	if list, _, err := p.do(p.ctx, toolCall("echo", `"text":"string"`).with(`"42"`)); err != nil || text(lastResult(list)) != "string" {
		p.t.Errorf("id \"42\" while 42 is under way: %q, %v", list, err)
	}
	_, _ = a.Close(), b.Close()
}

func lastResult(list []string) string {
	in, err := jsonrpc.Parse([]byte(list[len(list)-1]))
	if err != nil {
		return ""
	}
	return string(in.Result.Of(in.Data))
}

// order: notifications come in their order, then the response, then io.EOF for good.
func (p *peer) order() {
	r := toolCall("progress", `"steps":50`).with("5")
	r.token = `"tök/1"`
	s := p.begin(r)
	for i := 1; i <= 50; i++ {
		in := p.read(s)
		p.equal("a notification", string(in.Data), fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":%d,"progressToken":"tök/1","total":50,"message":"","x-exact":12345678901234567890}}`, i))
	}
	p.equal("the log message", string(p.read(s).Data), `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"done"}}`)
	if in := p.read(s); in.Kind() != jsonrpc.Response || in.Key() != "n5" {
		p.t.Errorf("after the notifications came %.200q, want the response", in.Data)
	}
	for range 2 {
		if m, err := next(s); !errors.Is(err, io.EOF) {
			p.t.Errorf("after the response came %.200q, %v; want io.EOF", m.Data, err)
		}
	}
	for range 2 {
		if err := s.Close(); err != nil {
			p.t.Errorf("Close after the end: %v", err)
		}
	}
}

// rpcError: an error of JSON-RPC is a message like others.
func (p *peer) rpcError() {
	_, m, err := p.do(p.ctx, toolCall("no-such-tool", "").with(`"e"`))
	if err != nil {
		p.t.Fatal(err)
	}
	p.equal("the response", string(m.Data), `{"jsonrpc":"2.0","id":"e","error":{"code":-32602,"message":"Unknown tool: no-such-tool"}}`)
	p.has("a tool's failure", p.result(toolCall("fail", "")), `"isError":true`)
	p.works()
}

// notification: what has no answer arrives as it is.
func (p *peer) notification() {
	m := p.note("notifications/roots/list_changed", `"z":1,"a":{"big":12345678901234567890},"mark":"n-1"`)
	if err := p.Notify(p.ctx, m); err != nil {
		p.t.Fatal(err)
	}
	p.equal("what has arrived", p.received(`"mark":"n-1"`), string(m.Data))
}

// long: messages of a MiB pass, both ways.
func (p *peer) long() {
	const size = 1 << 20
	want := strings.Repeat("y", size)
	if got := p.textOf(toolCall("echo", `"text":"`+want+`"`)); got != want {
		p.t.Errorf("of %d bytes came %d back", size, len(got))
	}
	if got := p.textOf(toolCall("huge", fmt.Sprintf(`"size":%d`, size))); len(got) != size {
		p.t.Errorf("of %d bytes came %d", size, len(got))
	}
}

// refusals: Call takes requests only, and sends nothing else.
func (p *peer) refusals() {
	for _, data := range []string{
		``, `x`, `null`, `{"jsonrpc":"2.0","method":"tools/call","params":{"mark":"refused"}}`, `{"jsonrpc":"2.0","id":1,"result":"refused"}`,
		`[{"jsonrpc":"2.0","id":1,"method":"refused"}]`, `{"jsonrpc":"2.0","id":1,"method":"refused","method":"x"}`, `{"jsonrpc":"2.0","id":{},"method":"refused"}`,
	} {
		if s, err := p.Call(p.ctx, mcp.Message{Data: []byte(data)}); err == nil {
			_ = s.Close()
			p.t.Errorf("Call took %q, which is no request", data)
		}
	}
	p.works()
	if n := p.count("refused"); n != 0 {
		p.t.Errorf("%d messages went out that are no requests", n)
	}
}
