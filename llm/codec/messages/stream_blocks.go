package messages

import (
	"strconv"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

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

// opened ends it, with what the block had besides.
func (s *streamEncoder) opened(w jsonwrite.Writer) []byte {
	from := len(w.B)
	writeRest(&w, &s.part.rest, s.end.own, s.lost)
	s.part.rest = codec.Part{}
	codec.OneLine(w.B[from:])
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
	return s.close(s.opened(w))
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
	return s.opened(w)
}
