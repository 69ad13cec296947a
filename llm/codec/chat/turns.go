package chat

import (
	"slices"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// turns are the messages with those of the assistant put together that this protocol
// has one message for: in Responses each thought, text and call is an item of its
// own, while here all calls of a turn must stand together before their results. Two
// texts with no call between stay two messages.
func (e *writer) turns() []codec.Message {
	if e.own() {
		return e.r.Messages
	}
	out := make([]codec.Message, 0, len(e.r.Messages))
	for _, m := range e.r.Messages {
		n := len(out)
		if n == 0 || m.Role != codec.RoleAssistant || out[n-1].Role != codec.RoleAssistant {
			out = append(out, m)
			continue
		}
		last := &out[n-1]
		both := says(last) && says(&m)
		switch {
		case both && !calls(last):
			out = append(out, m)
			continue
		case both:
			last.Parts = slices.Concat(last.Parts, []codec.Part{{Text: blank}}, m.Parts)
		default:
			last.Parts = slices.Concat(last.Parts, m.Parts)
		}
		last.Extra = slices.Concat(last.Extra, m.Extra)
	}
	return out
}

func says(m *codec.Message) bool {
	return slices.ContainsFunc(m.Parts, func(p codec.Part) bool {
		return p.Kind == codec.Text || p.Kind == codec.Refusal || p.Media != nil
	})
}

func calls(m *codec.Message) bool {
	return slices.ContainsFunc(m.Parts, func(p codec.Part) bool { return p.Kind == codec.ToolCallPart })
}
