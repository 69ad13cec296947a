package messages

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// NewStreamEncoder implements [codec.Codec].
func (protocol) NewStreamEncoder(req *codec.Request, lost *codec.Losses) codec.StreamEncoder {
	return &streamEncoder{req: req, lost: lost}
}

// streamEncoder writes the events of one message. A block is begun when there is
// something to say in it, so that none is empty and their numbers have no gaps.
type streamEncoder struct {
	req  *codec.Request
	lost *codec.Losses

	begun, over bool
	end         ending
	usage       llm.Usage
	tier        string

	index int  // of the block that is open, or comes next
	part  part // the one that is streamed
}

// part is what is known of the part that is being streamed.
type part struct {
	kind    codec.Kind
	skip    bool // it has no place in this protocol
	open    bool // its block is begun
	some    bool // it has deltas
	custom  bool
	thought codec.Thought
	rest    codec.Part // what its block has besides, until it is begun
}

// Encode implements [codec.StreamEncoder].
func (s *streamEncoder) Encode(dst []byte, e *codec.Event) ([]byte, error) {
	if s.over {
		return dst, nil
	}
	if e.Choice != 0 {
		s.lost.Drop("n")
		return dst, nil
	}
	switch e.Kind {
	case codec.PartDelta:
		return s.delta(dst, e), nil
	case codec.Begin:
		return s.begin(dst, e.Response), nil
	case codec.PartStart:
		return s.start(s.begin(dst, nil), e.Part), nil
	case codec.PartStop:
		return s.stop(dst, e.Part), nil
	case codec.FinishEvent:
		s.end.Finish = e.Finish
	case codec.UsageEvent:
		if e.Response != nil {
			s.usage = merge(e.Response.Usage, s.usage)
		}
	case codec.Ping:
		return append(dst, "event: ping\ndata: {\"type\":\"ping\"}\n\n"...), nil
	case codec.End:
		return s.finish(dst, e.Response)
	case codec.Failed:
		return s.Fail(dst, e.Err, ""), nil
	}
	return dst, nil
}

// Fail implements [codec.StreamEncoder].
func (s *streamEncoder) Fail(dst []byte, e *llm.Error, requestID string) []byte {
	s.over = true
	if e == nil {
		e = llm.Errorf(llm.CodeUpstream, "the upstream's answer broke off")
	}
	dst = append(dst, "event: error\ndata: "...)
	dst = append(dst, e.Body("anthropic", requestID)...)
	return append(dst, '\n', '\n')
}

// begin appends the first event, once.
func (s *streamEncoder) begin(dst []byte, r *codec.Response) []byte {
	if s.begun {
		return dst
	}
	s.begun = true
	if r == nil {
		r = &codec.Response{}
	}
	s.end.own = r.From == op
	s.usage, s.tier = r.Usage, r.ServiceTier
	w := jsonwrite.Writer{B: append(dst, "event: message_start\ndata: "...)}
	w.Object()
	w.StringField("type", "message_start")
	w.ObjectField("message")
	w.StringField("id", messageID(r))
	w.StringField("type", "message")
	w.StringField("role", "assistant")
	w.StringField("model", modelOf(r, s.req))
	w.ArrayField("content")
	w.EndArray()
	w.RawField("stop_reason", "null")
	w.RawField("stop_sequence", "null")
	writeUsage(&w, s.usage, s.tier, nil)
	w.End()
	w.End()
	return append(w.B, '\n', '\n')
}

// start takes over a part, and begins its block where that tells something.
func (s *streamEncoder) start(dst []byte, p *codec.Part) []byte {
	if p == nil {
		p = &codec.Part{}
	}
	dst = s.stop(dst, nil) // of an upstream's decoder that forgot to
	s.part = part{kind: p.Kind, thought: thoughtOf(p), rest: codec.Part{Cache: p.Cache, Extra: p.Extra}}
	switch p.Kind {
	case codec.Text, codec.Refusal, codec.Thinking:
	case codec.ToolCallPart:
		s.end.calls = true
		s.part.custom = p.Call.Custom
		if p.Signature != nil {
			rest := s.part.rest
			s.part.rest = codec.Part{}
			dst = s.redacted(dst, carried("", p.Signature))
			s.part.rest = rest
		}
		w := s.open(dst)
		w.StringField("type", "tool_use")
		w.StringField("id", callID(p.Call))
		w.StringField("name", p.Call.Name)
		w.RawField("input", "{}")
		return s.opened(w)
	case codec.Opaque:
		if p.Origin != op {
			s.lost.Drop(opaqueName(p))
			s.part.skip = true
			break
		}
		return s.opaque(dst, gjson.ParseBytes(p.Raw))
	default:
		s.lost.Drop(kindNames[p.Kind])
		s.part.skip = true
	}
	return dst
}

// opaque begins a block that is there whole. The input of a call is streamed, since
// clients expect it in deltas.
func (s *streamEncoder) opaque(dst []byte, v gjson.Result) []byte {
	raw, input := v.Raw, v.Get("input")
	stream := strings.HasSuffix(v.Get("type").Str, "tool_use") && input.IsObject()
	if stream {
		raw = string(replace(v, []codec.Field{{Name: "input", Value: []byte("{}")}}))
	}
	dst = s.head(dst, "content_block_start")
	dst = append(dst, `,"content_block":`...)
	from := len(dst)
	dst = append(dst, raw...)
	codec.OneLine(dst[from:])
	dst = append(dst, "}\n\n"...)
	s.part.open = true
	if stream {
		dst = s.piece(dst, "input_json_delta", "partial_json", input.Raw)
	}
	return dst
}

func (s *streamEncoder) delta(dst []byte, e *codec.Event) []byte {
	if len(e.Logprobs) > 0 {
		s.lost.Drop("logprobs")
	}
	if s.part.skip || e.Delta == "" {
		return dst
	}
	switch s.part.kind {
	case codec.Text, codec.Refusal:
		if s.part.kind == codec.Refusal {
			s.end.refusal += e.Delta
		}
		return s.piece(s.begunBlock(dst), "text_delta", "text", e.Delta)
	case codec.Thinking:
		if s.part.thought.Redacted {
			return dst
		}
		return s.piece(s.begunBlock(dst), "thinking_delta", "thinking", e.Delta)
	case codec.ToolCallPart:
		text := e.Delta
		if s.part.custom { // the input is text, and becomes a string in an object
			quoted := jsonwrite.AppendString(nil, text)
			if text = string(quoted[1 : len(quoted)-1]); !s.part.some {
				text = `{"input":"` + text
			}
		}
		s.part.some = true
		return s.piece(dst, "input_json_delta", "partial_json", text)
	}
	return dst
}
