package chat

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func (d *reader) tools(v gjson.Result) error {
	list, err := elements(v, "tools")
	if err != nil {
		return err
	}
	for i, e := range list {
		t, err := readTool(e, at("tools", i))
		if err != nil {
			return err
		}
		d.r.Tools = append(d.r.Tools, t)
	}
	return nil
}

func readTool(v gjson.Result, param string) (t codec.Tool, err error) {
	if err := object(v, param); err != nil {
		return t, err
	}
	kind, err := text(v.Get("type"), param+".type")
	if err != nil {
		return t, err
	}
	switch kind {
	case "function":
		f := v.Get("function")
		if err := readFunction(&t, f, param+".function"); err != nil {
			return t, err
		}
		t.Extra = keepRest(nil, "function", f, "name", "description", "parameters", "strict")
	case "custom":
		c := v.Get("custom")
		if err := readCustom(&t, c, param+".custom"); err != nil {
			return t, err
		}
		t.Extra = keepRest(nil, "custom", c, "name", "description", "format")
	default: // one that the provider runs
		return codec.Tool{Kind: codec.HostedTool, Raw: json.RawMessage(v.Raw)}, nil
	}
	codec.Each(v, func(name, m gjson.Result) bool {
		switch name.Str {
		case "type", kind:
		case "cache_control":
			t.Cache, err = cacheControl(m, param+".cache_control")
		default:
			t.Extra = keep(t.Extra, name.Str, m)
		}
		return err == nil
	})
	return t, err
}

func readFunction(t *codec.Tool, f gjson.Result, param string) error {
	if err := object(f, param); err != nil {
		return err
	}
	var errs [4]error
	t.Kind = codec.FunctionTool
	t.Name, errs[0] = text(f.Get("name"), param+".name")
	t.Description, errs[1] = codec.String(f.Get("description"), param+".description")
	t.Schema, errs[2] = codec.Object(f.Get("parameters"), param+".parameters")
	t.Strict, errs[3] = codec.Bool(f.Get("strict"), param+".strict")
	return first(errs[:]...)
}

func readCustom(t *codec.Tool, c gjson.Result, param string) error {
	if err := object(c, param); err != nil {
		return err
	}
	var errs [3]error
	t.Kind = codec.CustomTool
	t.Name, errs[0] = text(c.Get("name"), param+".name")
	t.Description, errs[1] = codec.String(c.Get("description"), param+".description")
	t.Grammar, errs[2] = flatGrammar(c.Get("format"), param+".format")
	return first(errs[:]...)
}

// legacyFunctions reads "functions". Raw marks them, so that calls of them are
// answered in the form that such a caller knows.
func (d *reader) legacyFunctions(v gjson.Result) error {
	list, err := elements(v, "functions")
	if err != nil {
		return err
	}
	for i, e := range list {
		t := codec.Tool{Raw: json.RawMessage(e.Raw)}
		if err := readFunction(&t, e, at("functions", i)); err != nil {
			return err
		}
		t.Extra = keepRest(nil, "function", e, "name", "description", "parameters", "strict")
		d.functions = append(d.functions, t)
	}
	return nil
}

// legacy says whether the caller knows function_call, and tool_calls not.
func legacy(r *codec.Request) bool {
	if r == nil || r.From != op {
		return false
	}
	for i := range r.Tools {
		if r.Tools[i].Kind == codec.FunctionTool && r.Tools[i].Raw != nil {
			return true
		}
	}
	return false
}

func (d *reader) functionCall(v gjson.Result) (err error) {
	choice := &codec.ToolChoice{}
	switch {
	case v.Type == gjson.String && (v.Str == "none" || v.Str == "auto"):
		choice.Mode = codec.ToolMode(v.Str)
	case v.IsObject():
		choice.Mode = codec.ModeNamed
		choice.Name, err = text(v.Get("name"), "function_call.name")
	default:
		return codec.Invalid("function_call", `it must be "none", "auto" or an object with a name`)
	}
	if d.r.ToolChoice == nil {
		d.r.ToolChoice = choice
	}
	return err
}

var toolModes = map[string]codec.ToolMode{
	"none": codec.ModeNone, "auto": codec.ModeAuto, "required": codec.ModeAny,
	"any": codec.ModeAny, // Mistral's word
}

func (d *reader) toolChoice(v gjson.Result) error {
	if v.Type == gjson.String {
		mode, ok := toolModes[v.Str]
		if !ok {
			return codec.Invalid("tool_choice", `it must be "none", "auto", "required" or an object`)
		}
		d.r.ToolChoice = &codec.ToolChoice{Mode: mode}
		return nil
	}
	if err := object(v, "tool_choice"); err != nil {
		return err
	}
	kind, err := text(v.Get("type"), "tool_choice.type")
	if err != nil {
		return err
	}
	switch kind {
	case "function", "custom":
		name, err := text(v.Get(kind+".name"), "tool_choice."+kind+".name")
		d.r.ToolChoice = &codec.ToolChoice{Mode: codec.ModeNamed, Name: name}
		return err
	case "allowed_tools":
		return d.allowedTools(v)
	}
	d.r.ToolChoice = &codec.ToolChoice{Raw: json.RawMessage(v.Raw)}
	return nil
}

func (d *reader) allowedTools(v gjson.Result) error {
	const param = "tool_choice.allowed_tools"
	mode, ok := toolModes[v.Get("allowed_tools.mode").Str]
	if !ok || mode == codec.ModeNone {
		return codec.Invalid(param+".mode", `it must be "auto" or "required"`)
	}
	list, err := elements(v.Get("allowed_tools.tools"), param+".tools")
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return codec.Invalid(param+".tools", "it must name at least one tool")
	}
	choice := &codec.ToolChoice{Mode: mode}
	for i, t := range list {
		kind := t.Get("type").Str
		if kind != "function" && kind != "custom" { // one that the provider runs
			d.r.ToolChoice = &codec.ToolChoice{Raw: json.RawMessage(v.Raw)}
			return nil
		}
		name, err := text(t.Get(kind+".name"), at(param+".tools", i)+"."+kind+".name")
		if err != nil {
			return err
		}
		choice.Allowed = append(choice.Allowed, name)
	}
	d.r.ToolChoice = choice
	return nil
}

func (d *reader) webSearch(v gjson.Result) error {
	if err := object(v, "web_search_options"); err != nil {
		return err
	}
	d.web = &codec.Tool{Kind: codec.WebSearchTool, Raw: json.RawMessage(v.Raw)}
	return nil
}
