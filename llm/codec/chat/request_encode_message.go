package chat

import (
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func (e *writer) messages() {
	w := &e.w
	w.ArrayField("messages")
	if len(e.r.System) > 0 {
		e.message(&codec.Message{Role: codec.RoleSystem, Parts: e.r.System})
	}
	turns := e.turns()
	for i := range turns {
		e.message(&turns[i])
	}
	e.flush()
	w.EndArray()
}

// message writes the one or more messages that m becomes: a message for each tool
// result, and one for what else there is.
func (e *writer) message(m *codec.Message) {
	others := make([]codec.Part, 0, len(m.Parts))
	results := 0
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Kind == codec.ToolResultPart {
			e.toolResult(m, p)
			results++
		} else {
			others = append(others, *p)
		}
	}
	if len(others) == 0 && results > 0 {
		return
	}
	e.flush()
	switch m.Role {
	case codec.RoleAssistant:
		e.assistant(m, others)
	case codec.RoleTool, codec.RoleUser:
		e.plain(m, "user", others)
	case codec.RoleDeveloper:
		role := "developer"
		if e.t.Caps.SystemOnly {
			role = "system"
		}
		e.plain(m, role, others)
	default:
		e.plain(m, "system", others)
	}
}

// flush writes what tool results could not hold. It must stand behind all results
// of the turn: servers want these together.
func (e *writer) flush() {
	if len(e.late) == 0 {
		return
	}
	late := e.late
	e.late = nil
	e.plain(&codec.Message{Role: codec.RoleUser}, "user", late)
}

// plain writes a message of content alone.
func (e *writer) plain(m *codec.Message, role string, parts []codec.Part) {
	parts = e.carried(parts, role)
	if len(parts) == 0 && !e.own() {
		return // another protocol's message of things that are left out
	}
	e.w.Object()
	e.w.StringField("role", role)
	e.str("name", m.Name)
	e.w.Name("content")
	e.content(parts, role)
	extras(&e.w, m.Extra, e.r.From, e.lost, "messages.")
	e.w.End()
}

// carried are the parts that have a form here; the others are reported or refused.
func (e *writer) carried(parts []codec.Part, role string) []codec.Part {
	return slices.DeleteFunc(slices.Clone(parts), func(p codec.Part) bool {
		switch p.Kind {
		case codec.Text:
			return p.Text == "" && (p.Cache == nil || !e.own()) && p.Extra == nil
		case codec.Opaque:
			return p.Origin != op && e.opaque(&p, role)
		case codec.Thinking, codec.ToolCallPart, codec.ToolResultPart:
			return true // these stand elsewhere in a message
		}
		return false
	})
}

// opaque decides on a part that only its own protocol understands. What the caller
// said must not go missing; the trace of a tool that a provider ran can.
func (e *writer) opaque(p *codec.Part, role string) bool {
	kind := opaqueType(p)
	if p.Origin == llm.AnthropicMessages && kind == "text" && (role == "system" || role == "developer") {
		e.lost.Drop("messages.billing_header") // Claude Code's, which differs in every call
		return true
	}
	if role != "assistant" || kind == "item_reference" || strings.HasPrefix(kind, "compaction") {
		e.refuse("messages."+kind, "only the protocol that it came in knows it")
		return true
	}
	e.lost.Drop("messages." + kind)
	return true
}

// assistant writes a turn of the model: its thoughts, what it said, what it called.
func (e *writer) assistant(m *codec.Message, parts []codec.Part) {
	var thoughts, said, calls []codec.Part
	var gemini *codec.Signature // given ahead of the call whose it is
	for _, p := range parts {
		switch p.Kind {
		case codec.Thinking:
			if p.Thought == nil {
				p.Thought = &codec.Thought{}
			}
			if s := p.Thought.Signature; s != nil && s.Of == llm.GeminiGenerate && p.Thought.Redacted {
				gemini = s
				continue
			}
			thoughts = append(thoughts, p)
		case codec.ToolCallPart:
			if p.Signature == nil {
				p.Signature = gemini
			}
			gemini = nil
			calls = append(calls, p)
		default:
			said = append(said, p)
		}
	}
	if gemini != nil {
		e.lost.Drop("thinking")
	}
	said = e.carried(said, "assistant")
	if !e.own() {
		said = slices.DeleteFunc(said, func(p codec.Part) bool {
			if p.Media == nil {
				return false
			}
			e.lost.Drop("messages.assistant_" + kindNames[p.Kind])
			e.late = append(e.late, p) // the model cannot have said it here
			return true
		})
	}
	if !e.keepThoughts(thoughts) {
		thoughts = nil
	}
	if len(thoughts)+len(said)+len(calls) == 0 && !e.own() {
		return // a turn of nothing but what is left out
	}
	w := &e.w
	w.Object()
	w.StringField("role", "assistant")
	e.str("name", m.Name)
	vessels(w, thoughts, true)
	if e.own() || e.t.Caps.ReasoningContent {
		e.str("reasoning_content", thoughtText(thoughts))
	}
	e.said(said, len(calls) > 0)
	if len(calls) > 0 {
		w.ArrayField("tool_calls")
		for i := range calls {
			e.toolCall(&calls[i])
		}
		w.EndArray()
	}
	extras(w, m.Extra, e.r.From, e.lost, "messages.")
	w.End()
}

// said writes content and refusal.
func (e *writer) said(said []codec.Part, called bool) {
	var refusal strings.Builder
	content := said
	if n := len(said); !e.own() {
		content = slices.DeleteFunc(slices.Clone(said), func(p codec.Part) bool {
			if p.Kind == codec.Refusal {
				refusal.WriteString(p.Text)
			}
			return p.Kind == codec.Refusal
		})
	} else if n > 0 && said[n-1].Kind == codec.Refusal && said[n-1].Cache == nil && said[n-1].Extra == nil {
		content = said[:n-1]
		refusal.WriteString(said[n-1].Text)
	}
	e.w.Name("content")
	if len(content) == 0 && (called || refusal.Len() > 0) {
		e.w.Null()
	} else {
		e.content(content, "assistant")
	}
	e.str("refusal", refusal.String())
}

// keepThoughts says whether there is one that the upstream wants back: one that it
// signed itself, or a text where it takes that. Another's signature is reported; a
// mere text is not, as the protocol never takes it.
func (e *writer) keepThoughts(thoughts []codec.Part) (some bool) {
	for i := range thoughts {
		s := thoughts[i].Thought.Signature
		switch {
		case s != nil && s.Of == op:
			some = true
		case s != nil:
			e.lost.Drop("thinking")
		}
		if thoughts[i].Text != "" && (e.own() || e.t.Caps.ReasoningContent) {
			some = true
		}
	}
	return some
}
