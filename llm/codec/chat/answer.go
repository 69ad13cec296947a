package chat

import (
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// answer writes the message of one choice.
type answer struct {
	w      *jsonwrite.Writer
	from   llm.Operation
	lost   *codec.Losses
	legacy bool

	thoughts, calls, images []codec.Part
	text, refusal           strings.Builder
	notes                   []note
	audio                   *codec.Part
}

// sort puts the parts to where they stand in a message.
func (a *answer) sort(parts []codec.Part) {
	offset := int64(0)
	for i := range parts {
		p := parts[i]
		if p.Signature != nil && p.Kind != codec.ToolCallPart {
			a.lost.Drop("thought_signature")
		}
		a.plain(&p)
		switch p.Kind {
		case codec.Text:
			for _, n := range p.Annotations {
				a.notes = append(a.notes, note{n, offset})
			}
			a.text.WriteString(p.Text)
			offset += runes(p.Text)
		case codec.Refusal:
			a.refusal.WriteString(p.Text)
		case codec.Thinking:
			if p.Thought == nil {
				p.Thought = &codec.Thought{}
			}
			a.thoughts = append(a.thoughts, p)
		case codec.ToolCallPart:
			a.calls = append(a.calls, p)
		case codec.Image:
			a.images = append(a.images, p)
		case codec.Audio:
			if a.audio != nil || p.Media.MIME != "" { // it says one thing aloud, in no format of its own
				a.lost.Drop("audio")
				break
			}
			a.audio = &parts[i]
		case codec.Opaque:
			a.lost.Drop(opaqueType(&p))
		default:
			a.lost.Drop("content." + kindNames[p.Kind])
		}
	}
}

// plain reports what was said besides of a part that becomes a mere string.
func (a *answer) plain(p *codec.Part) {
	if p.Kind != codec.Text && p.Kind != codec.Refusal && p.Kind != codec.Thinking {
		return
	}
	for _, f := range p.Extra {
		a.lost.Drop("content." + f.Name)
	}
	if p.Cache != nil {
		a.lost.Drop("cache_control")
	}
}

// write writes the message's members but its role. refusal is for one that has no
// other.
func (a *answer) write(refusal string) {
	w := a.w
	if a.text.Len() > 0 || len(a.calls) == 0 && a.refusal.Len() == 0 && refusal == "" {
		w.StringField("content", a.text.String())
	} else {
		w.RawField("content", "null")
	}
	if a.refusal.Len() > 0 {
		refusal = a.refusal.String()
	}
	if refusal != "" {
		w.StringField("refusal", refusal)
	} else {
		w.RawField("refusal", "null")
	}
	if s := thoughtText(a.thoughts); s != "" {
		w.StringField("reasoning_content", s)
	}
	vessels(w, a.thoughts, false)
	if writes(a.notes) {
		w.ArrayField("annotations")
		for i := range a.notes {
			writeAnnotation(w, &a.notes[i].Annotation, a.notes[i].offset, a.lost)
		}
		w.EndArray()
	} else if len(a.notes) > 0 {
		a.lost.Drop("annotations")
	}
	if len(a.images) > 0 {
		w.ArrayField("images")
		for i := range a.images {
			writeImage(w, &a.images[i], i, a.from, a.lost)
		}
		w.EndArray()
	}
	a.sound()
	if len(a.calls) > 0 && a.legacy {
		a.older(a.calls)
	} else if len(a.calls) > 0 {
		w.ArrayField("tool_calls")
		for i := range a.calls {
			a.call(&a.calls[i])
		}
		w.EndArray()
	}
}

// writeImage writes an image that the model made, in the form that compatible
// upstreams have for it.
func writeImage(w *jsonwrite.Writer, p *codec.Part, index int, from llm.Operation, lost *codec.Losses) {
	w.Object()
	w.StringField("type", "image_url")
	w.ObjectField("image_url")
	w.StringField("url", mediaURL(p.Media))
	if p.Media.Detail != "" {
		w.StringField("detail", p.Media.Detail)
	}
	rest(w, p.Extra, from, "image_url")
	w.End()
	w.IntField("index", int64(index))
	writeCache(w, p.Cache, from, lost)
	extras(w, p.Extra, from, lost, "images.", "image_url")
	w.End()
}

// sound writes what a model of OpenAI's said aloud. Another's has no transcript and
// no id, without which the form is not whole.
func (a *answer) sound() {
	switch {
	case a.audio == nil:
	case a.from != op:
		a.lost.Drop("audio")
	default:
		a.w.ObjectField("audio")
		a.w.StringField("data", a.audio.Media.Data)
		for _, f := range a.audio.Extra {
			a.w.RawField(f.Name, string(f.Value))
		}
		a.w.End()
	}
}

func (a *answer) call(p *codec.Part) {
	inner, args := "function", p.Call.Arguments
	if p.Call.Custom {
		inner = "custom"
	} else if args == "" {
		args = "{}"
	}
	p = geminiOnly(p, a.lost)
	a.w.Object()
	a.w.StringField("id", p.Call.ID)
	a.w.StringField("type", inner)
	callBody(a.w, p.Call, args)
	a.w.End()
	writeExtraContent(a.w, p, a.from)
	extras(a.w, p.Extra, a.from, a.lost, "tool_calls.", innerOfCall(p)...)
	a.w.End()
}

// geminiOnly takes away a signature that the member for it is not known for.
func geminiOnly(p *codec.Part, lost *codec.Losses) *codec.Part {
	if p.Signature == nil || p.Signature.Of == llm.GeminiGenerate {
		return p
	}
	lost.Drop("thought_signature")
	plain := *p
	plain.Signature = nil
	return &plain
}

// older writes function_call, which has a place for one call.
func (a *answer) older(calls []codec.Part) {
	if len(calls) > 1 {
		a.lost.Drop("tool_calls")
	}
	args := calls[0].Call.Arguments
	if args == "" {
		args = "{}"
	}
	a.w.ObjectField("function_call")
	a.w.StringField("name", calls[0].Call.Name)
	a.w.StringField("arguments", args)
	a.w.End()
}
