package llmproxy

import (
	"bytes"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/sse"
)

// chunk reads one chunk of a chat completion. Most chunks hold a few letters of
// text, so that a search for the rare members costs less than decoding.
func (r *reading) chunk(data []byte, injected bool) (keep bool) {
	if string(data) == "[DONE]" {
		r.ended = true
		return true
	}
	keep = true
	if has(data, `"usage"`) {
		if u := gjson.GetBytes(data, "usage"); u.IsObject() {
			r.setUsage(u)
			r.usage.Final = true
			choices := gjson.GetBytes(data, "choices")
			keep = !injected || !choices.IsArray() || choices.Get("0").Exists()
		}
	}
	if has(data, `"finish_reason"`) {
		each(gjson.GetBytes(data, "choices"), func(c gjson.Result) {
			r.ended = r.ended || c.Get("finish_reason").Type == gjson.String
		})
	}
	if has(data, `"tool_calls"`) {
		each(gjson.GetBytes(data, "choices"), func(c gjson.Result) { each(c.Get("delta.tool_calls"), r.chatTool) })
	}
	if has(data, `"error"`) && gjson.GetBytes(data, "error").Exists() {
		r.failed, r.ended = true, true
	}
	if !r.usage.Final {
		for _, name := range streamedText {
			r.textBytes += stringLength(data, name)
		}
	}
	return keep
}

// streamedText are the members whose text a model has made.
var streamedText = []string{`"content"`, `"text"`, `"arguments"`, `"reasoning_content"`, `"delta"`, `"thinking"`, `"partial_json"`}

// chatTool counts a tool call; in a stream only its first fragment has a name.
func (r *reading) chatTool(call gjson.Result) {
	if name := call.Get("function.name").String(); name != "" {
		r.tool(name)
	} else if name := call.Get("custom.name").String(); name != "" {
		r.tool(name)
	}
}

func (r *reading) responsesEvent(e sse.Event) {
	kind := string(e.Name)
	if kind == "" {
		kind = gjson.GetBytes(e.Data, "type").String()
	}
	switch kind {
	case "response.completed", "response.incomplete", "response.failed":
		r.ended = true
		r.failed = kind == "response.failed"
		r.setUsage(gjson.GetBytes(e.Data, "response.usage"))
		r.usage.Final = r.usage.Total().Known
	case "response.output_item.done":
		r.outputItem(gjson.GetBytes(e.Data, "item"))
	case "error":
		r.ended, r.failed = true, true
	default:
		r.textBytes += stringLength(e.Data, `"delta"`)
	}
	if n := gjson.GetBytes(e.Data, "sequence_number"); n.Exists() {
		r.sequence = n.Int()
	}
}

func (r *reading) outputItem(item gjson.Result) {
	switch item.Get("type").String() {
	case "function_call", "custom_tool_call":
		r.tool(item.Get("name").String())
	}
}

func (r *reading) messagesEvent(e sse.Event) {
	kind := string(e.Name)
	if kind == "" {
		kind = gjson.GetBytes(e.Data, "type").String()
	}
	switch kind {
	case "message_start":
		r.setUsage(gjson.GetBytes(e.Data, "message.usage"))
	case "content_block_start":
		r.contentBlock(gjson.GetBytes(e.Data, "content_block"))
	case "content_block_delta":
		for _, name := range []string{`"text"`, `"partial_json"`, `"thinking"`} {
			r.textBytes += stringLength(e.Data, name)
		}
	case "message_delta":
		r.setUsage(gjson.GetBytes(e.Data, "usage"))
	case "message_stop":
		r.ended = true
		r.usage.Final = r.usage.Total().Known
	case "error":
		r.ended, r.failed = true, true
	}
}

func (r *reading) contentBlock(block gjson.Result) {
	if block.Get("type").String() == "tool_use" {
		r.tool(block.Get("name").String())
	}
}

// has says whether a member of that quoted name stands anywhere in data with a
// value that is not null. Inside a string the name's quotes would be escaped.
func has(data []byte, quoted string) bool {
	for {
		i := bytes.Index(data, []byte(quoted))
		if i < 0 {
			return false
		}
		data = data[i+len(quoted):]
		if v := afterColon(data); len(v) > 0 && v[0] != 'n' {
			return true
		}
	}
}

// stringLength is the length of the first string member of that quoted name.
func stringLength(data []byte, quoted string) int {
	i := bytes.Index(data, []byte(quoted))
	if i < 0 {
		return 0
	}
	v := afterColon(data[i+len(quoted):])
	if len(v) == 0 || v[0] != '"' {
		return 0
	}
	for n := 1; n < len(v); n++ {
		switch v[n] {
		case '\\':
			n++
		case '"':
			return n - 1
		}
	}
	return 0
}

// afterColon returns what follows a colon, nil when there is none.
func afterColon(b []byte) []byte {
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) == 0 || b[0] != ':' {
		return nil
	}
	return bytes.TrimLeft(b[1:], " \t\r\n")
}
