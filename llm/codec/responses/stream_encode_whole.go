package responses

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// whole writes a part that has come at once: an item of OpenAI's own, or an image.
func (s *streamEncoder) whole(dst []byte, p *codec.Part) []byte {
	var write func(*jsonwrite.Writer)
	id := ""
	switch {
	case p.Kind == codec.Opaque && p.Origin == op && gjson.GetBytes(p.Raw, "id").Str != "":
		id = gjson.GetBytes(p.Raw, "id").Str
		write = func(w *jsonwrite.Writer) { w.Raw(string(p.Raw)) }
	case p.Kind == codec.Image && p.Media != nil && p.Media.Data != "":
		id = s.itemID("ig_", "")
		write = func(w *jsonwrite.Writer) {
			w.Object()
			w.StringField("id", id)
			w.StringField("type", "image_generation_call")
			w.StringField("status", "completed")
			w.StringField("result", p.Media.Data)
			w.End()
		}
	default:
		s.lost.Drop("output." + partName(p))
		return dst
	}
	dst = s.openItem(dst, noItem, id, write)
	return s.closeItem(dst, write)
}

func partName(p *codec.Part) string {
	switch p.Kind {
	case codec.Image:
		return "image"
	case codec.File:
		return "file"
	case codec.Audio:
		return "audio"
	case codec.ToolResultPart:
		return "tool_result"
	}
	if kind := gjson.GetBytes(p.Raw, "type").Str; kind != "" {
		return kind
	}
	return "content"
}
