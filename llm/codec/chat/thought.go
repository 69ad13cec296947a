package chat

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// readThoughts reads the thoughts of an assistant's message in whichever form they
// are there; two forms of one message say the same. A caller (asked) is believed
// that details without a signature matter too.
func readThoughts(v gjson.Result, param string, asked bool) ([]codec.Part, error) {
	parts, err := thinkingBlocks(v.Get("thinking_blocks"), param+".thinking_blocks")
	if err != nil {
		return nil, err
	}
	said := ""
	for _, name := range [...]string{"reasoning_content", "reasoning"} {
		s, err := codec.String(v.Get(name), param+"."+name)
		if err != nil {
			return nil, err
		}
		if said == "" {
			said = s
		}
	}
	details := v.Get("reasoning_details")
	if _, err := elements(details, param+".reasoning_details"); err != nil {
		return nil, err
	}
	if list := details.Array(); details.IsArray() && len(list) > 0 {
		signed := asked
		var all strings.Builder
		for _, e := range list {
			text, s := detail(e)
			all.WriteString(text)
			signed = signed || s
		}
		p := codec.Part{Kind: codec.Thinking, Text: all.String(), Thought: &codec.Thought{}}
		if p.Text == "" && len(parts) == 0 {
			p.Text = said
		}
		if p.Text == "" && !signed {
			return parts, nil
		}
		p.Thought.Redacted = p.Text == ""
		if signed {
			p.Thought.Signature = &codec.Signature{Of: op, Value: details.Raw}
		}
		return append(parts, p), nil
	}
	if said != "" && !hasText(parts) {
		p := codec.Part{Kind: codec.Thinking, Text: said, Thought: &codec.Thought{}}
		parts = append([]codec.Part{p}, parts...)
	}
	return parts, nil
}

func hasText(parts []codec.Part) bool {
	for i := range parts {
		if parts[i].Text != "" {
			return true
		}
	}
	return false
}

// detail returns the text of an element of reasoning_details, and whether it holds
// what its provider must see again.
func detail(v gjson.Result) (text string, signed bool) {
	for _, name := range [...]string{"signature", "data"} {
		if s := v.Get(name); s.Type == gjson.String && s.Str != "" {
			signed = true
		}
	}
	for _, name := range [...]string{"text", "summary"} {
		if s := v.Get(name); s.Type == gjson.String {
			return s.Str, signed
		}
	}
	return "", signed
}

func thinkingBlocks(v gjson.Result, param string) ([]codec.Part, error) {
	list, err := elements(v, param)
	if err != nil {
		return nil, err
	}
	var parts []codec.Part
	for i, e := range list {
		param := at(param, i)
		if err := object(e, param); err != nil {
			return nil, err
		}
		p := codec.Part{Kind: codec.Thinking, Thought: &codec.Thought{}}
		var sig string
		var err1, err2 error
		switch e.Get("type").Str {
		case "thinking":
			p.Text, err1 = codec.String(e.Get("thinking"), param+".thinking")
			sig, err2 = codec.String(e.Get("signature"), param+".signature")
		case "redacted_thinking":
			p.Thought.Redacted = true
			sig, err1 = codec.String(e.Get("data"), param+".data")
		default:
			err1 = codec.Invalid(param+".type", `it must be "thinking" or "redacted_thinking"`)
		}
		if err := first(err1, err2); err != nil {
			return nil, err
		}
		p.Thought.Signature = codec.Carried(op, sig)
		if p.Text == "" && p.Thought.Signature == nil {
			continue
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// isDetails tells a signature that is OpenRouter's reasoning_details from one that
// is a mere text.
func isDetails(s *codec.Signature) bool {
	return s != nil && s.Of == op && strings.HasPrefix(s.Value, "[") && gjson.Valid(s.Value)
}

// vessels writes the members that carry signatures. For an upstream (own) these are
// only those that it gave itself; a caller is given all of them, and the thoughts among
// them that have none, as the mere text of all of them does not tell those apart.
func vessels(w *jsonwrite.Writer, thoughts []codec.Part, own bool) {
	blocks, details, plain := false, false, false
	for i := range thoughts {
		switch s := thoughts[i].Thought.Signature; {
		case isDetails(s):
			details = true
		case s != nil && (s.Of == op || !own):
			blocks = true
		case s == nil:
			plain = plain || thoughts[i].Text != "" && !own
		}
	}
	if blocks || details && plain {
		w.ArrayField("thinking_blocks")
		for i := range thoughts {
			t := thoughts[i].Thought
			if isDetails(t.Signature) || own && (t.Signature == nil || t.Signature.Of != op) || t.Signature == nil && thoughts[i].Text == "" {
				continue
			}
			w.Object()
			if t.Signature == nil {
				w.StringField("type", "thinking")
				w.StringField("thinking", thoughts[i].Text)
			} else if t.Redacted {
				w.StringField("type", "redacted_thinking")
				w.StringField("data", codec.Carry(op, *t.Signature))
			} else {
				w.StringField("type", "thinking")
				w.StringField("thinking", thoughts[i].Text)
				w.StringField("signature", codec.Carry(op, *t.Signature))
			}
			w.End()
		}
		w.EndArray()
	}
	if details {
		w.ArrayField("reasoning_details")
		for i := range thoughts {
			if s := thoughts[i].Thought.Signature; isDetails(s) {
				list := strings.TrimSpace(s.Value)
				if list = list[1 : len(list)-1]; strings.TrimSpace(list) != "" {
					w.Raw(list) // what is signed stays as it is
				}
			}
		}
		w.EndArray()
	}
}

// blank stands between two thoughts that become one text.
const blank = "\n\n"

// apart is the text of a thought behind another, with a blank line before it unless it
// has one, which an upstream that is a gateway too may have put there.
func apart(text string) string {
	if strings.HasPrefix(text, blank) {
		return text
	}
	return blank + text
}

// thoughtText is the text of all thoughts, with a blank line between two.
func thoughtText(thoughts []codec.Part) string {
	var b strings.Builder
	for i := range thoughts {
		s := thoughts[i].Text
		if t := thoughts[i].Thought; len(t.Summary) > 1 {
			s = strings.Join(t.Summary, blank)
		}
		if s == "" {
			continue
		}
		if b.Len() > 0 {
			s = apart(s)
		}
		b.WriteString(s)
	}
	return b.String()
}
