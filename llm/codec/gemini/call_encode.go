package gemini

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// call writes a functionCall.
func (e *encoder) call(w *jsonwrite.Writer, p *codec.Part, s *signer, at string, i int) error {
	c := p.Call
	param := index(at, i)
	args := c.Arguments
	switch {
	case c.Custom || c.Namespace != "":
		return codec.Unsupported(param, op, "its tools take JSON, and have no namespaces")
	case strings.TrimSpace(args) == "":
		args = "{}"
	case !object(args):
		return codec.Invalid(param+".function.arguments", "they must be a JSON object")
	}
	made := e.ids.made(c.Name)
	e.ids.call(c.ID, c.Name, c.ID == made)
	w.Object()
	w.ObjectField("functionCall")
	w.StringField("name", c.Name)
	w.RawField("args", args)
	if e.keep(c.ID, c.ID == made) {
		w.StringField("id", c.ID)
	}
	if e.own {
		writeExtra(w, p.Extra, "functionCall.")
	}
	w.End()
	if p.Cache != nil {
		e.drop("messages.cache_control")
	}
	if p.Signature != nil && p.Signature.Of != op {
		e.drop("thought_signature")
	}
	if sig := s.of(p); sig != "" {
		w.StringField(signatureField, sig)
	}
	e.extra(w, p, "messages")
	w.End()
	return nil
}

// keep says whether an id is written: those that the decoder made are not, nor those
// that are another provider's.
func (e *encoder) keep(id string, made bool) bool {
	if e.own {
		return !made
	}
	return id != "" && !foreignID(id)
}

// result writes a functionResponse.
func (e *encoder) result(w *jsonwrite.Writer, p *codec.Part, at string, i int) error {
	r := p.Result
	name := r.Name
	if name == "" {
		name = e.ids.name(r.CallID)
	}
	if name == "" {
		return codec.Invalid(strings.TrimSuffix(at, ".content")+".tool_call_id", "no call in the conversation has the id %q", r.CallID)
	}
	due, made := e.ids.due(name)
	e.ids.answer(r.CallID)
	w.Object()
	w.ObjectField("functionResponse")
	w.StringField("name", name)
	if e.keep(r.CallID, made && r.CallID == due) {
		w.StringField("id", r.CallID)
	}
	w.Name("response")
	media := e.response(w, r)
	if len(media) > 0 {
		w.ArrayField("parts")
		for j := range media {
			if err := e.part(w, &media[j], "messages", index(at, i)+".content", j); err != nil {
				return err
			}
		}
		w.EndArray()
	}
	if e.own {
		writeExtra(w, p.Extra, "functionResponse.")
	}
	w.End()
	e.signature(w, p.Signature)
	e.extra(w, p, "messages")
	w.End()
	return nil
}

// response writes the object that a result is, and returns its parts that are no
// text. What is no object goes into one, under the name that tells whether it is an
// error.
func (e *encoder) response(w *jsonwrite.Writer, r *codec.ToolResult) (media []codec.Part) {
	raw := string(r.Object)
	if raw == "" {
		var texts []string
		for _, c := range r.Content {
			if c.Cache != nil {
				e.drop("messages.cache_control")
			}
			if c.Kind == codec.Text || c.Kind == codec.Refusal {
				texts = append(texts, c.Text)
			} else {
				c.Cache = nil
				if c.Media != nil && resolutions[c.Media.Detail] != "" { // an image in a result has no resolution
					m := *c.Media
					m.Detail, c.Media = "", &m
					e.drop("messages.detail")
				}
				media = append(media, c)
			}
		}
		if raw = strings.Join(texts, "\n"); !object(raw) {
			raw = string(jsonwrite.AppendString(nil, raw))
		}
	}
	isObject := raw[0] != '"'
	switch {
	case isObject && (!r.IsError || gjson.Get(raw, "error").Exists()):
		w.Raw(raw)
		return media
	case r.IsError:
		w.Object()
		w.RawField("error", raw)
	default:
		w.Object()
		w.RawField("output", raw)
	}
	w.End()
	return media
}
