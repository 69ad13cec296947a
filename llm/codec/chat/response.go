package chat

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// DecodeResponse reads a chat.completion. An error in the place of an answer is
// returned as one.
func (chat) DecodeResponse(body []byte) (*codec.Response, error) {
	v := gjson.ParseBytes(body)
	if e := v.Get("error"); set(e) {
		return nil, streamError(e)
	}
	list := v.Get("choices")
	if !list.IsArray() {
		return nil, llm.Errorf(llm.CodeUpstream, "the upstream's answer has no choices")
	}
	r := &codec.Response{From: op}
	readHead(r, v)
	r.Usage = readUsage(v.Get("usage"))
	for i, c := range list.Array() {
		choice, extra := readChoice(c, i)
		if slices.ContainsFunc(choice.Parts, func(p codec.Part) bool { return p.Call != nil && p.Call.Name == "" }) {
			return nil, errNoName()
		}
		r.Choices = append(r.Choices, choice)
		r.Extra = append(r.Extra, extra...)
	}
	return r, nil
}

// readHead reads the members that an answer has in common with the chunks of a
// stream.
func readHead(r *codec.Response, v gjson.Result) {
	codec.Each(v, func(name, m gjson.Result) bool {
		switch name.Str {
		case "id":
			r.ID = m.String()
		case "model":
			r.Model = m.String()
		case "created":
			r.Created = m.Int()
		case "service_tier":
			r.ServiceTier = m.String()
		case "object", "choices", "usage", "obfuscation":
		default:
			if !strings.HasPrefix(name.Str, inChoices) { // which are the names of members elsewhere
				r.Extra = keep(r.Extra, name.Str, m)
			}
		}
		return true
	})
}

func readChoice(v gjson.Result, position int) (c codec.Choice, extra []codec.Field) {
	c.Index = position
	prefix := prefixOf(position)
	codec.Each(v, func(name, m gjson.Result) bool {
		switch name.Str {
		case "index":
			if m.Type == gjson.Number {
				c.Index = int(m.Int())
			}
		case "message":
			var more []codec.Field
			c.Parts, more = readAnswer(m)
			for _, f := range more {
				extra = append(extra, codec.Field{Name: prefix + "message." + f.Name, Value: f.Value})
			}
		case "logprobs":
			if set(m) {
				c.Logprobs = json.RawMessage(m.Raw)
			}
		case "finish_reason", "error":
		default:
			extra = keep(extra, prefix+name.Str, m)
		}
		return true
	})
	called := false
	for i := range c.Parts {
		called = called || c.Parts[i].Kind == codec.ToolCallPart
	}
	c.Finish = finishOf(v.Get("finish_reason").Str, called)
	if e := v.Get("error"); set(e) {
		c.Reason, c.Message = codec.ReasonError, streamError(e).Message
	}
	return c, extra
}

// readAnswer reads the message of a choice. Unlike a caller's, an upstream's is not
// refused for a member that is odd.
func readAnswer(v gjson.Result) (parts []codec.Part, extra []codec.Field) {
	thoughts, err := readThoughts(v, "message", false)
	if err != nil {
		thoughts = nil
		if s := v.Get("reasoning_content"); s.Type == gjson.String && s.Str != "" {
			thoughts = []codec.Part{{Kind: codec.Thinking, Text: s.Str, Thought: &codec.Thought{}}}
		}
	}
	parts = append(thoughts, readSaid(v.Get("content"))...)
	if s := v.Get("refusal"); s.Type == gjson.String && s.Str != "" {
		parts = append(parts, codec.Part{Kind: codec.Refusal, Text: s.Str})
	}
	if list := readAnnotations(v.Get("annotations")); len(list) > 0 {
		annotate(parts, list)
	}
	codec.Each(v.Get("images"), func(_, e gjson.Result) bool {
		if p, err := readShown(e); err == nil {
			parts = append(parts, p)
		}
		return true
	})
	if a := v.Get("audio"); a.IsObject() {
		p := codec.Part{Kind: codec.Audio, Media: &codec.Media{Data: a.Get("data").Str}}
		codec.Each(a, func(name, m gjson.Result) bool {
			if name.Str != "data" {
				p.Extra = keep(p.Extra, name.Str, m)
			}
			return true
		})
		parts = append(parts, p)
	}
	calls := v.Get("tool_calls")
	codec.Each(calls, func(_, e gjson.Result) bool {
		parts = append(parts, readCall(e))
		return true
	})
	if f := v.Get("function_call"); f.IsObject() && len(calls.Array()) == 0 {
		parts = append(parts, codec.Part{Kind: codec.ToolCallPart, Call: &codec.ToolCall{
			ID: codec.NewID("call_"), Name: f.Get("name").Str, Arguments: arguments(f.Get("arguments"))}})
	}
	codec.Each(v, func(name, m gjson.Result) bool {
		if !answerMembers[name.Str] {
			extra = keep(extra, name.Str, m)
		}
		return true
	})
	return parts, extra
}

var answerMembers = members("refusal", "annotations", "images", "audio", "tool_calls", "function_call",
	"reasoning_content", "reasoning", "reasoning_details", "thinking_blocks")

// readSaid reads a content that is a string, or Mistral's list, whose thoughts are
// lists of texts.
func readSaid(v gjson.Result) (parts []codec.Part) {
	if v.Type == gjson.String && v.Str != "" {
		return []codec.Part{{Text: v.Str}}
	}
	if !v.IsArray() {
		return nil
	}
	for _, e := range v.Array() {
		if e.Get("type").Str == "thinking" {
			if s := joinTexts(e.Get("thinking")); s != "" {
				parts = append(parts, codec.Part{Kind: codec.Thinking, Text: s, Thought: &codec.Thought{}})
			}
		} else if p, err := readShown(e); err == nil && (p.Kind != codec.Text || p.Text != "") {
			parts = append(parts, p)
		}
	}
	return parts
}

// readShown reads a part of an answer. The number of an image is that of its place among
// them, which is written anew.
func readShown(v gjson.Result) (codec.Part, error) {
	p, err := readPart(v, "content")
	if p.Kind == codec.Image {
		p.Extra = slices.DeleteFunc(p.Extra, func(f codec.Field) bool { return f.Name == "index" })
	}
	return p, err
}

// joinTexts is the text of a string, or of a list of parts with a text.
func joinTexts(v gjson.Result) (s string) {
	if v.Type == gjson.String {
		return v.Str
	}
	codec.Each(v, func(_, e gjson.Result) bool {
		s += e.Get("text").Str
		return true
	})
	return s
}

// readCall reads a tool call of an answer; one without an id is given one.
func readCall(v gjson.Result) codec.Part {
	call := &codec.ToolCall{ID: v.Get("id").Str, Name: v.Get("function.name").Str}
	p := codec.Part{Kind: codec.ToolCallPart, Call: call}
	if c := v.Get("custom"); c.IsObject() {
		call.Custom, call.Name, call.Arguments = true, c.Get("name").Str, c.Get("input").Str
	} else {
		call.Arguments = arguments(v.Get("function.arguments"))
	}
	if call.ID == "" {
		call.ID = codec.NewID("call_")
	}
	if x := v.Get("extra_content"); set(x) {
		p.Signature, p.Extra = extraContent(x, nil)
	}
	return p
}

// arguments reads a call's arguments, which Ollama and others send as an object.
func arguments(v gjson.Result) string {
	if v.IsObject() {
		return v.Raw
	}
	return v.Str
}

// inChoices begins the names that keep members of choices, as "message.x" of the first
// is kept as "choices[0].message.x".
const inChoices = "choices["

func prefixOf(position int) string { return inChoices + strconv.Itoa(position) + "]." }
