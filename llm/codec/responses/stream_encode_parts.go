package responses

import (
	"strconv"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// start begins a part.
func (s *streamEncoder) start(dst []byte, p *codec.Part) []byte {
	if s.part != nil { // whoever sends events has forgotten to end the last one
		dst = s.stop(dst, nil)
	}
	if p.Kind != codec.Text && p.Kind != codec.Refusal {
		dst = s.closeMessage(dst)
	}
	part := *p
	s.part, s.text, s.logprobs = &part, s.text[:0], s.logprobs[:0]
	switch p.Kind {
	case codec.Text, codec.Refusal:
		dst = s.startText(dst)
	case codec.ToolCallPart:
		// Gemini's calls come whole, and what proves a thought comes with the end of
		// one; its item has to stand before the call's.
		if s.held = s.from == llm.GeminiGenerate && p.Signature == nil && s.req.IncludesReasoning(); !s.held {
			dst = s.startCall(dst, p.Signature)
		}
	case codec.Thinking: // begins with its first text
		s.summaries, s.summary, s.theirs, s.inSummary = s.summaries[:0], 0, 0, false
	default:
		dst = s.whole(dst, p)
		s.part = nil
	}
	return dst
}

func (s *streamEncoder) delta(dst []byte, e *codec.Event) []byte {
	if s.part == nil || e.Delta == "" && len(e.Logprobs) == 0 {
		return dst
	}
	if s.part.Kind == codec.Thinking {
		dst = s.summaryFor(dst, e.Summary)
	}
	if s.text = append(s.text, e.Delta...); s.held {
		return dst
	}
	dst = append(dst, s.prefix...)
	dst = strconv.AppendInt(dst, s.sequence, 10)
	s.sequence++
	dst = append(dst, `,"delta":`...)
	dst = jsonwrite.AppendString(dst, e.Delta)
	if s.part.Kind == codec.Text {
		dst = append(dst, `,"logprobs":[`...)
		if len(e.Logprobs) > 0 {
			if list := unwrapLogprobs(e.Logprobs); list != "" {
				from := len(dst)
				dst = append(dst, list...)
				codec.OneLine(dst[from:])
				if len(s.logprobs) > 0 {
					s.logprobs = append(s.logprobs, ',')
				}
				s.logprobs = append(s.logprobs, list...)
			}
		}
		dst = append(dst, ']')
	}
	return append(dst, "}\n\n"...)
}

// deltas prepares the beginning of the open part's delta events.
func (s *streamEncoder) deltas(name, index string, i int) {
	w := jsonwrite.Writer{B: s.prefix[:0]}
	w.B = append(append(append(w.B, "event: "...), name...), "\ndata: "...)
	w.Object()
	w.StringField("type", name)
	w.StringField("item_id", s.open)
	w.IntField("output_index", int64(s.index))
	if index != "" {
		w.IntField(index, int64(i))
	}
	w.Name("sequence_number")
	s.prefix = w.B
}

// stop ends the open part; end is what has become known at its end.
func (s *streamEncoder) stop(dst []byte, end *codec.Part) []byte {
	p := s.part
	if p == nil {
		return dst
	}
	if end != nil {
		if len(end.Annotations) > 0 {
			p.Annotations = end.Annotations
		}
		if end.Signature != nil {
			p.Signature = end.Signature
		}
		if end.Thought != nil && p.Thought == nil {
			p.Thought = end.Thought
		} else if end.Thought != nil && end.Thought.Signature != nil {
			thought := *p.Thought
			thought.Signature = end.Thought.Signature
			p.Thought = &thought
		}
	}
	switch p.Kind {
	case codec.Text, codec.Refusal:
		dst = s.stopText(dst)
	case codec.ToolCallPart:
		dst = s.stopCall(dst)
	case codec.Thinking:
		dst = s.stopThought(dst)
	}
	s.part = nil
	return dst
}

func (s *streamEncoder) startCall(dst []byte, sig *codec.Signature) []byte {
	dst = s.carry(dst, sig)
	c := s.part.Call
	if c == nil {
		c = &codec.ToolCall{}
		s.part.Call = c
	}
	if c.ID == "" {
		call := *c
		call.ID = codec.NewID("call_")
		c, s.part.Call = &call, &call
	}
	prefix, events := "fc_", "response.function_call_arguments.delta"
	if c.Custom {
		prefix, events = "ctc_", "response.custom_tool_call_input.delta"
	}
	dst = s.openItem(dst, callItem, s.itemID(prefix, c.ItemID), func(w *jsonwrite.Writer) { s.call(w, "in_progress", "") })
	s.deltas(events, "", 0)
	return dst
}

// carry writes what proves the thought behind a call as an item of reasoning, for a
// caller that will send it back.
func (s *streamEncoder) carry(dst []byte, sig *codec.Signature) []byte {
	if sig == nil || !s.req.IncludesReasoning() {
		return dst
	}
	s.summaries = s.summaries[:0]
	dst = s.startReasoning(dst, "")
	return s.closeItem(dst, func(w *jsonwrite.Writer) { s.reasoning(w, codec.Carry(op, *sig)) })
}

func (s *streamEncoder) stopCall(dst []byte) []byte {
	p := s.part
	whole := string(s.text)
	streamed := !s.held
	if s.held {
		s.held = false
		dst = s.startCall(dst, p.Signature)
	}
	if whole == "" && !p.Call.Custom {
		whole, streamed = "{}", false
	}
	if !streamed && whole != "" {
		s.text = s.text[:0]
		dst = s.delta(dst, &codec.Event{Delta: whole})
	}
	name, member := "response.function_call_arguments.done", "arguments"
	if p.Call.Custom {
		name, member = "response.custom_tool_call_input.done", "input"
	}
	w := s.itemEvent(dst, name)
	w.StringField(member, whole)
	if member == "arguments" {
		w.StringField("name", p.Call.Name)
	}
	dst = s.done(w)
	return s.closeItem(dst, func(w *jsonwrite.Writer) { s.call(w, "completed", whole) })
}

// call writes the item of a call.
func (s *streamEncoder) call(w *jsonwrite.Writer, status, arguments string) {
	c := s.part.Call
	w.Object()
	w.StringField("id", s.open)
	if c.Custom {
		w.StringField("type", "custom_tool_call")
	} else {
		w.StringField("type", "function_call")
	}
	if own := extra(s.part.Extra, "status"); own != nil && s.from == op && status == "completed" {
		w.RawField("status", string(own)) // that it was cut off, for one
	} else {
		w.StringField("status", status)
	}
	if c.Custom {
		w.StringField("input", arguments)
	} else {
		w.StringField("arguments", arguments)
	}
	w.StringField("call_id", c.ID)
	w.StringField("name", c.Name)
	if c.Namespace != "" {
		w.StringField("namespace", c.Namespace)
	}
	for _, f := range s.besides(false) {
		if f.Name != "status" {
			w.RawField(f.Name, string(f.Value))
		}
	}
	w.End()
}
