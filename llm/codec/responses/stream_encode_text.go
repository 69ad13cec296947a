package responses

import (
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// startText begins a part of a message, and the message unless one is open.
func (s *streamEncoder) startText(dst []byte) []byte {
	phase := s.besides(true)
	if len(phase) > 0 { // it is another message
		dst = s.closeMessage(dst)
	}
	if s.item != messageItem {
		s.contents, s.content, s.phase = s.contents[:0], 0, phase
		dst = s.openItem(dst, messageItem, s.itemID("msg_", ""), func(w *jsonwrite.Writer) { s.message(w, "in_progress") })
	}
	w := s.contentEvent(dst, "response.content_part.added")
	w.Name("part")
	s.textPart(w, "", "", nil)
	dst = s.done(w)
	if s.part.Kind == codec.Refusal {
		s.refused = true
		s.deltas("response.refusal.delta", "content_index", s.content)
	} else {
		s.deltas("response.output_text.delta", "content_index", s.content)
	}
	return dst
}

// besides are the members that the open part has besides: those of its message, or its
// own. Those of another protocol have no place.
func (s *streamEncoder) besides(ofMessage bool) (list []codec.Field) {
	for _, f := range s.part.Extra {
		if s.from != op {
			s.lost.Drop("output." + f.Name)
		} else if strings.HasPrefix(f.Name, inMessageItem) == ofMessage {
			list = append(list, f)
		}
	}
	return list
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
		dst = s.done(w)
		notes = append(notes, raw)
	}
	if p.Kind == codec.Refusal {
		w := s.contentEvent(dst, "response.refusal.done")
		w.StringField("refusal", text)
		dst = s.done(w)
	} else {
		w := s.contentEvent(dst, "response.output_text.done")
		w.StringField("text", text)
		w.RawField("logprobs", "["+logprobs+"]")
		dst = s.done(w)
	}
	w := s.contentEvent(dst, "response.content_part.done")
	w.Name("part")
	s.textPart(w, text, logprobs, notes)
	dst = s.done(w)
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
		s.rest(w)
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
	s.rest(w)
	w.End()
}

func (s *streamEncoder) rest(w *jsonwrite.Writer) {
	for _, f := range s.besides(false) {
		w.RawField(f.Name, string(f.Value))
	}
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
