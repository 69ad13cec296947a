package gemini

import (
	"slices"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// turn is one content: messages that stand together in it.
type turn struct {
	role     string // user or model
	messages []int
}

// conversation writes systemInstruction and contents.
func (e *encoder) conversation() error {
	turns := e.turns()
	system, err := e.system(len(turns) == 0)
	if err != nil {
		return err
	}
	alone := len(turns) == 0 && system != "" // contents must not be empty
	if alone {
		e.drop("messages.role")
	} else if system != "" || e.own && hasExtra(e.r.Extra, "systemInstruction.") {
		e.w.ObjectField("systemInstruction")
		e.w.RawField("parts", "["+system+"]")
		if e.own {
			writeExtra(&e.w, e.r.Extra, "systemInstruction.")
		}
		e.w.End()
	}
	e.w.ArrayField("contents")
	some := alone
	if alone {
		e.w.Object()
		e.w.StringField("role", "user")
		e.w.RawField("parts", "["+system+"]")
		e.w.End()
	}
	loop := e.loop()
	for _, t := range turns {
		parts, err := e.turn(t, loop)
		if err != nil {
			return err
		}
		if len(parts) == 0 && !e.own {
			continue
		}
		some = true
		e.w.Object()
		e.w.StringField("role", t.role)
		e.w.RawField("parts", "["+string(parts)+"]")
		if e.own {
			writeExtra(&e.w, e.r.Messages[t.messages[0]].Extra, "")
		}
		e.w.End()
	}
	e.w.EndArray()
	if !some {
		return codec.Invalid("messages", "there is nothing to answer in them")
	}
	return nil
}

// turns groups the messages. Those of one role become one content, results of all
// calls among them; what a caller of Gemini's protocol put in several stays so.
func (e *encoder) turns() (all []turn) {
	var before codec.Role
	for i, m := range e.r.Messages {
		if m.Role == codec.RoleSystem || m.Role == codec.RoleDeveloper {
			continue
		}
		role := "user"
		if m.Role == codec.RoleAssistant {
			role = "model"
		}
		join := len(all) > 0 && all[len(all)-1].role == role
		if join && e.own {
			join = m.Role != before && len(m.Extra) == 0 && len(m.Parts) > 0 && len(e.r.Messages[i-1].Parts) > 0
		}
		if join {
			t := &all[len(all)-1]
			t.messages = append(t.messages, i)
		} else {
			all = append(all, turn{role, []int{i}})
		}
		before = m.Role
	}
	return all
}

// system writes the parts of all that is the system's. Where it stands among the
// messages has no form.
func (e *encoder) system(alone bool) (string, error) {
	var w jsonwrite.Writer
	for i := range e.r.System {
		if err := e.part(&w, &e.r.System[i], "system", "system", i); err != nil {
			return "", err
		}
	}
	spoken := false
	for i, m := range e.r.Messages {
		if m.Role != codec.RoleSystem && m.Role != codec.RoleDeveloper {
			spoken = true
			continue
		}
		if spoken && !alone {
			e.drop("messages.role")
		}
		e.message(&m)
		for j := range m.Parts {
			if err := e.part(&w, &m.Parts[j], "messages", index("messages", i)+".content", j); err != nil {
				return "", err
			}
		}
	}
	return string(w.B), nil
}

// message reports what a message has besides its parts.
func (e *encoder) message(m *codec.Message) {
	if m.Name != "" {
		e.drop("messages.name")
	}
	if !e.own {
		e.dropExtra("messages.", m.Extra)
	}
}

// loop is the index of the first message after the last that the user spoke: from
// there on the model is still at work on it.
func (e *encoder) loop() int {
	for i := len(e.r.Messages) - 1; i >= 0; i-- {
		m := e.r.Messages[i]
		if m.Role != codec.RoleUser {
			continue
		}
		for _, p := range m.Parts {
			if p.Result == nil {
				return i + 1
			}
		}
	}
	return 0
}

// turn writes the parts of one content, with commas.
func (e *encoder) turn(t turn, loop int) ([]byte, error) {
	var w jsonwrite.Writer
	s := signer{skip: t.messages[0] >= loop && e.t.Caps.ThinkingLevel && !e.signed(t)}
	all := e.placed(t)
	for _, at := range all {
		p, i := &e.r.Messages[at.message].Parts[at.part], index("messages", at.message)
		var err error
		switch {
		case p.Thought != nil:
			e.thought(&w, p, &s)
		case p.Call != nil:
			err = e.call(&w, p, &s, i+".tool_calls", at.part)
		default:
			err = e.part(&w, p, "messages", i+".content", at.part)
		}
		if err != nil {
			return nil, err
		}
	}
	s.flush(&w)
	return w.B, nil
}

// place is where a part of a content stands in the request.
type place struct{ message, part int }

// placed lists the parts of a content. Results come in the order of their calls:
// without ids, that is how those of one tool are told apart.
func (e *encoder) placed(t turn) (all []place) {
	var results []int // where they are in all
	for _, i := range t.messages {
		e.message(&e.r.Messages[i])
		for j, p := range e.r.Messages[i].Parts {
			if p.Result != nil && !e.own {
				results = append(results, len(all))
			}
			all = append(all, place{i, j})
		}
	}
	sorted := make([]place, len(results))
	for k, at := range results {
		sorted[k] = all[at]
	}
	slices.SortStableFunc(sorted, func(a, b place) int { return e.callOf(a) - e.callOf(b) })
	for k, at := range results {
		all[at] = sorted[k]
	}
	return all
}

// callOf is the number of the call that a result answers.
func (e *encoder) callOf(at place) int {
	return e.ids.index(e.r.Messages[at.message].Parts[at.part].Result.CallID)
}
