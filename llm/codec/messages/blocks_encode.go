package messages

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// block writes one content block, other than a tool call.
func (e *requestWriter) block(p *codec.Part, at string) error {
	w := &e.w
	if p.Kind == codec.Opaque {
		if gjson.GetBytes(p.Raw, "cache_control").IsObject() {
			e.breakpoints++
		}
		w.Raw(string(p.Raw))
		return nil
	}
	w.Object()
	switch p.Kind {
	case codec.Text, codec.Refusal:
		w.StringField("type", "text")
		w.StringField("text", p.Text)
		e.citations(p.Annotations)
	case codec.Thinking:
		thought(w, p.Thought.Redacted, p.Text, p.Thought.Signature.Value)
	case codec.Image, codec.File:
		if err := e.media(p, at); err != nil {
			return err
		}
	case codec.ToolResultPart:
		if err := e.result(p.Result, at); err != nil {
			return err
		}
	default:
		return codec.Unsupported(at, op, "it has no such content")
	}
	return e.endBlock(p)
}

// endBlock writes what every block may have.
func (e *requestWriter) endBlock(p *codec.Part) error {
	e.cache(p.Cache)
	for _, f := range p.Extra {
		switch {
		case e.own && f.Name == "source" && p.Media != nil: // written as it came
		case e.own:
			e.w.RawField(f.Name, string(f.Value))
		case some(f.Value):
			e.lost.Drop("messages." + f.Name)
		}
	}
	e.w.End()
	return nil
}

// thought writes the members of a block of thinking.
func thought(w *jsonwrite.Writer, redacted bool, text, signature string) {
	if redacted {
		w.StringField("type", "redacted_thinking")
		w.StringField("data", signature)
		return
	}
	w.StringField("type", "thinking")
	w.StringField("thinking", text)
	w.StringField("signature", signature)
}

// cache writes a cache_control, unless there are as many as a request may have.
func (e *requestWriter) cache(c *codec.Cache) {
	if c == nil {
		return
	}
	if e.breakpoints++; e.breakpoints > maxBreakpoints {
		e.lost.Drop("messages.cache_control")
		return
	}
	writeCache(&e.w, c, e.own, e.lost)
}

func writeCache(w *jsonwrite.Writer, c *codec.Cache, own bool, lost *codec.Losses) {
	w.ObjectField("cache_control")
	if extra(c.Extra, "type") == "" {
		w.StringField("type", "ephemeral")
	}
	if c.TTL == "5m" || c.TTL == "1h" || c.TTL != "" && own {
		w.StringField("ttl", c.TTL)
	} else if c.TTL != "" {
		lost.Drop("messages.cache_control.ttl")
	}
	for _, f := range c.Extra {
		if own {
			w.RawField(f.Name, string(f.Value))
		} else {
			lost.Drop("messages.cache_control." + f.Name)
		}
	}
	w.End()
}

// citations writes those that Anthropic gave. It verifies them, so that others
// cannot be made up, nor those that answers of other providers were given in.
func (e *requestWriter) citations(list []codec.Annotation) {
	begun := false
	for _, a := range list {
		if index := gjson.GetBytes(a.Raw, "encrypted_index"); a.Origin != op || index.Exists() && index.Str == "" {
			e.lost.Drop("messages.annotations")
			continue
		}
		if !begun {
			e.w.ArrayField("citations")
			begun = true
		}
		e.w.Raw(string(a.Raw))
	}
	if begun {
		e.w.EndArray()
	}
}

// result writes the members of a tool's result.
func (e *requestWriter) result(r *codec.ToolResult, at string) error {
	w := &e.w
	if r.CallID == "" {
		return codec.Invalid(at+".tool_call_id", "it is required")
	}
	w.StringField("type", "tool_result")
	w.StringField("tool_use_id", e.toolID(r.CallID, false))
	if some(r.Object) {
		w.ArrayField("content")
		w.Raw(string(textBlock(string(r.Object))))
		w.EndArray()
	} else {
		begun := false
		for i := range r.Content {
			p := &r.Content[i]
			at := at + ".content[" + itoa(i) + "]"
			if ok, err := e.keep(p, at); err != nil {
				return err
			} else if !ok {
				continue
			}
			switch p.Kind {
			case codec.Text, codec.Refusal, codec.Image, codec.File, codec.Opaque:
			default:
				return codec.Unsupported(at, op, "the result of a tool cannot hold it")
			}
			if !begun {
				w.ArrayField("content")
				begun = true
			}
			if err := e.block(p, at); err != nil {
				return err
			}
		}
		if begun {
			w.EndArray()
		}
	}
	if r.IsError {
		w.BoolField("is_error", true)
	}
	return nil
}

// textBlock is the JSON of a text.
func textBlock(text string) []byte {
	var w jsonwrite.Writer
	w.Object()
	w.StringField("type", "text")
	w.StringField("text", text)
	w.End()
	return w.B
}

// toolID is the id of a call or, after it, of its result. Other protocols' servers
// take one id for calls of two turns, Anthropic's does not.
func (e *requestWriter) toolID(id string, call bool) string {
	if e.own {
		return toolID(id)
	}
	if call {
		if e.calls == nil {
			e.calls = map[string]int{}
		}
		e.calls[id]++
	}
	if n := e.calls[id]; n > 1 {
		id += "_again" + itoa(n)
	}
	return toolID(id)
}

// toolID makes an id that Anthropic takes of any other, always the same one: an id
// stands in a call and in its result.
func toolID(id string) string {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
	}
	if strings.IndexFunc(id, func(r rune) bool { return !ok(r) }) < 0 {
		return id
	}
	sum := sha256.Sum256([]byte(id)) // ids that differ must stay so
	return strings.Map(func(r rune) rune {
		if ok(r) {
			return r
		}
		return '_'
	}, id) + "_" + hex.EncodeToString(sum[:6])
}
