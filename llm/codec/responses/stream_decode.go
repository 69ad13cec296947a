package responses

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// streamDecoder reads a stream of events. Items come one after the other; what comes
// of an item while another is open is left to the event that ends it, which holds
// it whole, for parts may not overlap.
type streamDecoder struct {
	begun, over bool
	index       int // of the next part
	calls       bool
	given       int // items that are complete

	busy bool  // parts of an item have been given, and more may come
	item int64 // its output_index
	done int   // how many of its parts are complete
	open bool  // the part after those has begun
	kind codec.Kind
	sent int // bytes of its text
	full bool
	// complete says that no more deltas come for the open part.
	complete bool

	begins  announced // the item that was added last
	content announced // and the part of a message

	late    []int64       // items that are left to their end
	ended   []int64       // items that are complete
	implied []int64       // of them, whose end was taken for granted
	waiting []waitingItem // have ended while another was open
}

// announced is what was said of an item, or of a part of one, before its text.
type announced struct {
	item, part int64
	id         string // of reasoning
	extra      []codec.Field
}

type waitingItem struct {
	index int64
	raw   string
}

// NewStreamDecoder implements [codec.Codec].
func (protocol) NewStreamDecoder() codec.StreamDecoder { return &streamDecoder{} }

// Decode implements [codec.StreamDecoder].
func (d *streamDecoder) Decode(out []codec.Event, name, data []byte) ([]codec.Event, error) {
	if d.over || len(data) == 0 || string(data) == "[DONE]" {
		return out, nil
	}
	switch string(name) {
	case "response.output_text.delta":
		return d.delta(out, data, codec.Text, "content_index")
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		return d.delta(out, data, codec.ToolCallPart, "")
	case "response.reasoning_summary_text.delta":
		return d.delta(out, data, codec.Thinking, "summary_index")
	}
	if !gjson.ValidBytes(data) {
		return out, llm.Errorf(llm.CodeUpstream, "the upstream sent an event that is not JSON")
	}
	v := gjson.ParseBytes(data)
	if !v.IsObject() {
		return out, llm.Errorf(llm.CodeUpstream, "the upstream sent an event that is not a JSON object")
	}
	kind := v.Get("type").Str
	if kind == "" {
		kind = string(name)
	}
	return d.event(out, kind, v, data)
}

func (d *streamDecoder) event(out []codec.Event, kind string, v gjson.Result, data []byte) ([]codec.Event, error) {
	switch kind {
	case "response.output_text.delta": // unnamed
		return d.delta(out, data, codec.Text, "content_index")
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		return d.delta(out, data, codec.ToolCallPart, "")
	case "response.reasoning_summary_text.delta":
		return d.delta(out, data, codec.Thinking, "summary_index")
	case "response.refusal.delta":
		return d.delta(out, data, codec.Refusal, "content_index")
	case "response.reasoning_text.delta":
		return d.delta(out, data, codec.Thinking, "content_index")
	case "response.created", "response.in_progress", "response.queued":
		return d.begin(out, header(v.Get("response"))), nil
	case "response.output_item.added":
		return d.added(out, v.Get("output_index").Int(), v.Get("item")), nil
	case "response.output_item.done":
		return d.finishItem(out, v.Get("output_index").Int(), v.Get("item"))
	case "response.content_part.added":
		if p, err := contentPart(v.Get("part"), "part"); err == nil {
			d.content = announced{item: v.Get("output_index").Int(), part: v.Get("content_index").Int(), extra: without(p.Extra, "logprobs")}
		}
		return out, nil
	case "response.content_part.done":
		return d.contentDone(out, v), nil
	case "response.function_call_arguments.done", "response.custom_tool_call_input.done":
		d.complete = d.complete || d.busy && d.item == v.Get("output_index").Int()
		return out, nil
	case "response.completed", "response.incomplete", "response.done":
		return d.end(out, v.Get("response"))
	case "response.failed", "response.cancelled":
		return d.fail(out, v.Get("response.error")), nil
	case "error":
		if v.Get("error").IsObject() {
			v = v.Get("error")
		}
		return d.fail(out, v), nil
	}
	switch {
	case v.Get("error").IsObject():
		return d.fail(out, v.Get("error")), nil
	case kind == "keepalive", strings.HasSuffix(kind, ".in_progress"), strings.HasSuffix(kind, ".searching"),
		strings.HasSuffix(kind, ".interpreting"), strings.HasSuffix(kind, ".generating"):
		return append(out, codec.Event{Kind: codec.Ping}), nil
	}
	return out, nil
}

func (d *streamDecoder) fail(out []codec.Event, v gjson.Result) []codec.Event {
	d.over = true
	return append(out, codec.Event{Kind: codec.Failed, Err: failure(v)})
}

func (d *streamDecoder) begin(out []codec.Event, r *codec.Response) []codec.Event {
	if d.begun {
		return out
	}
	d.begun = true
	return append(out, codec.Event{Kind: codec.Begin, Response: r})
}

// mustWait says whether an item must wait for its end, and notes it when so.
func (d *streamDecoder) mustWait(item int64) bool {
	if slices.Contains(d.late, item) || slices.Contains(d.ended, item) {
		return true
	}
	if !d.busy || d.item == item {
		return false
	}
	d.late = append(d.late, item)
	return true
}

// take makes an item the one whose parts are given.
func (d *streamDecoder) take(item int64) {
	if !d.busy {
		d.busy, d.item, d.done, d.open = true, item, 0, false
	}
}

// added begins a call: only its end or its begin say which tool it is of.
func (d *streamDecoder) added(out []codec.Event, index int64, item gjson.Result) []codec.Event {
	if d.busy && d.item != index && (d.complete || !d.open) { // the end of the last item has been left out
		out = d.stop(out, nil)
		d.implied = append(d.implied, d.item)
		d.leave()
	}
	if d.mustWait(index) {
		return out
	}
	switch kind := item.Get("type").Str; kind {
	case "function_call", "custom_tool_call":
		if d.busy {
			return out
		}
		p, err := callPart(item, "item", kind == "custom_tool_call", true)
		if err != nil { // its end may say more
			return out
		}
		d.take(index)
		p.Call.Arguments, p.Extra = "", without(p.Extra, "status") // it is in progress
		return d.start(out, &p)
	case "message":
		d.begins = announced{item: index, extra: messageExtra(item)}
	case "reasoning":
		d.begins = announced{item: index, id: item.Get("id").Str, extra: extras(item, "type", "id", "summary", "encrypted_content", "content", "status")}
	}
	return out
}

func (d *streamDecoder) start(out []codec.Event, p *codec.Part) []codec.Event {
	out = d.begin(out, &codec.Response{From: op})
	d.open, d.kind, d.sent, d.full, d.complete = true, p.Kind, 0, false, false
	d.calls = d.calls || p.Kind == codec.ToolCallPart
	return append(out, codec.Event{Kind: codec.PartStart, Index: d.index, Part: p})
}

func (d *streamDecoder) stop(out []codec.Event, p *codec.Part) []codec.Event {
	if !d.open {
		return out
	}
	out = append(out, codec.Event{Kind: codec.PartStop, Index: d.index, Part: p})
	d.open, d.complete = false, false
	d.index++
	d.done++
	return out
}

// contentDone ends a part of a message, whose annotations come with it.
func (d *streamDecoder) contentDone(out []codec.Event, v gjson.Result) []codec.Event {
	if !d.busy || !d.open || d.item != v.Get("output_index").Int() || int64(d.done) != v.Get("content_index").Int() {
		return out
	}
	p, err := contentPart(v.Get("part"), "part")
	if err != nil || p.Kind != d.kind {
		d.complete = true // the item's end will say more
		return out
	}
	return d.stop(d.rest(out, &p), endOf(&p))
}
