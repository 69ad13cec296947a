package messages

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// prompt is a part of the system prompt, and the field that it came in.
type prompt struct {
	p  *codec.Part
	at string
}

// turn is what one role says until another does.
type turn struct {
	role           string
	results, parts []block
	extra          []codec.Field
}

// block is a part, and where it stands in the request.
type block struct {
	p         *codec.Part
	msg, part int
}

func (b block) at() string { return "messages[" + itoa(b.msg) + "].content[" + itoa(b.part) + "]" }

func (t turn) has(kind codec.Kind) bool {
	is := func(b block) bool { return b.p.Kind == kind }
	return slices.ContainsFunc(t.results, is) || slices.ContainsFunc(t.parts, is)
}

// collect sorts the conversation into the system prompt and turns, and leaves out
// what has no place in either.
func (e *requestWriter) collect() error {
	for i := range e.r.System {
		p := &e.r.System[i]
		if ok, err := e.keep(p, "system["+itoa(i)+"]"); err != nil {
			return err
		} else if ok {
			e.prompt = append(e.prompt, prompt{p, "system[" + itoa(i) + "]"})
		}
	}
	begun := false
	for i := range e.r.Messages {
		m := &e.r.Messages[i]
		if err := e.refuseExtra(m.Extra, "messages."); err != nil {
			return err
		}
		if m.Name != "" {
			e.lost.Drop("messages.name")
		}
		system := m.Role == codec.RoleSystem || m.Role == codec.RoleDeveloper
		if system && begun && !e.own {
			e.lost.Drop("messages.system_position")
		}
		begun = begun || !system
		for j := range m.Parts {
			b := block{&m.Parts[j], i, j}
			if ok, err := e.keep(b.p, b.at()); err != nil {
				return err
			} else if !ok {
				continue
			}
			if system && !e.own {
				e.prompt = append(e.prompt, prompt{b.p, b.at()})
				continue
			}
			e.turn(m, b)
		}
	}
	if len(e.turns) == 0 {
		return codec.Invalid("messages", "it must hold a message of the user that is not empty")
	}
	if e.turns[0].role == string(codec.RoleAssistant) && !e.own { // the user must speak first
		e.turns = slices.Insert(e.turns, 0, turn{role: string(codec.RoleUser), parts: []block{{p: &codec.Part{Text: "Begin."}}}})
	}
	return nil
}

// turn adds a block to the last turn, or to a new one.
func (e *requestWriter) turn(m *codec.Message, b block) {
	role := string(m.Role)
	switch m.Role {
	case codec.RoleTool:
		role = string(codec.RoleUser)
	case codec.RoleDeveloper:
		role = string(codec.RoleSystem)
	}
	n := len(e.turns)
	if n == 0 || e.turns[n-1].role != role {
		e.turns = append(e.turns, turn{role: role})
		n++
	}
	t := &e.turns[n-1]
	if b.p.Kind == codec.ToolResultPart {
		t.results = append(t.results, b)
	} else {
		t.parts = append(t.parts, b)
	}
	if e.own {
		for _, f := range m.Extra {
			if extra(t.extra, f.Name) == "" {
				t.extra = append(t.extra, f)
			}
		}
	}
}

// keep says whether a part has a place in this protocol.
func (e *requestWriter) keep(p *codec.Part, at string) (bool, error) {
	if p.Signature != nil {
		e.lost.Drop("thought_signature")
	}
	switch p.Kind {
	case codec.Text, codec.Refusal:
		if p.Text == "" && p.Cache != nil {
			e.lost.Drop("messages.cache_control")
		}
		return p.Text != "", nil
	case codec.Thinking:
		t := p.Thought
		if t != nil && t.Signature != nil && t.Signature.Of == op {
			return true, nil
		}
		if p.Text != "" || t != nil && t.Signature != nil {
			e.lost.Drop("thinking")
		}
		return false, nil
	case codec.Audio:
		return false, codec.Unsupported(at, op, "it does not hear")
	case codec.Opaque:
		if p.Origin == op {
			return true, nil
		}
		kind := gjson.GetBytes(p.Raw, "type").Str
		if kind == "item_reference" {
			return false, codec.Unsupported(at, op, "it keeps no items; send the item itself")
		}
		if kind == "" {
			kind = "content"
		}
		e.lost.Drop("messages." + kind)
		return false, nil
	}
	return true, nil
}

func (e *requestWriter) system() error {
	if len(e.prompt) == 0 {
		return nil
	}
	e.w.ArrayField("system")
	for _, s := range e.prompt {
		if k := s.p.Kind; k != codec.Text && k != codec.Refusal && k != codec.Opaque {
			return codec.Unsupported(s.at, op, "its system prompt is text")
		}
		if err := e.block(s.p, s.at); err != nil {
			return err
		}
	}
	e.w.EndArray()
	return nil
}

func (e *requestWriter) conversation() error {
	w := &e.w
	w.ArrayField("messages")
	for _, t := range e.turns {
		w.Object()
		w.StringField("role", t.role)
		w.ArrayField("content")
		for _, list := range [][]block{t.results, t.parts} {
			for _, b := range list {
				if err := e.placed(t.role, b); err != nil {
					return err
				}
				if b.p.Kind == codec.ToolCallPart {
					if err := e.call(b); err != nil {
						return err
					}
				} else if err := e.block(b.p, b.at()); err != nil {
					return err
				}
			}
		}
		w.EndArray()
		e.fields(t.extra)
		w.End()
	}
	w.EndArray()
	return nil
}

// placed refuses what a role cannot say. A request of this protocol was checked
// when it was read.
func (e *requestWriter) placed(role string, b block) error {
	if role == string(codec.RoleAssistant) && (b.p.Kind == codec.Image || b.p.Kind == codec.File) && !e.own {
		return codec.Unsupported(b.at(), op, "its assistant speaks text")
	}
	if why := misplaced(codec.Role(role), b.p.Kind); why != "" {
		return codec.Invalid(b.at(), "%s", why)
	}
	return nil
}

// callAt is where a call stands, in the words of a request with tool_calls. It counts
// the calls before, so it is for errors only.
func (e *requestWriter) callAt(b block) string {
	k := 0
	for _, p := range e.r.Messages[b.msg].Parts[:b.part] {
		if p.Kind == codec.ToolCallPart {
			k++
		}
	}
	return "messages[" + itoa(b.msg) + "].tool_calls[" + itoa(k) + "]"
}

// call writes a tool call.
func (e *requestWriter) call(b block) error {
	c := b.p.Call
	switch {
	case c.Custom:
		return codec.Unsupported(e.callAt(b)+".custom", op, "its tools take JSON objects")
	case c.ID == "":
		return codec.Invalid(e.callAt(b)+".id", "it is required")
	case c.Name == "":
		return codec.Invalid(e.callAt(b)+".function.name", "it is required")
	}
	args := strings.TrimSpace(c.Arguments)
	if args == "" {
		args = "{}"
	}
	if args[0] != '{' || !gjson.Valid(args) {
		return codec.Invalid(e.callAt(b)+".function.arguments", "it must be the text of a JSON object")
	}
	if c.Namespace != "" {
		e.lost.Drop("messages.namespace")
	}
	w := &e.w
	w.Object()
	w.StringField("type", "tool_use")
	w.StringField("id", e.toolID(c.ID, true))
	w.StringField("name", c.Name)
	w.RawField("input", args)
	return e.endBlock(b.p)
}
