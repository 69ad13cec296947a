package responses

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// inputReader makes messages of the items of input.
type inputReader struct {
	r     *codec.Request
	names map[string]string // of the tools called, by the call's id
	// open: the last message is a turn of the assistant that takes more items. It
	// takes one message item only, for it has place for one id.
	open, said bool
}

func (in *inputReader) read(v gjson.Result) error {
	switch {
	case v.Type == gjson.String:
		in.add(codec.Message{Role: codec.RoleUser, Parts: []codec.Part{{Kind: codec.Text, Text: v.Str}}})
		return nil
	case v.IsArray():
		return eachElement(v, "input", in.item)
	case v.Type != gjson.Null:
		return codec.Invalid("input", "it must be a string or a list of items")
	case !hasState(in.r):
		return codec.Invalid("input", "it is required")
	}
	return nil
}

// hasState says whether the conversation may stand elsewhere than in input.
func hasState(r *codec.Request) bool {
	return r.PreviousResponseID != "" || r.Conversation != nil || extra(r.Extra, "prompt") != nil
}

func (in *inputReader) item(v gjson.Result, at string) error {
	kind, err := codec.String(v.Get("type"), at+".type")
	if err != nil {
		return err
	}
	if kind == "" {
		switch {
		case v.Get("role").Exists():
			kind = "message"
		case v.Get("id").Exists():
			kind = "item_reference"
		default:
			return codec.Invalid(at+".type", "it is required")
		}
	}
	switch kind {
	case "message":
		return in.message(v, at)
	case "function_call", "custom_tool_call":
		p, err := callPart(v, at, kind == "custom_tool_call", false)
		if err == nil {
			in.names[p.Call.ID] = p.Call.Name
			in.assistant(p)
		}
		return err
	case "function_call_output", "custom_tool_call_output":
		return in.output(v, at, kind == "custom_tool_call_output")
	case "reasoning":
		p, err := thoughtPart(v, at)
		if err == nil {
			p.Thought.Signature = codec.Carried(op, v.Get("encrypted_content").Str)
			p.Thought.Redacted = p.Text == "" && len(p.Thought.Summary) == 0 && p.Thought.Signature != nil
			in.assistant(p)
		}
		return err
	case "additional_tools":
		return eachElement(v.Get("tools"), at+".tools", func(v gjson.Result, at string) error {
			return readTool(in.r, v, at, nil)
		})
	case "tool_search_output":
		if err := in.found(v.Get("tools"), at+".tools"); err != nil {
			return err
		}
	}
	p := codec.Part{Kind: codec.Opaque, Raw: json.RawMessage(v.Raw), Origin: op}
	if assistantItem(kind) {
		in.assistant(p)
	} else {
		in.add(codec.Message{Role: codec.RoleUser, Parts: []codec.Part{p}})
	}
	return nil
}

// assistantItem says whether an opaque item is the model's own.
func assistantItem(kind string) bool {
	switch kind {
	case "mcp_list_tools", "mcp_approval_request", "program":
		return true
	}
	return strings.HasSuffix(kind, "_call")
}

// found reads the tools that a search has found, besides the item, which stays whole.
func (in *inputReader) found(v gjson.Result, at string) error {
	list := codec.Request{Tools: []codec.Tool{}}
	err := eachElement(v, at, func(v gjson.Result, at string) error { return readTool(&list, v, at, nil) })
	in.r.Found = append(in.r.Found, list.Tools...)
	return err
}

func (in *inputReader) add(m codec.Message) {
	in.r.Messages = append(in.r.Messages, m)
	in.open, in.said = false, false
}

func (in *inputReader) assistant(p codec.Part) {
	if !in.open {
		in.add(codec.Message{Role: codec.RoleAssistant})
		in.open = true
	}
	m := &in.r.Messages[len(in.r.Messages)-1]
	m.Parts = append(m.Parts, p)
}

func (in *inputReader) message(v gjson.Result, at string) error {
	role, err := codec.String(v.Get("role"), at+".role")
	if err != nil {
		return err
	}
	switch codec.Role(role) {
	case codec.RoleUser, codec.RoleAssistant, codec.RoleSystem, codec.RoleDeveloper:
	default:
		return codec.Invalid(at+".role", "it must be user, assistant, system or developer")
	}
	m := codec.Message{Role: codec.Role(role), Extra: extras(v, "type", "role", "id", "content")}
	if m.ID, err = codec.String(v.Get("id"), at+".id"); err != nil {
		return err
	}
	c := v.Get("content")
	if c.Type == gjson.String {
		m.Parts = []codec.Part{{Kind: codec.Text, Text: c.Str}}
	} else if c.Type == gjson.Null {
		return codec.Invalid(at+".content", "it is required")
	} else if m.Parts, err = content(c, at+".content"); err != nil {
		return err
	}
	if m.Role != codec.RoleAssistant || len(m.Parts) == 0 || !in.open || in.said {
		in.add(m)
		in.open = m.Role == codec.RoleAssistant && len(m.Parts) > 0
	} else {
		turn := &in.r.Messages[len(in.r.Messages)-1]
		turn.ID, turn.Extra, turn.Parts = m.ID, m.Extra, append(turn.Parts, m.Parts...)
	}
	in.said = true
	return nil
}

func (in *inputReader) output(v gjson.Result, at string, custom bool) (err error) {
	result := &codec.ToolResult{Custom: custom}
	if result.ItemID, err = codec.String(v.Get("id"), at+".id"); err != nil {
		return err
	}
	if result.Name, err = codec.String(v.Get("name"), at+".name"); err != nil {
		return err
	}
	if result.CallID, err = codec.String(v.Get("call_id"), at+".call_id"); err != nil {
		return err
	}
	if result.CallID == "" && result.Name == "" {
		return codec.Invalid(at+".call_id", "it is required")
	}
	if result.Name == "" {
		result.Name = in.names[result.CallID]
	}
	switch out := v.Get("output"); {
	case out.Type == gjson.String:
		if out.Str != "" {
			result.Content = []codec.Part{{Kind: codec.Text, Text: out.Str}}
		}
	case out.IsArray():
		if result.Content, err = content(out, at+".output"); err != nil {
			return err
		}
	case out.Type != gjson.Null:
		return codec.Invalid(at+".output", "it must be a string or a list")
	}
	p := codec.Part{Kind: codec.ToolResultPart, Result: result, Extra: extras(v, "type", "id", "call_id", "name", "output")}
	in.add(codec.Message{Role: codec.RoleTool, Parts: []codec.Part{p}})
	return nil
}

// callPart reads a function_call or a custom_tool_call. Some servers that are only
// like OpenAI's have one id for a call and its item; lenient takes that.
func callPart(v gjson.Result, at string, custom, lenient bool) (codec.Part, error) {
	arguments := "arguments"
	if custom {
		arguments = "input"
	}
	p := codec.Part{Kind: codec.ToolCallPart, Extra: extras(v, "type", "id", "call_id", "name", "namespace", arguments)}
	call := &codec.ToolCall{Custom: custom}
	p.Call = call
	var err error
	if call.ItemID, err = codec.String(v.Get("id"), at+".id"); err != nil {
		return p, err
	}
	if call.ID, err = required(v, "call_id", at); err != nil && !(lenient && call.ItemID != "") {
		return p, err
	}
	if call.ID == "" {
		call.ID = call.ItemID
	}
	if call.Name, err = required(v, "name", at); err != nil {
		return p, err
	}
	if call.Namespace, err = codec.String(v.Get("namespace"), at+".namespace"); err != nil {
		return p, err
	}
	call.Arguments, err = codec.String(v.Get(arguments), at+"."+arguments)
	return p, err
}

// thoughtPart reads a reasoning item but for its signature.
func thoughtPart(v gjson.Result, at string) (codec.Part, error) {
	p := codec.Part{Kind: codec.Thinking, Thought: &codec.Thought{}}
	var err error
	if p.Thought.ID, err = codec.String(v.Get("id"), at+".id"); err != nil {
		return p, err
	}
	if _, err = codec.String(v.Get("encrypted_content"), at+".encrypted_content"); err != nil {
		return p, err
	}
	texts := func(name string) (list []string, err error) {
		err = eachElement(v.Get(name), at+"."+name, func(v gjson.Result, at string) error {
			s, err := codec.String(v.Get("text"), at+".text")
			list = append(list, s)
			return err
		})
		return list, err
	}
	if p.Thought.Summary, err = texts("summary"); err != nil {
		return p, err
	}
	p.Text = strings.Join(p.Thought.Summary, "")
	full, err := texts("content")
	if len(full) > 0 {
		p.Text, p.Thought.Content = strings.Join(full, ""), true
	}
	known := []string{"type", "id", "summary", "encrypted_content", "content"}
	if len(full) > 1 { // where one ends is kept only so
		known = known[:4]
	}
	p.Extra = extras(v, known...)
	return p, err
}
