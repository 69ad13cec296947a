package responses

import (
	"slices"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// deltaData is what a delta says. The names are compared as they are written: no
// server escapes them.
type deltaData struct {
	text, logprobs []byte
	item, part     int64
}

func readDelta(data []byte, index string) (e deltaData, ok bool) {
	end := jsonscan.Walk(data, 0, func(name []byte, at int) int {
		end := jsonscan.Skip(data, at)
		if end < at {
			return end
		}
		switch string(name) {
		case "delta":
			e.text = data[at:end]
		case "output_index":
			e.item, _ = jsonscan.Int(data[at:end])
		case "logprobs":
			e.logprobs = data[at:end]
		case index:
			e.part, _ = jsonscan.Int(data[at:end])
		}
		return end
	})
	return e, end > 0
}

func (d *streamDecoder) delta(out []codec.Event, data []byte, kind codec.Kind, index string) ([]codec.Event, error) {
	e, ok := readDelta(data, index)
	if !ok {
		return out, llm.Errorf(llm.CodeUpstream, "the upstream sent an event that is not JSON")
	}
	text, err := jsonscan.String(e.text)
	if err != nil {
		return out, llm.Errorf(llm.CodeUpstream, "the upstream sent an event whose delta is not a string")
	}
	if text == "" || d.mustWait(e.item) {
		return out, nil
	}
	summary := 0
	switch kind {
	case codec.Text, codec.Refusal:
		if d.busy && d.open && e.part == int64(d.done)+1 {
			out = d.stop(out, nil)
		}
		if d.busy && e.part != int64(d.done) || !d.busy && e.part != 0 {
			return out, nil // the item's end has it
		}
	case codec.Thinking:
		full := index == "content_index"
		if d.busy && d.open && d.full != full {
			return out, nil // one of the two is enough
		}
		if !full {
			summary = int(min(e.part, maxSummaries))
		}
	}
	if out, ok = d.ready(out, e.item, kind); !ok {
		return out, nil
	}
	if kind == codec.Thinking && d.sent == 0 {
		d.full = index == "content_index"
	}
	d.sent += len(text)
	event := codec.Event{Kind: codec.PartDelta, Index: d.index, Delta: text, Summary: summary}
	if len(e.logprobs) > 2 && e.logprobs[0] == '[' && kind == codec.Text && gjson.ValidBytes(e.logprobs) {
		event.Logprobs = wrapLogprobs(string(e.logprobs))
	}
	return append(out, event), nil
}

// maxSummaries bounds an index that others make lists of.
const maxSummaries = 1 << 10

// ready opens the part that a delta belongs to; false when there can be none.
func (d *streamDecoder) ready(out []codec.Event, item int64, kind codec.Kind) ([]codec.Event, bool) {
	d.take(item)
	if d.open {
		return out, d.kind == kind
	}
	if kind == codec.ToolCallPart || kind == codec.Thinking && d.done > 0 {
		if d.done == 0 {
			d.busy = false // nothing of it has been given
		}
		return out, false
	}
	p := &codec.Part{Kind: kind}
	if kind == codec.Thinking {
		p.Thought = &codec.Thought{}
	}
	if b := d.begins; b.item == item && d.done == 0 {
		p.Extra = b.extra
		if p.Thought != nil {
			p.Thought.ID = b.id
		}
	}
	if c := d.content; c.item == item && c.part == int64(d.done) && kind != codec.Thinking {
		p.Extra = slices.Concat(p.Extra, c.extra)
	}
	return d.start(out, p), true
}
