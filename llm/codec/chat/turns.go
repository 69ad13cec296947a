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
	messages := e.answered()
	out := make([]codec.Message, 0, len(messages))
	for _, m := range messages {
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

// answered are the messages with the results that come late, behind what somebody
// else said, put where this protocol wants them: right behind their calls.
func (e *writer) answered() []codec.Message {
	list := e.r.Messages
	// Both by the index of the last message of the turn that has the calls.
	open, late := map[string]int{}, map[int][]codec.Part{}
	turn := func(i int) int {
		for i+1 < len(list) && list[i+1].Role == codec.RoleAssistant {
			i++
		}
		return i
	}
	behind := func(i int, p *codec.Part) bool {
		at, ok := open[p.Result.CallID]
		if !ok || i <= at {
			return false
		}
		for _, m := range list[at+1 : i] {
			if m.Role != codec.RoleTool && m.Role != codec.RoleAssistant {
				return true
			}
		}
		return false
	}
	var out []codec.Message
	for i, m := range list {
		kept := m.Parts[:0:0]
		for j := range m.Parts {
			p := &m.Parts[j]
			if p.Call != nil {
				open[p.Call.ID] = turn(i)
			}
			if p.Result != nil && behind(i, p) {
				at := open[p.Result.CallID]
				late[at] = append(late[at], *p)
				continue
			}
			kept = append(kept, *p)
		}
		m.Parts = kept
		out = append(out, m)
	}
	if len(late) == 0 {
		return list
	}
	all := make([]codec.Message, 0, len(out)+len(late))
	for i, m := range out {
		if len(m.Parts) > 0 || len(list[i].Parts) == 0 {
			all = append(all, m)
		}
		if late[i] != nil {
			all = append(all, codec.Message{Role: codec.RoleTool, Parts: late[i]})
		}
	}
	return all
}

func says(m *codec.Message) bool {
	return slices.ContainsFunc(m.Parts, func(p codec.Part) bool {
		return p.Kind == codec.Text || p.Kind == codec.Refusal || p.Media != nil
	})
}

func calls(m *codec.Message) bool {
	return slices.ContainsFunc(m.Parts, func(p codec.Part) bool { return p.Kind == codec.ToolCallPart })
}
