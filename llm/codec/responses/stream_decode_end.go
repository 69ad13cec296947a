package responses

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// finishItem takes an item that is complete.
func (d *streamDecoder) finishItem(out []codec.Event, index int64, item gjson.Result) ([]codec.Event, error) {
	if i := slices.Index(d.implied, index); i >= 0 { // it had ended already
		d.implied = slices.Delete(d.implied, i, i+1)
		return out, nil
	}
	switch {
	case !item.IsObject() && d.busy && d.item == index: // what has come is all there is
		out = d.stop(out, nil)
		d.leave()
		return d.drain(out)
	case !item.IsObject():
		return out, nil
	case d.busy && d.item != index:
		d.waiting = append(d.waiting, waitingItem{index, item.Raw})
		return out, nil
	}
	out, err := d.give(out, index, item)
	if err != nil {
		return out, err
	}
	return d.drain(out)
}

// drain gives the items that have waited.
func (d *streamDecoder) drain(out []codec.Event) ([]codec.Event, error) {
	for len(d.waiting) > 0 {
		next := d.waiting[0]
		d.waiting = d.waiting[1:]
		var err error
		if out, err = d.give(out, next.index, gjson.Parse(next.raw)); err != nil {
			return out, err
		}
	}
	return out, nil
}

// give gives what has not been given yet of an item. Servers that count all items as
// 0 have several under one index.
func (d *streamDecoder) give(out []codec.Event, index int64, item gjson.Result) ([]codec.Event, error) {
	parts, err := itemParts(item, "item")
	if err != nil {
		return out, unreadable(err)
	}
	out = d.begin(out, &codec.Response{From: op})
	d.take(index)
	for k := d.done; k < len(parts); k++ {
		p := &parts[k]
		logprobs := takeLogprobs(p)
		if !d.open {
			out = d.start(out, beginOf(p))
			d.full = p.Thought != nil && p.Thought.Content
			if logprobs != "" {
				out = append(out, codec.Event{Kind: codec.PartDelta, Index: d.index, Delta: p.Text, Logprobs: wrapLogprobs("[" + logprobs + "]")})
				d.sent = len(p.Text)
			}
		} else if d.kind != p.Kind {
			out = d.stop(out, nil)
			continue
		}
		out = d.rest(out, p)
		out = d.stop(out, endOf(p))
	}
	out = d.stop(out, nil)
	d.leave()
	return out, nil
}

// leave ends the item whose parts were given.
func (d *streamDecoder) leave() {
	d.ended, d.given = append(d.ended, d.item), d.given+1
	d.busy, d.begins, d.content = false, announced{}, announced{}
}

// beginOf is what is known of a part when it begins.
func beginOf(p *codec.Part) *codec.Part {
	b := *p
	b.Text, b.Annotations, b.Signature = "", nil, nil
	if p.Call != nil {
		call := *p.Call
		call.Arguments, b.Call = "", &call
	}
	if p.Thought != nil {
		thought := *p.Thought
		thought.Summary = nil
		if b.Thought = &thought; !thought.Redacted {
			thought.Signature = nil
		}
	}
	return &b
}

func endOf(p *codec.Part) *codec.Part {
	if p.Thought == nil && len(p.Annotations) == 0 {
		return nil
	}
	return &codec.Part{Kind: p.Kind, Annotations: p.Annotations, Thought: p.Thought}
}

// rest gives the text that has not come in deltas.
func (d *streamDecoder) rest(out []codec.Event, p *codec.Part) []codec.Event {
	give := func(text string, summary int) {
		skip := min(d.sent, len(text))
		for skip < len(text) && !utf8.RuneStart(text[skip]) { // it is another text than the deltas'
			skip++
		}
		if skip < len(text) {
			out = append(out, codec.Event{Kind: codec.PartDelta, Index: d.index, Delta: text[skip:], Summary: summary})
			d.sent = 0
		} else {
			d.sent -= skip
		}
	}
	switch {
	case p.Call != nil:
		give(p.Call.Arguments, 0)
	case p.Thought != nil && !d.full && strings.Join(p.Thought.Summary, "") != "":
		for i, s := range p.Thought.Summary {
			give(s, i)
		}
	default:
		give(p.Text, 0)
	}
	return out
}

// end reads the event that ends the response. Its output is what servers that send
// few events have nowhere else.
func (d *streamDecoder) end(out []codec.Event, v gjson.Result) ([]codec.Event, error) {
	r := header(v)
	if out = d.begin(out, r); d.busy && d.complete {
		out = d.stop(out, nil)
	}
	if v.Get("status").Str == "failed" {
		return d.fail(out, v.Get("error")), nil
	}
	items := v.Get("output").Array()
	var err error
	for i, item := range items {
		if d.given >= len(items) {
			break
		}
		if index := int64(i); !slices.Contains(d.ended, index) {
			if out, err = d.finishItem(out, index, item); err != nil {
				return out, err
			}
		}
	}
	if d.busy { // nothing more will come of it
		out = d.stop(out, nil)
		d.leave()
	}
	if out, err = d.drain(out); err != nil {
		return out, err
	}
	d.over = true
	return append(out,
		codec.Event{Kind: codec.FinishEvent, Finish: finish(v, d.calls)},
		codec.Event{Kind: codec.End, Response: r}), nil
}

// Close implements [codec.StreamDecoder].
func (d *streamDecoder) Close(out []codec.Event) ([]codec.Event, error) {
	if d.over {
		return out, nil
	}
	d.over = true
	return out, llm.Errorf(llm.CodeUpstream, "the upstream's stream ended before response.completed")
}
