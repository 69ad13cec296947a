package mcptest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

// tool is one that the server has.
type tool struct {
	name, schema string
	run          func(*call) answer
}

// tools are the server's, in the order of their list:
//
//	echo      {text}             gives back text
//	raw                          gives back the request as it came
//	big                          the response is [BigResponse]
//	progress  {steps}            reports progress and logs before it answers
//	ask       {method, params}   asks the client; the result is its answer
//	slow                         logs that it runs, and runs until it is cancelled
//	fail                         fails: isError
//	notify    {messages, change} answers, then sends what belongs to no call
//	watch                        answers, then asks the client for its roots outside of the call
//	detach                       ends its stream before the response, for the client to go on (resumable HTTP)
//	twice                        answers twice
//	flood     {count, size}      sends count notifications before it answers
//	crash     {late}             dies; late: after a notification
//	never                        does not answer, nor say anything
//	garbage                      sends what is no message before it answers
//	huge      {size}             answers with that many bytes
//	reply     {result}           the result is that
//	route     {region}           gives back region, which has to be in a header too (x-mcp-header: Region)
//	stranger                     answers a request that nobody made, then its own
var tools = []tool{
	{"echo", text1("text"), func(x *call) answer { return x.text(argument(x, "text", "")) }},
	{"raw", object, func(x *call) answer { return x.text(string(x.in.Data)) }},
	{"big", object, func(x *call) answer { return answer{raw: BigResponse(x.id)} }},
	{"progress", `{"type":"object","properties":{"steps":{"type":"integer","maximum":9007199254740993}},"x-order":["steps"]}`, progress},
	{"ask", `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"method":{"enum":["sampling/createMessage","elicitation/create","roots/list"]},"params":true},"required":["method"]}`, ask},
	{"slow", object, slow},
	{"fail", object, func(x *call) answer { return x.result(`"isError":true,` + content("it failed")) }},
	{"notify", object, notify},
	{"watch", object, watch},
	{"detach", object, detach},
	{"twice", object, func(x *call) answer {
		x.out.send([]byte(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete",%s}}`, x.id, content("first"))))
		return x.text("second")
	}},
	{"flood", object, flood},
	{"crash", object, crash},
	{"never", object, func(x *call) answer {
		<-x.ctx.Done()
		return answer{none: true}
	}},
	{"garbage", object, garbage},
	{"huge", object, func(x *call) answer { return x.text(strings.Repeat("x", argument(x, "size", 1<<20))) }},
	{"reply", object, func(x *call) answer { return answer{result: string(argument(x, "result", json.RawMessage("{}")))} }},
	{"route", `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`, func(x *call) answer { return x.text(argument(x, "region", "")) }},
	{"stranger", object, func(x *call) answer {
		x.out.send([]byte(`{"jsonrpc":"2.0","id":"of-nobody","result":{}}`))
		return x.text("own")
	}},
}

const object = `{"type":"object"}`

func text1(name string) string {
	return `{"type":"object","properties":{` + quote(name) + `:{"type":"string","x-mcp-hint":"é"}},"additionalProperties":false}`
}

var toolList = func() (list []string) {
	for _, t := range tools {
		list = append(list, fmt.Sprintf(`{"title":"The %s","x-future":{"b":1,"a":12345678901234567890},"name":%q,"inputSchema":%s,"execution":{"taskSupport":"forbidden"}}`, t.name, t.name, t.schema))
	}
	return list
}()

// BigResponse is how the tool big answers the request with that id: members that nobody
// knows, in no usual order, of content that is of no known type, numbers beyond 64 bits,
// and escapes that a decoder would not write.
func BigResponse(id string) string {
	return `{ "result":{"zeta":1,"structuredContent":{"b":12345678901234567890,"a":-0.0,"e":1E400,"n":1.10,"ключ":"é\u00e9\/\ud83d\ude00","in":[[],{},[null,true]]},` +
		`"content":[{"type":"hologram","points":[ 1 , 2 ],"depth":3},{"text":"x","type":"text","annotations":{"z":1,"a":2}}],"resultType":"complete",` +
		`"_meta":{"example.com/x":[9007199254740993]},"isError":false,"future":null},"x-envelope":{"b":2,"a":1}, "id":` + id + `,"jsonrpc":"2.0"}`
}

func content(text string) string { return `"content":[{"type":"text","text":` + quote(text) + `}]` }

func (x *call) text(s string) answer { return x.result(content(s)) }

// report sends a notification of progress where the client wants any, else a log
// message.
func (x *call) report(n, total int, padding string) {
	token, ok := x.params.Meta["progressToken"]
	if !ok {
		x.notify("notifications/message", fmt.Sprintf(`{"level":"info","logger":"mcptest","data":{"step":%d,"of":%s,"pad":%q}}`, n, x.id, padding))
		return
	}
	x.notify("notifications/progress", fmt.Sprintf(`{"progress":%d,"progressToken":%s,"total":%d,"message":%q,"x-exact":12345678901234567890}`, n, token, total, padding))
}

func progress(x *call) answer {
	steps := argument(x, "steps", 3)
	for i := 1; i <= steps; i++ {
		x.report(i, steps, "")
	}
	x.notify("notifications/message", `{"level":"info","data":"done"}`)
	return x.text("done")
}

// ask asks the client: by a request of the server's, or in the era without them, by a
// result that says what is needed.
func ask(x *call) answer {
	method, params := argument(x, "method", "elicitation/create"), argument(x, "params", json.RawMessage(`{"x-odd":[1,2.50],"message":"Who?"}`))
	if !x.modern {
		m := x.ask(x.ctx, x.out, method, string(params))
		if m == nil {
			return answer{none: true}
		}
		return x.text(string(m.Data))
	}
	if got, ok := x.params.InputResponses["it"]; ok {
		if x.params.RequestState != askState {
			return failed(jsonrpc.CodeInvalidParams, "requestState is not what it was")
		}
		return x.text(string(got))
	}
	return answer{result: fmt.Sprintf(`{"resultType":"input_required","inputRequests":{"it":{"method":%q,"params":%s}},"requestState":%s}`, method, params, quote(askState))}
}

const askState = "opaque/+=é\x01"

func slow(x *call) answer {
	x.report(1, 2, "")
	<-x.ctx.Done()
	return answer{none: true}
}

func notify(x *call) answer {
	messages, what := argument(x, "messages", []json.RawMessage(nil)), argument(x, "change", "")
	end := argument(x, "end", false)
	a := x.text("ok")
	a.then = func() {
		for _, m := range messages {
			x.aside.send(m)
		}
		if what != "" {
			x.server.Change(what)
		}
		if end {
			x.server.EndSubscriptions()
		}
	}
	return a
}

func watch(x *call) answer {
	a := x.text("ok")
	a.then = func() {
		x.server.start(func() {
			if m := x.session.ask(x.live, x.aside, "roots/list", "{}"); m != nil {
				x.server.remember([]byte("watched: " + string(m.Data)))
			}
		})
	}
	return a
}
