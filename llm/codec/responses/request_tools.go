package responses

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func readTools(r *codec.Request, v gjson.Result, name string) error {
	r.Tools = nil
	return eachElement(v, name, func(v gjson.Result, at string) error { return readTool(r, v, at, nil) })
}

// namespace is what its tools have in common.
type namespace struct {
	name, description string
	extra             []codec.Field
}

// inNamespace begins the names of what a namespace's first tool keeps for it.
const inNamespace = "namespace."

func readTool(r *codec.Request, v gjson.Result, at string, in *namespace) error {
	kind, err := required(v, "type", at)
	if err != nil {
		return err
	}
	t := codec.Tool{}
	if in != nil {
		t.Namespace, t.NamespaceDescription = in.name, in.description
	}
	switch {
	case kind == "function":
		err = readFunction(&t, v, at)
	case kind == "custom":
		err = readCustom(&t, v, at)
	case kind == "namespace" && in != nil:
		err = codec.Invalid(at+".type", "a namespace cannot stand in another")
	case kind == "namespace" && v.Get("tools.#").Int() > 0:
		return readNamespace(r, v, at)
	case strings.HasPrefix(kind, "web_search"):
		t.Kind, t.Name, t.Raw = codec.WebSearchTool, kind, json.RawMessage(v.Raw)
	default:
		t.Kind, t.Name, t.Raw = codec.HostedTool, kind, json.RawMessage(v.Raw)
	}
	if err != nil {
		return err
	}
	for _, f := range t.Extra {
		if strings.HasPrefix(f.Name, inNamespace) {
			return codec.Invalid(at+"."+f.Name, "it is not known")
		}
	}
	if in != nil {
		t.Extra, in.extra = append(t.Extra, in.extra...), nil
	}
	r.Tools = append(r.Tools, t)
	return nil
}

func readNamespace(r *codec.Request, v gjson.Result, at string) error {
	in := &namespace{}
	var err error
	if in.name, err = required(v, "name", at); err != nil {
		return err
	}
	if in.description, err = codec.String(v.Get("description"), at+".description"); err != nil {
		return err
	}
	in.extra = extras(v, "type", "name", "description", "tools")
	for i := range in.extra {
		in.extra[i].Name = inNamespace + in.extra[i].Name
	}
	return eachElement(v.Get("tools"), at+".tools", func(v gjson.Result, at string) error { return readTool(r, v, at, in) })
}

// readCommon reads what functions and custom tools share.
func readCommon(t *codec.Tool, v gjson.Result, at string) (err error) {
	if t.Name, err = required(v, "name", at); err != nil {
		return err
	}
	if t.Description, err = codec.String(v.Get("description"), at+".description"); err != nil {
		return err
	}
	t.Defer, err = codec.Bool(v.Get("defer_loading"), at+".defer_loading")
	return err
}

func readFunction(t *codec.Tool, v gjson.Result, at string) error {
	err := readCommon(t, v, at)
	if err != nil {
		return err
	}
	if t.Schema, err = codec.Object(v.Get("parameters"), at+".parameters"); err != nil {
		return err
	}
	t.Extra = extras(v, "type", "name", "description", "parameters", "strict", "defer_loading")
	t.Strict, err = codec.Bool(v.Get("strict"), at+".strict")
	return err
}

func readCustom(t *codec.Tool, v gjson.Result, at string) error {
	t.Kind = codec.CustomTool
	err := readCommon(t, v, at)
	if err != nil {
		return err
	}
	t.Extra = extras(v, "type", "name", "description", "format", "defer_loading")
	format := v.Get("format")
	if format.Get("type").Str == "text" && len(extras(format, "type")) == 0 {
		return nil // free text, which is what no format means
	}
	t.Grammar, err = codec.Object(format, at+".format")
	return err
}

func readToolChoice(r *codec.Request, v gjson.Result, name string) error {
	r.ToolChoice = nil
	switch {
	case v.Type == gjson.Null:
		return nil
	case v.Type == gjson.String:
		mode, ok := modes[v.Str]
		if !ok {
			return codec.Invalid(name, "it must be none, auto, required or an object")
		}
		r.ToolChoice = &codec.ToolChoice{Mode: mode}
		return nil
	case !v.IsObject():
		return codec.Invalid(name, "it must be a string or an object")
	}
	kind, err := required(v, "type", name)
	if err != nil {
		return err
	}
	switch kind {
	case "function", "custom":
		c := &codec.ToolChoice{Mode: codec.ModeNamed}
		if c.Name, err = required(v, "name", name); err != nil {
			return err
		}
		c.Namespace, err = codec.String(v.Get("namespace"), name+".namespace")
		r.ToolChoice = c
		return err
	case "allowed_tools":
		r.ToolChoice, err = readAllowed(v, name)
		return err
	}
	r.ToolChoice = &codec.ToolChoice{Mode: codec.ModeAny, Raw: json.RawMessage(v.Raw)}
	return nil
}

var modes = map[string]codec.ToolMode{"auto": codec.ModeAuto, "none": codec.ModeNone, "required": codec.ModeAny}

// readAllowed reads a choice among some of the tools. Where some of these have more
// than a name, it is kept as it is.
func readAllowed(v gjson.Result, at string) (*codec.ToolChoice, error) {
	mode, err := codec.String(v.Get("mode"), at+".mode")
	if err != nil {
		return nil, err
	}
	if mode == "" {
		mode = "auto"
	}
	if mode != "auto" && mode != "required" {
		return nil, codec.Invalid(at+".mode", "it must be auto or required")
	}
	c := &codec.ToolChoice{Mode: modes[mode]}
	plain := true
	err = eachElement(v.Get("tools"), at+".tools", func(v gjson.Result, _ string) error {
		kind := v.Get("type").Str
		name := v.Get("name").Str
		plain = plain && name != "" && (kind == "function" || kind == "custom") && len(extras(v, "type", "name")) == 0
		c.Allowed = append(c.Allowed, name)
		return nil
	})
	if err == nil && len(c.Allowed) == 0 {
		err = codec.Invalid(at+".tools", "it must name a tool")
	}
	if !plain {
		c.Allowed, c.Raw = nil, json.RawMessage(v.Raw)
	}
	return c, err
}
