package messages

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// readSystem reads the system prompt.
func readSystem(v gjson.Result) ([]codec.Part, error) {
	if v.Type == gjson.Null {
		return nil, nil
	}
	parts, err := readContent(v, func(v gjson.Result) (codec.Part, error) { return readBlock(v, true) })
	if err != nil {
		return nil, err
	}
	for i, p := range parts {
		if p.Kind != codec.Text && p.Kind != codec.Opaque {
			return nil, codec.Invalid("["+itoa(i)+"].type", "only text can be a system prompt")
		}
	}
	if len(parts) > 0 && strings.HasPrefix(parts[0].Text, BillingHeader) {
		if v.IsArray() {
			parts[0] = opaque(v.Get("0"))
		} else {
			parts[0] = codec.Part{Kind: codec.Opaque, Origin: op, Raw: textBlock(parts[0].Text)}
		}
	}
	return parts, nil
}

// readMessages reads the conversation.
func readMessages(v gjson.Result) (list []codec.Message, err error) {
	list = []codec.Message{}
	tools := map[string]string{} // names by the ids of their calls
	err = elements(v, func(_ int, v gjson.Result) error {
		m, err := readMessage(v)
		if err != nil {
			return err
		}
		for _, p := range m.Parts {
			switch p.Kind {
			case codec.ToolCallPart:
				tools[p.Call.ID] = p.Call.Name
			case codec.ToolResultPart:
				p.Result.Name = tools[p.Result.CallID]
			}
		}
		list = appendMessage(list, m)
		return nil
	})
	return list, err
}

// appendMessage puts a user's tool results before the rest, as a message of their
// own.
func appendMessage(list []codec.Message, m codec.Message) []codec.Message {
	if m.Role != codec.RoleUser {
		return append(list, m)
	}
	var results, rest []codec.Part
	for i, p := range m.Parts {
		if p.Kind == codec.ToolResultPart {
			if results == nil {
				results, rest = []codec.Part{}, append(rest, m.Parts[:i]...)
			}
			results = append(results, p)
		} else if results != nil {
			rest = append(rest, p)
		}
	}
	if results == nil {
		return append(list, m)
	}
	list = append(list, codec.Message{Role: codec.RoleTool, Parts: results, Extra: m.Extra})
	if len(rest) > 0 {
		list = append(list, codec.Message{Role: codec.RoleUser, Parts: rest})
	}
	return list
}

func readMessage(v gjson.Result) (m codec.Message, err error) {
	some := false
	err = members(v, func(name string, v gjson.Result) (err error) {
		switch name {
		case "role":
			var role string
			role, err = codec.String(v, name)
			m.Role = codec.Role(role)
		case "content":
			some = true
			m.Parts, err = readContent(v, func(v gjson.Result) (codec.Part, error) { return readBlock(v, true) })
			err = within(name, err)
		default:
			m.Extra = append(m.Extra, field(name, v))
		}
		return err
	})
	switch {
	case err != nil:
		return m, err
	case m.Role != codec.RoleUser && m.Role != codec.RoleAssistant && m.Role != codec.RoleSystem:
		return m, codec.Invalid("role", "it must be user, assistant or system")
	case !some:
		return m, codec.Invalid("content", "it is required")
	}
	for i, p := range m.Parts {
		if why := misplaced(m.Role, p.Kind); why != "" {
			return m, codec.Invalid("content["+itoa(i)+"].type", "%s", why)
		}
	}
	return m, nil
}

// misplaced says why a part cannot be in a role's message; "" when it can.
func misplaced(role codec.Role, kind codec.Kind) string {
	switch {
	case role == codec.RoleSystem && kind != codec.Text && kind != codec.Opaque:
		return "a system message can only hold text"
	case role != codec.RoleAssistant && kind == codec.ToolCallPart:
		return "tool_use can only be in an assistant's message"
	case role != codec.RoleAssistant && kind == codec.Thinking:
		return "thinking can only be in an assistant's message"
	case role != codec.RoleUser && kind == codec.ToolResultPart:
		return "tool_result can only be in a user's message"
	}
	return ""
}
