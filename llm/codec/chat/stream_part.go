package chat

import (
	"unicode/utf8"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// start begins a part: a call or an image is written, of others their deltas are.
func (e *encoder) start(dst []byte, c *outChoice, p *codec.Part) []byte {
	dst = e.tell(dst, c)
	c.some = true
	c.part, c.signed, c.begun, c.summary = *p, false, false, 0
	c.text.Reset()
	c.chars = 0
	switch p.Kind {
	case codec.ToolCallPart:
		return e.startCall(dst, c)
	case codec.Refusal:
		c.refused = true
	case codec.Image:
		w := jsonwrite.Writer{B: e.open(dst, c)}
		w.ArrayField("images")
		writeImage(&w, p, c.images, e.from, e.lost)
		w.EndArray()
		c.images++
		codec.OneLine(w.B[len(dst):])
		return e.done(w.B)
	case codec.Audio, codec.File:
		e.lost.Drop(map[codec.Kind]string{codec.Audio: "audio", codec.File: "content.file"}[p.Kind])
	case codec.Opaque:
		e.lost.Drop(opaqueType(p))
	}
	return dst
}

// startCall writes the fragment that names the call.
func (e *encoder) startCall(dst []byte, c *outChoice) []byte {
	call := c.part.Call
	c.calls++
	w := jsonwrite.Writer{B: e.open(dst, c)}
	if e.legacy {
		if c.calls > 1 {
			e.lost.Drop("tool_calls")
			return dst
		}
		w.ObjectField("function_call")
		w.StringField("name", call.Name)
		w.StringField("arguments", "")
		w.End()
		return e.done(w.B)
	}
	w.ArrayField("tool_calls")
	w.Object()
	w.IntField("index", int64(c.calls-1))
	w.StringField("id", call.ID)
	if call.Custom {
		w.StringField("type", "custom")
	} else {
		w.StringField("type", "function")
	}
	callBody(&w, call, "")
	w.End()
	p := geminiOnly(&c.part, e.lost)
	writeExtraContent(&w, p, e.from)
	c.signed = p.Signature != nil
	extras(&w, p.Extra, e.from, e.lost, "tool_calls.", innerOfCall(p)...)
	w.End()
	w.EndArray()
	codec.OneLine(w.B[len(dst):])
	return e.done(w.B)
}

func (e *encoder) delta(dst []byte, c *outChoice, ev *codec.Event) []byte {
	text := ev.Delta
	var name string
	switch c.part.Kind {
	case codec.Text:
		name = `"content":`
		c.chars += int64(utf8.RuneCountInString(text))
	case codec.Refusal:
		name = `"refusal":`
	case codec.Thinking:
		if text == "" {
			return dst
		}
		c.text.WriteString(text)
		if !c.begun && c.thought || ev.Summary > c.summary {
			text = apart(text)
		}
		c.thought, c.summary = true, ev.Summary
		name = `"reasoning_content":`
	case codec.ToolCallPart:
		if text == "" {
			return dst
		}
		c.begun = true
		return e.arguments(dst, c, text)
	default:
		return dst
	}
	c.begun = true
	dst = append(e.open(dst, c), name...)
	dst = jsonwrite.AppendString(dst, text)
	if len(ev.Logprobs) > 0 {
		dst = append(dst, `},"logprobs":`...)
		from := len(dst)
		dst = append(dst, ev.Logprobs...)
		codec.OneLine(dst[from:])
		return append(append(dst, `,"finish_reason":null}]`...), e.tail...)
	}
	return e.done(dst)
}

// arguments writes a fragment of a call's arguments.
func (e *encoder) arguments(dst []byte, c *outChoice, text string) []byte {
	if e.legacy {
		if c.calls > 1 {
			return dst
		}
		dst = append(e.open(dst, c), `"function_call":{"arguments":`...)
		return e.done(append(jsonwrite.AppendString(dst, text), '}'))
	}
	w := jsonwrite.Writer{B: e.open(dst, c)}
	w.ArrayField("tool_calls")
	w.Object()
	w.IntField("index", int64(c.calls-1))
	if c.part.Call.Custom {
		w.ObjectField("custom")
		w.StringField("input", text)
	} else {
		w.ObjectField("function")
		w.StringField("arguments", text)
	}
	w.End()
	w.End()
	w.EndArray()
	return e.done(w.B)
}

// stop ends the open part and keeps what is owed for it.
func (e *encoder) stop(dst []byte, c *outChoice, p *codec.Part) []byte {
	if p == nil {
		p = &codec.Part{}
	}
	switch c.part.Kind {
	case codec.Text:
		for _, a := range p.Annotations {
			c.notes = append(c.notes, note{a, c.before})
		}
		c.before += c.chars
	case codec.Thinking:
		e.stopThought(c, p)
	case codec.ToolCallPart:
		return e.stopCall(dst, c, p)
	}
	if p.Signature != nil {
		e.lost.Drop("thought_signature")
	}
	return dst
}

func (e *encoder) stopThought(c *outChoice, p *codec.Part) {
	var t codec.Thought
	if c.part.Thought != nil {
		t = *c.part.Thought
	}
	if p.Thought != nil && p.Thought.Signature != nil {
		t.Signature = p.Thought.Signature
	}
	if t.Signature != nil {
		t.Redacted = t.Redacted || p.Thought != nil && p.Thought.Redacted
		c.thoughts = append(c.thoughts, codec.Part{Kind: codec.Thinking, Text: c.text.String(), Thought: &t})
	}
}

// stopCall writes what is still owed for a call: clients parse the arguments, even
// where there are none.
func (e *encoder) stopCall(dst []byte, c *outChoice, p *codec.Part) []byte {
	if !c.begun && !c.part.Call.Custom {
		dst = e.arguments(dst, c, "{}")
	}
	sig := p.Signature
	switch {
	case sig == nil || c.signed || e.legacy:
	case sig.Of != llm.GeminiGenerate:
		e.lost.Drop("thought_signature")
	default:
		w := jsonwrite.Writer{B: e.open(dst, c)}
		w.ArrayField("tool_calls")
		w.Object()
		w.IntField("index", int64(c.calls-1))
		writeExtraContent(&w, &codec.Part{Signature: sig}, e.from)
		w.End()
		w.EndArray()
		dst = e.done(w.B)
	}
	return dst
}
