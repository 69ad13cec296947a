package responses

import (
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// startText begins a part of a message, and the message unless one is open.
func (s *streamEncoder) startText(dst []byte) []byte {
	if s.item != messageItem {
		s.contents, s.content, s.phase = s.contents[:0], 0, nil
		for _, f := range s.part.Extra {
			if s.from == op && strings.HasPrefix(f.Name, inMessageItem) {
				s.phase = append(s.phase, f)
			}
		}
		dst = s.openItem(dst, messageItem, s.itemID("msg_", ""), func(w *jsonwrite.Writer) { s.message(w, "in_progress") })
	}
	w := s.contentEvent(dst, "response.content_part.added")
	w.Name("part")
	s.textPart(w, "", "", nil)
	dst = done(w)
	if s.part.Kind == codec.Refusal {
		s.refused = true
		s.deltas("response.refusal.delta", "content_index", s.content)
	} else {
		s.deltas("response.output_text.delta", "content_index", s.content)
	}
	return dst
}

func (s *streamEncoder) contentEvent(dst []byte, name string) *jsonwrite.Writer {
	w := s.itemEvent(dst, name)
	w.IntField("content_index", int64(s.content))
	return w
}

func (s *streamEncoder) stopText(dst []byte) []byte {
	p, text, logprobs := s.part, string(s.text), string(s.logprobs)
	if p.Signature != nil && s.req.IncludesReasoning() {
		s.lost.Drop("thinking") // of a text: only calls have a place before them
	}
	var notes []string
	for i := range p.Annotations {
		raw := annotationJSON(&p.Annotations[i])
		if raw == "" {
			s.lost.Drop("annotations")
			continue
		}
		w := s.contentEvent(dst, "response.output_text.annotation.added")
		w.IntField("annotation_index", int64(len(notes)))
		w.RawField("annotation", raw)
		dst = done(w)
		notes = append(notes, raw)
	}
	if p.Kind == codec.Refusal {
		w := s.contentEvent(dst, "response.refusal.done")
		w.StringField("refusal", text)
		dst = done(w)
	} else {
		w := s.contentEvent(dst, "response.output_text.done")
		w.StringField("text", text)
		w.RawField("logprobs", "["+logprobs+"]")
		dst = done(w)
	}
	w := s.contentEvent(dst, "response.content_part.done")
	w.Name("part")
	s.textPart(w, text, logprobs, notes)
	dst = done(w)
	if s.content > 0 {
		s.contents = append(s.contents, ',')
	}
	whole := jsonwrite.Writer{B: s.contents}
	s.textPart(&whole, text, logprobs, notes)
	s.contents = whole.B
	s.content++
	return dst
}

func (s *streamEncoder) textPart(w *jsonwrite.Writer, text, logprobs string, notes []string) {
	w.Object()
	if s.part.Kind == codec.Refusal {
		w.StringField("type", "refusal")
		w.StringField("refusal", text)
		w.End()
		return
	}
	w.StringField("type", "output_text")
	w.StringField("text", text)
	w.ArrayField("annotations")
	for _, raw := range notes {
		w.Raw(raw)
	}
	w.EndArray()
	w.RawField("logprobs", "["+logprobs+"]")
	w.End()
}

// message writes the message item.
func (s *streamEncoder) message(w *jsonwrite.Writer, status string) {
	w.Object()
	w.StringField("id", s.open)
	w.StringField("type", "message")
	w.StringField("status", status)
	w.StringField("role", "assistant")
	for _, f := range s.phase {
		w.RawField(strings.TrimPrefix(f.Name, inMessageItem), string(f.Value))
	}
	w.ArrayField("content")
	if len(s.contents) > 0 {
		w.Raw(string(s.contents))
	}
	w.EndArray()
	w.End()
}

func (s *streamEncoder) closeMessage(dst []byte) []byte {
	if s.item != messageItem {
		return dst
	}
	status := "completed"
	if s.status() == "incomplete" { // it is the last one
		status = "incomplete"
	}
	return s.closeItem(dst, func(w *jsonwrite.Writer) { s.message(w, status) })
}
