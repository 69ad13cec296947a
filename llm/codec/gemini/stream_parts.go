package gemini

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// choice is the state of one candidate of a stream.
type choice struct {
	index int
	parts int // begun so far; the last may be open

	open bool
	kind codec.Kind // of the open part: Text or Thinking, or a call that comes in pieces
	sig  string     // the open part's; no text follows one
	text []byte     // the open text, for the offsets of its sources
	call *pieces

	calls, finished      bool
	word, message        string
	grounding, citations string
	logprobs             json.RawMessage // of the next text
}

// part reads a part of a chunk. Text, which nearly all are, goes a way of its own that
// copies the text alone. end is where the part ends.
func (d *streamDecoder) part(out []codec.Event, c *choice, data []byte, at int) (_ []codec.Event, end int, err error) {
	var (
		text, signature []byte
		thought, other  bool
	)
	if end = jsonscan.Walk(data, at, func(name []byte, at int) int {
		end := jsonscan.Skip(data, at)
		if end < 0 {
			return end
		}
		switch raw := data[at:end]; string(name) {
		case "text":
			text = raw
		case "thought":
			thought = string(raw) == "true"
		case "thoughtSignature":
			signature = raw
		default:
			other = true
		}
		return end
	}); end < 0 {
		return out, end, errChunk
	}
	if other || text == nil && signature == nil {
		out, err = d.whole(out, c, data[at:end])
		return out, end, err
	}
	var s, sig string
	if len(text) > 0 {
		if s, err = jsonscan.String(text); err != nil {
			return out, end, errChunk
		}
	}
	if len(signature) > 0 {
		if sig, err = jsonscan.String(signature); err != nil {
			return out, end, errChunk
		}
	}
	kind := codec.Text
	if thought {
		kind = codec.Thinking
	}
	return c.add(out, kind, s, sig), end, nil
}

// add appends text to the open part, or begins one.
func (c *choice) add(out []codec.Event, kind codec.Kind, text, sig string) []codec.Event {
	if text == "" && sig == "" {
		return out
	}
	goesOn := c.open && c.kind == kind && c.sig == ""
	if text == "" && !goesOn && kind == codec.Text {
		// A signature of no part: it travels as a thought without text, and becomes
		// what it was when it comes back.
		out = c.stop(out)
		p := signatureOnly(&codec.Signature{Of: op, Value: sig})
		out = append(out, c.start(&p), codec.Event{Kind: codec.PartStop, Choice: c.index, Index: c.parts - 1})
		c.open = false
		return out
	}
	if !goesOn {
		out = c.stop(out)
		p := &codec.Part{Kind: kind}
		if kind == codec.Thinking {
			p.Thought = &codec.Thought{}
		}
		out = append(out, c.start(p))
		c.kind, c.text = kind, c.text[:0]
	}
	if text != "" {
		out = append(out, codec.Event{Kind: codec.PartDelta, Choice: c.index, Index: c.parts - 1, Delta: text})
		if kind == codec.Text {
			c.text = append(c.text, text...)
			out[len(out)-1].Logprobs, c.logprobs = c.logprobs, nil
		}
	}
	c.sig = sig
	return out
}

// signatureOnly is a thought that is nothing but its proof.
func signatureOnly(s *codec.Signature) codec.Part {
	return codec.Part{Kind: codec.Thinking, Thought: &codec.Thought{Redacted: true, Signature: s}}
}

func (c *choice) start(p *codec.Part) codec.Event {
	c.parts++
	c.open, c.sig = true, ""
	return codec.Event{Kind: codec.PartStart, Choice: c.index, Index: c.parts - 1, Part: p}
}

// stop ends the open part, if one is.
func (c *choice) stop(out []codec.Event) []codec.Event {
	if !c.open {
		return out
	}
	end := codec.Event{Kind: codec.PartStop, Choice: c.index, Index: c.parts - 1}
	var sig *codec.Signature
	if c.sig != "" {
		sig = &codec.Signature{Of: op, Value: c.sig}
	}
	var notes []codec.Annotation
	if c.kind == codec.Text && (c.grounding != "" || c.citations != "") {
		notes = ground(gjson.Parse(c.grounding), gjson.Parse(c.citations), []textAt{{0, string(c.text)}})[0]
	}
	switch {
	case c.call != nil:
		if args := c.call.json(); len(args) > 0 {
			out = append(out, codec.Event{Kind: codec.PartDelta, Choice: c.index, Index: c.parts - 1, Delta: string(args)})
		}
		c.call = nil
		if sig != nil {
			end.Part = &codec.Part{Kind: codec.ToolCallPart, Signature: sig}
		}
	case sig != nil && c.kind == codec.Thinking:
		end.Part = &codec.Part{Kind: c.kind, Thought: &codec.Thought{Signature: sig}}
	case sig != nil || len(notes) > 0:
		end.Part = &codec.Part{Kind: c.kind, Signature: sig, Annotations: notes}
	}
	c.open, c.sig = false, ""
	return append(out, end)
}

// whole reads a part that comes in one piece, or a piece of a call. Its signature is
// known at its begin, where those who carry it ahead of a call need it.
func (d *streamDecoder) whole(out []codec.Event, c *choice, data []byte) ([]codec.Event, error) {
	v := gjson.ParseBytes(data)
	if f := v.Get("functionCall"); f.IsObject() {
		more := f.Get("willContinue").Type == gjson.True
		if c.call != nil && f.Get("name").String() == "" || more || f.Get("partialArgs").Exists() {
			return d.piece(out, c, f, v.Get(signatureField).String(), more)
		}
	}
	p, ok, err := decodePart(v, "candidates.content.parts")
	switch {
	case err != nil:
		return out, upstreamError(err)
	case !ok:
		return out, nil
	case p.Thought != nil: // with members that are not known
		return c.add(out, codec.Thinking, p.Text, valueOf(p.Thought.Signature)), nil
	case p.Kind == codec.Text:
		return c.add(out, codec.Text, p.Text, valueOf(p.Signature)), nil
	case p.Result != nil:
		p = codec.Part{Kind: codec.Opaque, Raw: json.RawMessage(v.Raw), Origin: op}
	}
	out = c.stop(out)
	var args string
	if p.Call != nil && p.Call.Name == "" {
		return out, errNoName()
	}
	if p.Call != nil {
		d.identify(p.Call)
		c.calls = true
		args, p.Call.Arguments = p.Call.Arguments, ""
	}
	out = append(out, c.start(&p))
	c.open = false
	if args != "" {
		out = append(out, codec.Event{Kind: codec.PartDelta, Choice: c.index, Index: c.parts - 1, Delta: args})
	}
	return append(out, codec.Event{Kind: codec.PartStop, Choice: c.index, Index: c.parts - 1}), nil
}

func valueOf(s *codec.Signature) string {
	if s == nil {
		return ""
	}
	return s.Value
}

func (d *streamDecoder) identify(c *codec.ToolCall) {
	if c.ID == "" {
		c.ID = answerID(d.answer.ID, d.calls)
	}
	d.calls++
}

// piece reads a piece of a call, as Vertex AI streams them.
func (d *streamDecoder) piece(out []codec.Event, c *choice, f gjson.Result, sig string, more bool) ([]codec.Event, error) {
	if name := f.Get("name").String(); c.call == nil || name != "" {
		if name == "" {
			return out, errNoName()
		}
		out = c.stop(out)
		call := &codec.ToolCall{ID: f.Get("id").String(), Name: name}
		d.identify(call)
		out = append(out, c.start(&codec.Part{Kind: codec.ToolCallPart, Call: call}))
		c.kind, c.call, c.calls = codec.ToolCallPart, &pieces{}, true
	}
	if sig != "" {
		c.sig = sig
	}
	var err error
	codec.Each(f.Get("partialArgs"), func(_, a gjson.Result) bool {
		err = c.call.add(a)
		return err == nil
	})
	if err != nil {
		return out, err
	}
	if args := f.Get("args"); args.IsObject() && args.Raw != "{}" {
		c.call.rest = args.Raw
	}
	if !more {
		out = c.stop(out)
	}
	return out, nil
}
