package responses

import (
	"strconv"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// item writes a part that is an item of its own.
func (e *encoder) item(p *codec.Part, at string) error {
	switch p.Kind {
	case codec.ToolCallPart:
		e.call(p)
	case codec.ToolResultPart:
		return e.result(p, at)
	case codec.Thinking:
		e.thought(p)
	default:
		e.Raw(string(p.Raw))
	}
	return nil
}

func (e *encoder) call(p *codec.Part) {
	c := p.Call
	e.custom[c.ID], e.names[c.ID] = c.Custom, c.Name
	if p.Signature != nil { // Gemini's, which nobody else can check
		e.lost.Drop("thinking")
	}
	e.dropIf(p.Cache != nil, "messages.cache_control")
	kind, arguments := "function_call", c.Arguments
	if c.Custom {
		kind = "custom_tool_call"
	} else if arguments == "" && !e.own {
		arguments = "{}"
	}
	e.Object()
	e.StringField("type", kind)
	if e.own {
		e.optional("id", c.ItemID)
	}
	e.StringField("call_id", c.ID)
	e.StringField("name", c.Name)
	e.optional("namespace", c.Namespace)
	if c.Custom {
		e.StringField("input", arguments)
	} else {
		e.StringField("arguments", arguments)
	}
	e.members("messages.", p.Extra)
	e.End()
}

func (e *encoder) result(p *codec.Part, at string) error {
	r := p.Result
	kind := "function_call_output"
	if r.Custom || e.custom[r.CallID] {
		kind = "custom_tool_call_output"
	}
	e.dropIf(r.IsError, "messages.is_error")
	e.dropIf(p.Cache != nil && len(r.Content) == 0, "messages.cache_control")
	e.Object()
	e.StringField("type", kind)
	if e.own {
		e.optional("id", r.ItemID)
	}
	if r.CallID != "" || !e.own {
		e.StringField("call_id", r.CallID)
	}
	if e.own && r.Name != e.names[r.CallID] {
		e.optional("name", r.Name)
	}
	switch c := r.Content; {
	case len(r.Object) > 0:
		e.StringField("output", string(r.Object))
	case len(c) == 0:
		e.StringField("output", "")
	case len(c) == 1 && plainText(&c[0]) && p.Cache == nil:
		e.StringField("output", c[0].Text)
	default:
		e.ArrayField("output")
		for i := range c {
			part := c[i]
			if i == len(c)-1 && part.Cache == nil {
				part.Cache = p.Cache // the end of the result is the end of its content
			}
			if part.Kind == codec.Opaque && part.Origin != op {
				e.dropOpaque(&part)
				continue
			}
			if err := e.part(&part, codec.RoleUser, at+".content["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
		e.EndArray()
	}
	e.members("messages.", p.Extra)
	e.End()
	return nil
}

func plainText(p *codec.Part) bool {
	return p.Kind == codec.Text && p.Text != "" && p.Cache == nil && len(p.Extra) == 0 && len(p.Annotations) == 0
}

// thought writes a reasoning item. OpenAI takes back only what it has made itself:
// what proves that, or names a stored item.
func (e *encoder) thought(p *codec.Part) {
	t := p.Thought
	if t == nil {
		t = &codec.Thought{}
	}
	switch sig := t.Signature; {
	case sig != nil && sig.Of == op, sig == nil && e.own:
		e.Object()
		e.StringField("type", "reasoning")
		if e.own {
			e.optional("id", t.ID)
		}
		e.summary(p, t)
		if sig != nil {
			e.StringField("encrypted_content", sig.Value)
		}
		e.members("messages.", p.Extra)
		e.End()
	default:
		e.lost.Drop("thinking")
	}
}

func (e *encoder) summary(p *codec.Part, t *codec.Thought) {
	e.ArrayField("summary")
	switch {
	case len(t.Summary) > 0:
		for _, s := range t.Summary {
			e.typed("summary_text", s)
		}
	case p.Text != "" && !t.Content:
		e.typed("summary_text", p.Text)
	}
	e.EndArray()
	if t.Content && extra(p.Extra, "content") == nil {
		e.ArrayField("content")
		e.typed("reasoning_text", p.Text)
		e.EndArray()
	}
}

func (e *encoder) typed(kind, text string) {
	e.Object()
	e.StringField("type", kind)
	e.StringField("text", text)
	e.End()
}

// members writes what has no place, to its own protocol.
func (e *encoder) members(prefix string, list []codec.Field) {
	for _, f := range list {
		if e.own {
			e.RawField(f.Name, string(f.Value))
		} else {
			e.lost.Drop(prefix + f.Name)
		}
	}
}

// fromOpenAI says whether ids of files mean the same to the upstream.
func (e *encoder) fromOpenAI() bool { return e.r.From.Protocol() == llm.OpenAIChat.Protocol() }
