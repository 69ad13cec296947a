package messages

import (
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// stop ends the part that is streamed, if one is; p is what is known at its end.
func (s *streamEncoder) stop(dst []byte, p *codec.Part) []byte {
	was := s.part
	if p == nil {
		p = &codec.Part{Kind: was.kind}
	}
	if !was.skip && p.Signature != nil { // too late for a call, and a text can do without
		s.lost.Drop("thought_signature")
	}
	switch {
	case was.skip:
	case was.kind == codec.Thinking:
		dst = s.stopThinking(dst, p)
	case was.kind == codec.ToolCallPart && was.open:
		switch {
		case was.custom && was.some:
			dst = s.piece(dst, "input_json_delta", "partial_json", `"}`)
		case was.custom:
			dst = s.piece(dst, "input_json_delta", "partial_json", `{"input":""}`)
		case !was.some:
			dst = s.piece(dst, "input_json_delta", "partial_json", "{}")
		}
	case was.open:
		for i := range p.Annotations {
			w := jsonwrite.Writer{B: append(s.head(dst, "content_block_delta"), `,"delta":{"type":"citations_delta","citation":`...)}
			a := p.Annotations[i]
			if !citable(&a, s.lost) {
				continue
			}
			from := len(w.B)
			writeCitation(&w, &a, "")
			codec.OneLine(w.B[from:])
			dst = append(w.B, "}}\n\n"...)
		}
	}
	if s.part.open {
		dst = s.close(dst)
	}
	s.part = part{}
	return dst
}

// stopThinking writes the signature of a thought, and one without text whole.
func (s *streamEncoder) stopThinking(dst []byte, p *codec.Part) []byte {
	t := s.part.thought
	if end := p.Thought; end != nil {
		if end.Signature != nil {
			t.Signature = end.Signature
		}
		if end.ID != "" {
			t.ID = end.ID
		}
		t.Redacted = t.Redacted || end.Redacted && !s.part.open
	}
	signature := carried(t.ID, t.Signature)
	switch {
	case signature == "":
	case t.Redacted:
		dst = s.redacted(dst, signature)
	default:
		dst = s.piece(s.begunBlock(dst), "signature_delta", "signature", signature)
	}
	return dst
}

// finish appends the events that end the message: how it ended, and what it cost.
func (s *streamEncoder) finish(dst []byte, r *codec.Response) ([]byte, error) {
	dst = s.stop(s.begin(dst, r), nil)
	var ofUsage, delta, top []codec.Field
	if r != nil {
		s.usage = merge(r.Usage, s.usage)
		if r.ServiceTier != "" {
			s.tier = r.ServiceTier
		}
		if r.Blocked != "" {
			s.end.Reason, s.end.Message = codec.ReasonFilter, r.Blocked
		}
		var rest []codec.Field
		ofUsage, rest = split(r.Extra, s.end.own, s.lost)
		for _, f := range rest {
			if strings.HasPrefix(f.Name, "context_management") {
				top = append(top, f)
			} else {
				delta = append(delta, f)
			}
		}
	}
	w := jsonwrite.Writer{B: append(dst, "event: message_delta\ndata: "...)}
	from := len(w.B)
	w.Object()
	w.StringField("type", "message_delta")
	w.ObjectField("delta")
	if err := s.end.write(&w); err != nil {
		return dst, err
	}
	for _, f := range delta {
		w.RawField(f.Name, string(f.Value))
	}
	w.End()
	writeUsage(&w, s.usage, s.tier, ofUsage)
	for _, f := range top {
		w.RawField(f.Name, string(f.Value))
	}
	w.End()
	s.over = true
	codec.OneLine(w.B[from:])
	return append(w.B, "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...), nil
}
