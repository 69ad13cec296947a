package messages

import (
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// NewStreamDecoder implements [codec.Codec].
func (protocol) NewStreamDecoder() codec.StreamDecoder { return &streamDecoder{} }

// streamDecoder reads the events of one message. Their blocks do not overlap.
type streamDecoder struct {
	id, model string
	usage     usage
	final     bool // the usage is the one at the end
	extra     []codec.Field

	begun, finished, over bool
	calls                 bool // tools were called
	index                 int  // of the next part
	block                 *openBlock
	opaque                opaqueBlock
	memory                openBlock // where block points
}

// openBlock is the block that is being streamed.
type openBlock struct {
	kind        codec.Kind
	some        bool               // a delta came
	input       string             // of a call that came whole
	thought     codec.Thought      // what is known at its end
	annotations []codec.Annotation // of a text
	runes       int64              // of a text
}

// Decode implements [codec.StreamDecoder].
func (d *streamDecoder) Decode(out []codec.Event, name, data []byte) ([]codec.Event, error) {
	if d.over || string(data) == "[DONE]" {
		return out, nil
	}
	if !gjson.ValidBytes(data) {
		if string(name) == "ping" {
			return append(out, codec.Event{Kind: codec.Ping}), nil
		}
		return out, llm.Errorf(llm.CodeUpstream, "the upstream sent an event whose data is not JSON")
	}
	kind := string(name)
	if kind == "" || kind == "message" { // upstreams that do not name their events
		if kind = gjson.GetBytes(data, "type").Str; kind == "" && gjson.GetBytes(data, "error").Exists() {
			kind = "error"
		}
	}
	switch kind {
	case "content_block_delta":
		return d.delta(out, gjson.GetBytes(data, "delta"))
	case "content_block_start":
		return d.start(d.begin(d.stop(out)), gjson.GetBytes(data, "content_block"))
	case "content_block_stop":
		return d.stop(out), nil
	case "message_start":
		if !d.begun { // it cannot begin twice
			d.message(gjson.GetBytes(data, "message"))
		}
		return d.begin(out), nil
	case "message_delta":
		return d.messageDelta(d.begin(d.stop(out)), gjson.ParseBytes(data)), nil
	case "message_stop":
		return d.end(d.begin(d.stop(out))), nil
	case "ping":
		return append(out, codec.Event{Kind: codec.Ping}), nil
	case "error":
		d.over = true
		return append(out, codec.Event{Kind: codec.Failed, Err: readError(gjson.ParseBytes(data), 0)}), nil
	}
	return out, nil // a kind that a newer version of the API has
}

// Close implements [codec.StreamDecoder].
func (d *streamDecoder) Close(out []codec.Event) ([]codec.Event, error) {
	if d.over {
		return out, nil
	}
	d.over = true
	return out, llm.Errorf(llm.CodeUpstream, "the upstream's stream ended before its message did")
}

// message takes over what a message_start says.
func (d *streamDecoder) message(v gjson.Result) {
	d.id, d.model = v.Get("id").String(), v.Get("model").String()
	d.spent(v.Get("usage"))
	codec.Each(v, func(k, v gjson.Result) bool {
		d.keep(k.Str, v)
		return true
	})
}

// keep takes over a member that has no place in the neutral form.
func (d *streamDecoder) keep(name string, v gjson.Result) {
	if v.Type != gjson.Null && !placed(name) {
		d.extra = set(d.extra, name, v)
	}
}

// begin appends the first event, once.
func (d *streamDecoder) begin(out []codec.Event) []codec.Event {
	if d.begun {
		return out
	}
	d.begun = true
	return append(out, codec.Event{Kind: codec.Begin, Response: &codec.Response{From: op, ID: d.id, Model: d.model,
		Usage: d.usage.Usage, ServiceTier: d.usage.tier}})
}

// start begins a part.
func (d *streamDecoder) start(out []codec.Event, v gjson.Result) ([]codec.Event, error) {
	if d.finished {
		return out, llm.Errorf(llm.CodeUpstream, "the upstream sent a block behind the end of its message")
	}
	p, err := readBlock(v, false)
	if err != nil {
		return out, &llm.Error{Code: llm.CodeUpstream, Message: "the upstream sent a block that cannot be understood", Cause: err}
	}
	d.memory = openBlock{kind: p.Kind}
	d.block = &d.memory
	b := d.block
	text, head := p.Text, &codec.Part{Kind: p.Kind, Cache: p.Cache, Extra: p.Extra}
	switch p.Kind {
	case codec.Text:
		b.annotations = p.Annotations
	case codec.ToolCallPart:
		d.calls = true
		head.Call = p.Call
		if gjson.Get(p.Call.Arguments, "@keys.0").Exists() { // some send it whole
			b.input = p.Call.Arguments
		}
		p.Call.Arguments = ""
	case codec.Thinking:
		b.thought = *p.Thought
		head.Thought = &codec.Thought{Redacted: b.thought.Redacted}
	default: // waits for its end: what is opaque is whole
		b.kind = codec.Opaque
		d.opaque = opaqueBlock{start: v}
		return out, nil
	}
	out = append(out, codec.Event{Kind: codec.PartStart, Index: d.index, Part: head})
	if text != "" {
		out = d.text(out, text)
	}
	return out, nil
}

// text appends a delta of the open part.
func (d *streamDecoder) text(out []codec.Event, s string) []codec.Event {
	d.block.some = true
	if d.block.kind == codec.Text {
		d.block.runes += int64(utf8.RuneCountInString(s))
	}
	return append(out, codec.Event{Kind: codec.PartDelta, Index: d.index, Delta: s})
}

// delta appends what a content_block_delta says.
func (d *streamDecoder) delta(out []codec.Event, v gjson.Result) ([]codec.Event, error) {
	b := d.block
	if b == nil {
		return out, llm.Errorf(llm.CodeUpstream, "the upstream sent a part of a block that it had not begun")
	}
	if b.kind == codec.Opaque {
		d.opaque.delta(v)
		return out, nil
	}
	of, member := codec.Text, "text"
	switch v.Get("type").Str {
	case "text_delta":
	case "thinking_delta":
		of, member = codec.Thinking, "thinking"
	case "input_json_delta":
		of, member = codec.ToolCallPart, "partial_json"
	case "signature_delta":
		if s := v.Get("signature").Str; s != "" {
			b.thought.Signature = &codec.Signature{Of: op, Value: s}
		}
		return out, nil
	case "citations_delta":
		if c := v.Get("citation"); c.IsObject() {
			b.annotations = append(b.annotations, readCitation(c))
		}
		return out, nil
	default:
		return out, nil
	}
	if b.kind != of || of == codec.Thinking && b.thought.Redacted {
		return out, llm.Errorf(llm.CodeUpstream, "the upstream sent a part of another kind of block than it had begun")
	}
	s := v.Get(member).Str
	if s == "" {
		return out, nil
	}
	return d.text(out, s), nil
}

// stop ends the open part, if one is.
func (d *streamDecoder) stop(out []codec.Event) []codec.Event {
	b := d.block
	if b == nil {
		return out
	}
	var tail *codec.Part
	switch b.kind {
	case codec.Text:
		if len(b.annotations) > 0 {
			for i := range b.annotations {
				b.annotations[i].End = b.runes
			}
			tail = &codec.Part{Kind: codec.Text, Annotations: b.annotations}
		}
	case codec.ToolCallPart:
		if !b.some && b.input != "" {
			out = d.text(out, b.input)
		}
	case codec.Thinking:
		if b.thought.Signature != nil {
			thought := b.thought
			tail = &codec.Part{Kind: codec.Thinking, Thought: &thought}
		}
	case codec.Opaque:
		out = append(out, codec.Event{Kind: codec.PartStart, Index: d.index, Part: d.opaque.part()})
	}
	out = append(out, codec.Event{Kind: codec.PartStop, Index: d.index, Part: tail})
	d.index++
	d.block = nil
	return out
}
