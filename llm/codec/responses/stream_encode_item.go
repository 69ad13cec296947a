package responses

import (
	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// write begins an event; done ends it, of which the JSON that came as it is may have had
// several lines.
func (s *streamEncoder) write(dst []byte, name string) *jsonwrite.Writer {
	w := &jsonwrite.Writer{B: dst}
	w.B = append(append(append(w.B, "event: "...), name...), "\ndata: "...)
	s.data = len(w.B)
	w.Object()
	w.StringField("type", name)
	w.IntField("sequence_number", s.sequence)
	s.sequence++
	return w
}

func (s *streamEncoder) done(w *jsonwrite.Writer) []byte {
	w.End()
	codec.OneLine(w.B[s.data:])
	return append(w.B, "\n\n"...)
}

// itemEvent begins an event that belongs to the open item.
func (s *streamEncoder) itemEvent(dst []byte, name string) *jsonwrite.Writer {
	w := s.write(dst, name)
	w.StringField("item_id", s.open)
	w.IntField("output_index", int64(s.index))
	return w
}

// openItem begins an item; write writes it as far as it is known.
func (s *streamEncoder) openItem(dst []byte, kind itemKind, id string, write func(*jsonwrite.Writer)) []byte {
	s.item, s.open = kind, id
	w := s.write(dst, "response.output_item.added")
	w.IntField("output_index", int64(s.index))
	w.Name("item")
	write(w)
	return s.done(w)
}

// closeItem ends the open item, which is now whole.
func (s *streamEncoder) closeItem(dst []byte, write func(*jsonwrite.Writer)) []byte {
	if len(s.output) > 0 {
		s.output = append(s.output, ',')
	}
	item := jsonwrite.Writer{B: s.output}
	write(&item)
	whole := item.B[len(s.output):]
	s.output = item.B
	w := s.write(dst, "response.output_item.done")
	w.IntField("output_index", int64(s.index))
	w.Name("item")
	w.Raw(string(whole))
	s.item, s.open = noItem, ""
	s.index++
	return s.done(w)
}
