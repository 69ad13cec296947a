package responses

import (
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// instructions writes the system's text. It returns false when that needs the form
// of an item: it marks what to cache, or holds more than text.
func (e *encoder) instructions() (asItem bool) {
	text := ""
	for i, p := range e.r.System {
		if p.Kind != codec.Text || p.Cache != nil {
			return true
		}
		if i > 0 {
			text += "\n\n"
		}
		text += p.Text
	}
	for _, p := range e.r.System {
		e.members("system.", p.Extra)
	}
	e.optional("instructions", text)
	return false
}

func (e *encoder) input(systemAsItem bool) error {
	if len(e.r.Messages) == 0 && !systemAsItem && e.own && hasState(e.r) {
		return nil
	}
	e.ArrayField("input")
	if systemAsItem {
		if err := e.message(&codec.Message{Role: codec.RoleSystem, Parts: e.r.System}, "system"); err != nil {
			return err
		}
	}
	for i := range e.r.Messages {
		if err := e.message(&e.r.Messages[i], "messages["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	e.EndArray()
	return nil
}

// message writes the items of one message: runs of content become message items,
// and whatever else stands between them an item of its own.
func (e *encoder) message(m *codec.Message, at string) error {
	if m.Name != "" {
		e.lost.Drop("messages.name")
	}
	if !e.own {
		e.members("messages.", m.Extra)
	}
	if len(m.Parts) == 0 {
		if e.own { // an empty message is one, too
			e.beginMessage(m, true)
			e.endMessage()
		}
		return nil
	}
	open, first := false, true
	for j := range m.Parts {
		p := &m.Parts[j]
		at := at + ".content[" + strconv.Itoa(j) + "]"
		if !inMessage(p) {
			if open {
				e.endMessage()
				open = false
			}
			if err := e.item(p, at); err != nil {
				return err
			}
			continue
		}
		if p.Kind == codec.Opaque && p.Origin != op {
			e.dropOpaque(p)
			continue
		}
		if p.Kind == codec.Text && p.Text == "" && p.Cache == nil && !e.own { // the ends of Gemini's streams
			e.dropIf(p.Signature != nil, "thinking")
			continue
		}
		if !open && e.isEasy(m, j) {
			e.easy(p)
			continue
		}
		if !open {
			e.beginMessage(m, first)
			open, first = true, false
		}
		if err := e.part(p, m.Role, at); err != nil {
			return err
		}
	}
	if open {
		e.endMessage()
	}
	return nil
}

func inMessage(p *codec.Part) bool {
	switch p.Kind {
	case codec.ToolCallPart, codec.ToolResultPart, codec.Thinking:
		return false
	case codec.Opaque:
		return p.Origin != op || isContent(gjson.GetBytes(p.Raw, "type").Str)
	}
	return true
}

func (e *encoder) beginMessage(m *codec.Message, first bool) {
	role := m.Role
	if role == codec.RoleTool { // more than results: what came with them is the user's
		role = codec.RoleUser
	}
	e.Object()
	e.StringField("type", "message")
	if e.own && first {
		e.optional("id", m.ID)
		if m.ID != "" && role == codec.RoleAssistant && extra(m.Extra, "status") == nil {
			e.StringField("status", "completed")
		}
	}
	e.StringField("role", string(role))
	if e.own && first {
		e.fields(m.Extra, "")
	}
	e.ArrayField("content")
}

// isEasy says whether a part stands alone as a message of the assistant, whose form
// with a list of parts wants the ids that another protocol does not have.
func (e *encoder) isEasy(m *codec.Message, j int) bool {
	p := &m.Parts[j]
	return !e.own && m.Role == codec.RoleAssistant && p.Kind == codec.Text && len(p.Annotations) == 0 &&
		(j+1 == len(m.Parts) || !inMessage(&m.Parts[j+1]))
}

func (e *encoder) easy(p *codec.Part) {
	e.dropIf(p.Cache != nil, "messages.cache_control")
	e.dropIf(p.Signature != nil, "thinking")
	e.Object()
	e.StringField("type", "message")
	e.StringField("role", string(codec.RoleAssistant))
	e.StringField("content", p.Text)
	e.members("messages.", p.Extra)
	e.End()
}

func (e *encoder) endMessage() { e.EndArray(); e.End() }

func (e *encoder) dropOpaque(p *codec.Part) {
	kind := gjson.GetBytes(p.Raw, "type").Str
	if kind == "" {
		kind = "content"
	}
	e.lost.Drop("messages." + kind)
}
