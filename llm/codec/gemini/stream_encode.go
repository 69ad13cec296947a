package gemini

import (
	"strconv"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// NewStreamEncoder implements [codec.Codec].
func (geminiCodec) NewStreamEncoder(_ *codec.Request, lost *codec.Losses) codec.StreamEncoder {
	return &streamEncoder{lost: lost}
}

// streamEncoder writes a stream: each piece of text as a chunk of its own, each call
// whole, and in the last chunk what ends the answer. There is no terminator.
type streamEncoder struct {
	lost    *codec.Losses
	own     bool
	tail    []byte // of every chunk: what identifies the answer, and the blank line
	w       jsonwrite.Writer
	choices []*written
	answer  codec.Response // what Begin, UsageEvent and End said
	over    bool
}

// written is the state of one choice.
type written struct {
	index  int
	n      int64 // parts begun
	part   *codec.Part
	args   []byte
	text   []byte // for the offsets of its sources
	notes  []cited
	finish codec.Finish
}

// Encode implements [codec.StreamEncoder].
func (s *streamEncoder) Encode(dst []byte, e *codec.Event) ([]byte, error) {
	if s.over {
		return dst, nil
	}
	switch e.Kind {
	case codec.Begin:
		s.begin(e.Response)
	case codec.PartStart:
		c := s.choice(e.Choice)
		c.part, c.args, c.text = e.Part, c.args[:0], c.text[:0]
		c.n++
		if c.part.Kind != codec.Text && c.part.Kind != codec.Refusal && c.part.Thought == nil && c.part.Call == nil {
			return s.whole(dst, c, c.part), nil // all of it is known
		}
	case codec.PartDelta:
		return s.delta(dst, e), nil
	case codec.PartStop:
		return s.stop(dst, e), nil
	case codec.FinishEvent:
		c := s.choice(e.Choice)
		if malformed := c.finish.Message; malformed != "" {
			if e.Finish.Reason == codec.ReasonLength {
				c.finish.Reason, c.finish.Raw = e.Finish.Reason, ""
			}
			return dst, nil
		}
		c.finish = e.Finish
	case codec.UsageEvent:
		if e.Response != nil {
			s.answer.Usage = e.Response.Usage
		}
	case codec.End:
		return s.end(dst, e.Response), nil
	case codec.Failed:
		return s.Fail(dst, e.Err, ""), nil
	}
	return dst, nil
}

// Fail implements [codec.StreamEncoder].
func (s *streamEncoder) Fail(dst []byte, e *llm.Error, requestID string) []byte {
	if s.over {
		return dst
	}
	s.over = true
	if e == nil {
		e = llm.Errorf(llm.CodeUpstream, "the upstream's answer broke off")
	}
	dst = append(dst, "data: "...)
	dst = append(dst, e.Body("gemini", requestID)...)
	return append(dst, "\n\n"...)
}

func (s *streamEncoder) begin(r *codec.Response) {
	if r != nil {
		s.answer, s.own = *r, r.From == op
	}
	s.answer.ID = codec.ID("", s.answer.ID)
	var w jsonwrite.Writer
	w.Raw("0") // what stands before, so that a comma comes
	writeAbout(&w, &s.answer)
	s.tail = append(w.B[1:], "}\n\n"...)
}

func (s *streamEncoder) choice(index int) *written {
	for _, c := range s.choices {
		if c.index == index {
			return c
		}
	}
	if s.tail == nil {
		s.begin(nil)
	}
	c := &written{index: index}
	s.choices = append(s.choices, c)
	return c
}

// delta writes more of a text; more of a call waits for the rest of it.
func (s *streamEncoder) delta(dst []byte, e *codec.Event) []byte {
	c := s.choice(e.Choice)
	switch {
	case c.part == nil || e.Delta == "" && len(e.Logprobs) == 0:
		return dst
	case c.part.Call != nil:
		c.args = append(c.args, e.Delta...)
		return dst
	case c.part.Kind == codec.Text || c.part.Kind == codec.Refusal:
		c.text = append(c.text, e.Delta...)
	case c.part.Kind != codec.Thinking:
		return dst
	}
	dst = append(dst, `data: {"candidates":[{"content":{"parts":[{"text":`...)
	dst = jsonwrite.AppendString(dst, e.Delta)
	if c.part.Kind == codec.Thinking {
		dst = append(dst, `,"thought":true`...)
	}
	dst = append(dst, `}],"role":"model"},"index":`...)
	dst = strconv.AppendInt(dst, int64(c.index), 10)
	if len(e.Logprobs) > 0 {
		s.w.Reset()
		s.w.Raw("0")
		writeLogprobs(&s.w, e.Logprobs)
		dst = append(dst, codec.OneLine(s.w.B[1:])...)
	}
	dst = append(dst, "}]"...)
	return append(dst, s.tail...)
}

// whole writes a part in a chunk of its own.
func (s *streamEncoder) whole(dst []byte, c *written, p *codec.Part) []byte {
	s.w.Reset()
	s.w.Object()
	s.w.ArrayField("candidates")
	s.w.Object()
	s.w.ObjectField("content")
	s.w.ArrayField("parts")
	if !writeAnswerPart(&s.w, p, s.own, &c.finish, s.lost) {
		c.n--
		return dst
	}
	s.w.EndArray()
	s.w.StringField("role", "model")
	s.w.End()
	s.w.IntField("index", int64(c.index))
	s.w.End()
	s.w.EndArray()
	return s.chunk(dst)
}

// chunk ends the chunk that is in s.w and writes it.
func (s *streamEncoder) chunk(dst []byte) []byte {
	dst = append(dst, "data: "...)
	dst = append(dst, codec.OneLine(s.w.B)...)
	return append(dst, s.tail...)
}

// stop writes what is known at the end of a part: the call, a signature.
func (s *streamEncoder) stop(dst []byte, e *codec.Event) []byte {
	c := s.choice(e.Choice)
	p := c.part
	if p == nil {
		return dst
	}
	c.part = nil
	var last codec.Part
	if e.Part != nil {
		last = *e.Part
	}
	sig := last.Signature
	if sig == nil {
		sig = p.Signature
	}
	switch {
	case p.Call != nil:
		whole := *p
		call := *p.Call
		call.Arguments += string(c.args)
		whole.Call, whole.Signature = &call, sig
		return s.whole(dst, c, &whole)
	case p.Thought != nil:
		thought := *p.Thought
		if last.Thought != nil && last.Thought.Signature != nil {
			thought.Signature = last.Thought.Signature
		}
		if thought.Signature == nil {
			return dst
		}
		return s.whole(dst, c, &codec.Part{Kind: codec.Thinking, Thought: &thought})
	case p.Kind == codec.Text || p.Kind == codec.Refusal:
		if len(last.Annotations) > 0 && !s.own {
			c.notes = append(c.notes, cited{textAt{int(c.n - 1), string(c.text)}, last.Annotations})
		}
		if sig != nil {
			return s.whole(dst, c, &codec.Part{Kind: codec.Text, Signature: sig})
		}
	}
	return dst
}
