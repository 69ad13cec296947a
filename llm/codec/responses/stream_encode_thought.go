package responses

import (
	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func (s *streamEncoder) startReasoning(dst []byte, id string) []byte {
	return s.openItem(dst, reasoningItem, s.itemID("rs_", id), func(w *jsonwrite.Writer) { s.reasoning(w, "") })
}

// reasoning writes the reasoning item.
func (s *streamEncoder) reasoning(w *jsonwrite.Writer, encrypted string) {
	w.Object()
	w.StringField("id", s.open)
	w.StringField("type", "reasoning")
	w.ArrayField("summary")
	if len(s.summaries) > 0 {
		w.Raw(string(s.summaries))
	}
	w.EndArray()
	if encrypted != "" {
		w.StringField("encrypted_content", encrypted)
	}
	if s.part == nil || s.part.Kind != codec.Thinking { // it carries the proof of a call
		w.End()
		return
	}
	for _, f := range s.besides(false) {
		if f.Name != "content" { // which the summary has
			w.RawField(f.Name, string(f.Value))
		}
	}
	w.End()
}

func thoughtID(p *codec.Part) string {
	if p.Thought == nil {
		return ""
	}
	return p.Thought.ID
}

// summaryFor makes sure that the summary part of a delta is open. Parts are counted
// anew, as theirs may have gaps.
func (s *streamEncoder) summaryFor(dst []byte, theirs int) []byte {
	switch {
	case s.item != reasoningItem:
		dst = s.startReasoning(dst, thoughtID(s.part))
	case s.inSummary && theirs == s.theirs:
		return dst
	case s.inSummary:
		dst = s.stopSummary(dst)
	}
	s.theirs = theirs
	return s.startSummary(dst)
}

func (s *streamEncoder) summaryEvent(dst []byte, name string) *jsonwrite.Writer {
	w := s.itemEvent(dst, name)
	w.IntField("summary_index", int64(s.summary))
	return w
}

func summaryPart(w *jsonwrite.Writer, text string) {
	w.Object()
	w.StringField("type", "summary_text")
	w.StringField("text", text)
	w.End()
}

func (s *streamEncoder) startSummary(dst []byte) []byte {
	s.inSummary, s.text = true, s.text[:0]
	w := s.summaryEvent(dst, "response.reasoning_summary_part.added")
	w.Name("part")
	summaryPart(w, "")
	s.deltas("response.reasoning_summary_text.delta", "summary_index", s.summary)
	return s.done(w)
}

func (s *streamEncoder) stopSummary(dst []byte) []byte {
	text := string(s.text)
	w := s.summaryEvent(dst, "response.reasoning_summary_text.done")
	w.StringField("text", text)
	w = s.summaryEvent(s.done(w), "response.reasoning_summary_part.done")
	w.Name("part")
	summaryPart(w, text)
	if s.summary > 0 {
		s.summaries = append(s.summaries, ',')
	}
	whole := jsonwrite.Writer{B: s.summaries}
	summaryPart(&whole, text)
	s.summaries = whole.B
	s.summary++
	s.inSummary = false
	return s.done(w)
}

// stopThought ends a thought. One that has neither text nor a proof that the caller
// wants is nothing to it. An empty summary part tells a thought whose text was left
// out from one that was never to be read.
func (s *streamEncoder) stopThought(dst []byte) []byte {
	encrypted, redacted := "", true
	if t := s.part.Thought; t != nil && t.Signature != nil && s.req.IncludesReasoning() {
		encrypted = codec.Carry(op, *t.Signature)
		redacted = t.Redacted || t.Signature.Of == op && s.from != op
	}
	if s.item != reasoningItem {
		if encrypted == "" {
			return dst
		}
		dst = s.startReasoning(dst, thoughtID(s.part))
		if !redacted {
			dst = s.startSummary(dst)
		}
	}
	if s.inSummary {
		dst = s.stopSummary(dst)
	}
	return s.closeItem(dst, func(w *jsonwrite.Writer) { s.reasoning(w, encrypted) })
}
