package messages

import (
	"strconv"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// fields writes what a block had besides.
func (s *streamEncoder) fields(w *jsonwrite.Writer, list []codec.Field) {
	for _, f := range list {
		if s.end.own {
			w.RawField(f.Name, oneLine(string(f.Value)))
		} else if some(f.Value) {
			s.lost.Drop("content." + f.Name)
		}
	}
}

// head appends an event up to its index.
func (s *streamEncoder) head(dst []byte, name string) []byte {
	dst = append(append(dst, "event: "...), name...)
	dst = append(append(dst, "\ndata: {\"type\":\""...), name...)
	dst = append(dst, `","index":`...)
	return strconv.AppendInt(dst, int64(s.index), 10)
}

// open begins the event that begins a block.
func (s *streamEncoder) open(dst []byte) jsonwrite.Writer {
	s.part.open = true
	w := jsonwrite.Writer{B: append(s.head(dst, "content_block_start"), `,"content_block":`...)}
	w.Object()
	return w
}

// opened ends it.
func opened(w jsonwrite.Writer) []byte {
	w.End()
	return append(w.B, "}\n\n"...)
}

// close appends the event that ends a block.
func (s *streamEncoder) close(dst []byte) []byte {
	dst = append(s.head(dst, "content_block_stop"), "}\n\n"...)
	s.index++
	return dst
}

// redacted appends a block of redacted thinking, which has no deltas.
func (s *streamEncoder) redacted(dst []byte, data string) []byte {
	w := jsonwrite.Writer{B: append(s.head(dst, "content_block_start"), `,"content_block":`...)}
	w.Object()
	thought(&w, true, "", data)
	return s.close(opened(w))
}

// piece appends a delta of the open block.
func (s *streamEncoder) piece(dst []byte, kind, member, text string) []byte {
	dst = s.head(dst, "content_block_delta")
	dst = append(append(dst, `,"delta":{"type":"`...), kind...)
	dst = append(append(append(dst, `","`...), member...), `":`...)
	return append(jsonwrite.AppendString(dst, text), "}}\n\n"...)
}

// begunBlock begins the block of a text or a thought.
func (s *streamEncoder) begunBlock(dst []byte) []byte {
	if s.part.open {
		return dst
	}
	w := s.open(dst)
	if s.part.kind == codec.Thinking {
		thought(&w, false, "", "")
	} else {
		w.StringField("type", "text")
		w.StringField("text", "")
	}
	return opened(w)
}

// oneLine is a JSON value without line ends, which can only stand between its
// tokens: in an event they would end its data.
func oneLine(raw string) string {
	if !strings.ContainsAny(raw, "\r\n") {
		return raw
	}
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(raw)
}

func flat(list []codec.Field) []codec.Field {
	for i := range list {
		list[i].Value = []byte(oneLine(string(list[i].Value)))
	}
	return list
}
