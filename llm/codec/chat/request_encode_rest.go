package chat

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// toolResult writes a tool's message. What is not text waits for the end of the
// turn's results, as only text may stand here.
func (e *writer) toolResult(m *codec.Message, p *codec.Part) {
	res, w := p.Result, &e.w
	if res.IsError {
		e.lost.Drop("is_error")
	}
	w.Object()
	w.StringField("role", "tool")
	w.StringField("tool_call_id", res.CallID)
	e.str("name", m.Name)
	w.Name("content")
	switch {
	case len(res.Object) > 0:
		w.String(string(res.Object))
	case e.own():
		e.content(e.carried(res.Content, "tool"), "tool")
	default:
		var texts []codec.Part
		for _, c := range e.carried(res.Content, "tool") {
			if c.Kind == codec.Text {
				texts = append(texts, c)
				continue
			}
			e.lost.Drop("tool_result." + kindNames[c.Kind])
			e.late = append(e.late, c)
		}
		e.content(texts, "tool")
	}
	writeCache(w, p.Cache, e.r.From, e.lost)
	extras(w, p.Extra, e.r.From, e.lost, "messages.")
	extras(w, m.Extra, e.r.From, e.lost, "messages.")
	w.End()
}

var kindNames = map[codec.Kind]string{codec.Image: "image", codec.File: "file", codec.Audio: "audio"}

// opaqueType is what an opaque part calls itself.
func opaqueType(p *codec.Part) string {
	if s := gjson.GetBytes(p.Raw, "type").Str; s != "" {
		return s
	}
	return "opaque"
}

// isGemini says whether an upstream's model is one of Google's.
func isGemini(model string) bool { return strings.Contains(strings.ToLower(model), "gemini") }

// tells says whether metadata holds more than the user, who has a place.
func (e *writer) tells(metadata json.RawMessage) (more bool) {
	codec.Each(gjson.ParseBytes(metadata), func(name, _ gjson.Result) bool {
		more = name.Str != "user_id" || e.r.User == ""
		return !more
	})
	return more
}
