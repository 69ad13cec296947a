package chat

import (
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func (d *reader) messages(v gjson.Result) error {
	list, err := elements(v, "messages")
	if err != nil {
		return err
	}
	d.r.Messages = make([]codec.Message, 0, len(list))
	for i, e := range list {
		m, err := d.message(e, at("messages", i), i)
		if err != nil {
			return err
		}
		d.r.Messages = append(d.r.Messages, m)
	}
	return nil
}

// roles are the roles of a message. "function" is the older word for "tool".
var roles = map[string]codec.Role{
	"system": codec.RoleSystem, "developer": codec.RoleDeveloper, "user": codec.RoleUser,
	"assistant": codec.RoleAssistant, "tool": codec.RoleTool, "function": codec.RoleTool,
}

func (d *reader) message(v gjson.Result, param string, index int) (m codec.Message, err error) {
	if err := object(v, param); err != nil {
		return m, err
	}
	word := v.Get("role").Str
	role, ok := roles[word]
	if !ok {
		return m, codec.Invalid(param+".role", "it must be system, developer, user, assistant or tool")
	}
	m.Role = role
	var errs [5]error
	var cache *codec.Cache
	m.Name, errs[0] = codec.String(v.Get("name"), param+".name")
	m.Parts, errs[1] = readContent(v.Get("content"), param+".content")
	cache, errs[2] = cacheControl(v.Get("cache_control"), param+".cache_control")
	if err := first(errs[:]...); err != nil {
		return m, err
	}
	known := messageMembers
	switch role {
	case codec.RoleAssistant:
		known = assistantMembers
		err = d.assistant(&m, v, param, index)
	case codec.RoleTool:
		known = toolMembers
		err = d.toolResult(&m, v, param, word == "function")
	}
	if err != nil {
		return m, err
	}
	codec.Each(v, func(name, member gjson.Result) bool {
		if !known[name.Str] {
			m.Extra = keep(m.Extra, name.Str, member)
		}
		return true
	})
	if n := len(m.Parts); cache == nil {
	} else if n > 0 && m.Parts[n-1].Cache == nil && m.Parts[n-1].Kind != codec.Thinking && m.Parts[n-1].Kind != codec.Opaque {
		m.Parts[n-1].Cache = cache
	} else {
		m.Extra = keep(m.Extra, "cache_control", v.Get("cache_control"))
	}
	return m, nil
}

func members(names ...string) map[string]bool {
	m := map[string]bool{"role": true, "name": true, "content": true, "cache_control": true}
	for _, n := range names {
		m[n] = true
	}
	return m
}

var (
	messageMembers   = members()
	toolMembers      = members("tool_call_id")
	assistantMembers = members("refusal", "tool_calls", "function_call",
		"reasoning_content", "reasoning", "reasoning_details", "thinking_blocks")
)

// assistant adds what only an assistant's message has: thoughts first, calls last.
func (d *reader) assistant(m *codec.Message, v gjson.Result, param string, index int) error {
	thoughts, err := readThoughts(v, param, true)
	if err != nil {
		return err
	}
	if len(thoughts) > 0 {
		m.Parts = append(thoughts, m.Parts...)
	}
	refusal, err := codec.String(v.Get("refusal"), param+".refusal")
	if err != nil {
		return err
	}
	if refusal != "" {
		m.Parts = append(m.Parts, codec.Part{Kind: codec.Refusal, Text: refusal})
	}
	list, err := elements(v.Get("tool_calls"), param+".tool_calls")
	if err != nil {
		return err
	}
	for i, e := range list {
		p, err := d.toolCall(e, at(param+".tool_calls", i))
		if err != nil {
			return err
		}
		m.Parts = append(m.Parts, p)
	}
	if f := v.Get("function_call"); set(f) {
		if err := object(f, param+".function_call"); err != nil {
			return err
		}
		name, err1 := text(f.Get("name"), param+".function_call.name")
		args, err2 := codec.String(f.Get("arguments"), param+".function_call.arguments")
		// The form has no id; the place in the conversation makes one that stays.
		call := &codec.ToolCall{ID: "call_" + strconv.Itoa(index), Name: name, Arguments: args}
		d.pending = append(d.pending, call)
		d.calls[call.ID] = call
		m.Parts = append(m.Parts, codec.Part{Kind: codec.ToolCallPart, Call: call})
		return first(err1, err2)
	}
	return nil
}

func (d *reader) toolCall(v gjson.Result, param string) (p codec.Part, err error) {
	if err := object(v, param); err != nil {
		return p, err
	}
	call := &codec.ToolCall{}
	kind := v.Get("type").Str
	if kind == "" && v.Get("function").Exists() {
		kind = "function"
	}
	var errs [4]error
	call.ID, errs[0] = text(v.Get("id"), param+".id")
	inner := v.Get("function")
	switch kind {
	case "function":
		errs[1] = object(inner, param+".function")
		call.Name, errs[2] = text(inner.Get("name"), param+".function.name")
		call.Arguments, errs[3] = codec.String(inner.Get("arguments"), param+".function.arguments")
		p.Extra = keepRest(nil, "function", inner, "name", "arguments")
	case "custom":
		inner, call.Custom = v.Get("custom"), true
		errs[1] = object(inner, param+".custom")
		call.Name, errs[2] = text(inner.Get("name"), param+".custom.name")
		call.Arguments, errs[3] = codec.String(inner.Get("input"), param+".custom.input")
		p.Extra = keepRest(nil, "custom", inner, "name", "input")
	default:
		errs[1] = codec.Invalid(param+".type", `it must be "function" or "custom"`)
	}
	if err := first(errs[:]...); err != nil {
		return p, err
	}
	p.Kind, p.Call = codec.ToolCallPart, call
	d.calls[call.ID] = call
	codec.Each(v, func(name, m gjson.Result) bool {
		switch name.Str {
		case "id", "type", "index", kind:
		case "cache_control":
			p.Cache, err = cacheControl(m, param+".cache_control")
		case "extra_content":
			p.Signature, p.Extra = extraContent(m, p.Extra)
		default:
			p.Extra = keep(p.Extra, name.Str, m)
		}
		return err == nil
	})
	return p, err
}

// extraContent reads Gemini's signature of a call out of the member that Google's
// compatible API has for it. Anything else in there is kept whole.
func extraContent(v gjson.Result, extra []codec.Field) (*codec.Signature, []codec.Field) {
	sig := v.Get("google.thought_signature")
	if sig.Type != gjson.String || sig.Str == "" {
		return nil, keep(extra, "extra_content", v)
	}
	extra = keepRest(extra, "extra_content", v, "google")
	extra = keepRest(extra, "extra_content.google", v.Get("google"), "thought_signature")
	return &codec.Signature{Of: llm.GeminiGenerate, Value: sig.Str}, extra
}

// toolResult makes the content of a tool's message the result that it is.
func (d *reader) toolResult(m *codec.Message, v gjson.Result, param string, older bool) error {
	res := &codec.ToolResult{Name: m.Name, Content: m.Parts}
	if older {
		if m.Name == "" {
			return codec.Invalid(param+".name", "it must be the name of the function")
		}
		res.CallID = d.olderCall(m.Name)
	} else {
		id, err := text(v.Get("tool_call_id"), param+".tool_call_id")
		if err != nil {
			return err
		}
		res.CallID = id
	}
	if call := d.calls[res.CallID]; call != nil {
		res.Custom = call.Custom
		if res.Name == "" {
			res.Name = call.Name
		}
	}
	m.Parts = []codec.Part{{Kind: codec.ToolResultPart, Result: res}}
	return nil
}

// olderCall finds the call that a message of the role function answers.
func (d *reader) olderCall(name string) string {
	for i := len(d.pending) - 1; i >= 0; i-- {
		if call := d.pending[i]; call.Name == name {
			d.pending = append(d.pending[:i], d.pending[i+1:]...)
			return call.ID
		}
	}
	return "call_" + name
}
