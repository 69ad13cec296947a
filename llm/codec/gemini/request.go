package gemini

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// DecodeRequest implements [codec.Codec].
func (geminiCodec) DecodeRequest(body []byte, model string, stream bool) (*codec.Request, error) {
	v := gjson.ParseBytes(body)
	if !v.IsObject() {
		return nil, llm.Errorf(llm.CodeInvalidRequest, "the body must be a JSON object")
	}
	d := decoder{r: &codec.Request{From: op, Model: model, Stream: stream}}
	if err := each(v, d.member); err != nil {
		return nil, err
	}
	if len(d.r.Messages) == 0 {
		return nil, codec.Invalid("contents", "it is required and must not be empty")
	}
	// The order in which the encoder writes them, so that it is stable.
	slices.SortStableFunc(d.r.Extra, func(a, b codec.Field) int { return rank(a.Name) - rank(b.Name) })
	return d.r, nil
}

func rank(name string) int {
	if i := slices.Index(nested, under(name)); i >= 0 {
		return i
	}
	return len(nested)
}

// decoder reads one request.
type decoder struct {
	r   *codec.Request
	ids ledger
}

// tiers are the service tiers in OpenAI's words and in Google's.
var tiers = [][2]string{{"auto", "unspecified"}, {"default", "standard"}, {"flex", "flex"}, {"priority", "priority"}}

func (d *decoder) member(name, own string, v gjson.Result) (err error) {
	r := d.r
	switch name {
	case "model":
		var model string
		if model, err = codec.String(v, own); r.Model == "" {
			r.Model = strings.TrimPrefix(model, "models/")
		}
		return err
	case "contents":
		return d.contents(v, own)
	case "systemInstruction":
		return d.system(v, own)
	case "tools":
		for i, t := range list(v) {
			if err := d.tool(t, index(own, i)); err != nil {
				return err
			}
		}
		return nil
	case "toolConfig":
		return d.toolConfig(v, own)
	case "generationConfig":
		return d.config(v, own)
	case "store":
		r.Store, err = codec.Bool(v, own)
		return err
	case "serviceTier":
		for _, t := range tiers {
			if v.Type == gjson.String && strings.EqualFold(v.Str, t[1]) {
				r.ServiceTier = t[0]
				return nil
			}
		}
	}
	r.Extra = append(r.Extra, field(own, v))
	return nil
}

func (d *decoder) system(v gjson.Result, param string) error {
	if v.Type == gjson.String { // as the SDKs' users write it
		d.r.System = []codec.Part{{Text: v.Str}}
		return nil
	}
	if !v.IsObject() {
		return codec.Invalid(param, "it must be an object with parts")
	}
	return each(v, func(name, own string, e gjson.Result) error {
		if name == "role" { // SDKs say one, and servers do not read it
			return nil
		}
		if name != "parts" {
			d.r.Extra = append(d.r.Extra, field("systemInstruction."+own, e))
			return nil
		}
		for i, part := range list(e) {
			param := index(param+"."+own, i)
			p, ok, err := decodePart(part, param)
			switch {
			case err != nil:
				return err
			case !ok:
				return codec.Invalid(param, "it has no data")
			case p.Call != nil || p.Result != nil || p.Thought != nil:
				return codec.Invalid(param, "it must be text")
			}
			d.r.System = append(d.r.System, p)
		}
		return nil
	})
}

func (d *decoder) contents(v gjson.Result, param string) error {
	if v.Type == gjson.String {
		return codec.Invalid(param, "it must be a list of objects with role and parts")
	}
	for i, c := range list(v) {
		if err := d.content(c, index(param, i)); err != nil {
			return err
		}
	}
	return nil
}

// roles are the protocol's; a content without one is the user's.
var roles = map[string]codec.Role{"": codec.RoleUser, "user": codec.RoleUser, "model": codec.RoleAssistant, "function": codec.RoleUser, "tool": codec.RoleUser}

func (d *decoder) content(v gjson.Result, param string) error {
	if !v.IsObject() {
		return codec.Invalid(param, "it must be an object")
	}
	var (
		role  = codec.RoleUser
		parts []codec.Part
		extra []codec.Field
	)
	err := each(v, func(name, own string, e gjson.Result) error {
		param := param + "." + own
		switch name {
		case "role":
			word, err := codec.String(e, param)
			if err != nil {
				return err
			}
			ok := false
			if role, ok = roles[word]; !ok {
				return codec.Invalid(param, "it must be user or model")
			}
			return nil
		case "parts":
			for i, part := range list(e) {
				param := index(param, i)
				p, ok, err := decodePart(part, param)
				if err == nil && !ok {
					err = codec.Invalid(param, "it has no data")
				}
				if err == nil {
					err = d.identify(&p, param)
				}
				if err != nil {
					return err
				}
				parts = append(joinThought(parts, &p), p)
			}
			return nil
		}
		extra = append(extra, field(own, e))
		return nil
	})
	if err != nil {
		return err
	}
	d.split(role, parts, extra)
	return nil
}

// identify gives a call and a result the id that ties them together.
func (d *decoder) identify(p *codec.Part, param string) error {
	switch {
	case p.Call != nil:
		if p.Call.Name == "" {
			return codec.Invalid(param+".functionCall.name", "it is required")
		}
		made := d.ids.made(p.Call.Name)
		if p.Call.ID == "" {
			p.Call.ID = made
		}
		d.ids.call(p.Call.ID, p.Call.Name, p.Call.ID == made)
	case p.Result != nil:
		if p.Result.Name == "" && p.Result.CallID != "" {
			p.Result.Name = d.ids.name(p.Result.CallID)
		}
		if p.Result.Name == "" {
			return codec.Invalid(param+".functionResponse.name", "it is required")
		}
		due, _ := d.ids.due(p.Result.Name)
		if p.Result.CallID == "" {
			p.Result.CallID = due
		}
		d.ids.answer(p.Result.CallID)
	}
	return nil
}

// split makes messages of a content, in the order of its parts: results stand in
// messages of their own in the neutral form, and calls only in the assistant's.
func (d *decoder) split(role codec.Role, parts []codec.Part, extra []codec.Field) {
	begin := len(d.r.Messages)
	for _, p := range parts {
		of := role
		switch {
		case p.Result != nil:
			of = codec.RoleTool
		case p.Call != nil || p.Thought != nil:
			of = codec.RoleAssistant
		}
		if n := len(d.r.Messages); n == begin || d.r.Messages[n-1].Role != of {
			d.r.Messages = append(d.r.Messages, codec.Message{Role: of})
		}
		m := &d.r.Messages[len(d.r.Messages)-1]
		m.Parts = append(m.Parts, p)
	}
	if len(d.r.Messages) == begin {
		d.r.Messages = append(d.r.Messages, codec.Message{Role: role})
	}
	d.r.Messages[begin].Extra = extra
}
