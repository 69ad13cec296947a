package gemini

import (
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// tools writes the functions as one tool, and each that Google runs as one more. Only
// for a caller of Gemini's protocol does their order stay.
func (e *encoder) tools() error {
	tools := e.r.Tools
	if len(tools) == 0 {
		return nil
	}
	e.w.ArrayField("tools")
	open := false
	functions := func(begin bool) {
		switch {
		case begin && !open:
			e.w.Object()
			e.w.ArrayField("functionDeclarations")
		case !begin && open:
			e.w.EndArray()
			e.w.End()
		}
		open = begin
	}
	for i := range tools {
		switch {
		case isFunction(&tools[i]):
			functions(true)
			e.function(&tools[i])
		case e.own:
			functions(false)
			e.w.Raw(string(tools[i].Raw))
		}
	}
	functions(false)
	for i := range tools {
		if !e.own && !isFunction(&tools[i]) {
			if err := e.hosted(&tools[i], index("tools", i)); err != nil {
				return err
			}
		}
	}
	e.w.EndArray()
	return nil
}

func isFunction(t *codec.Tool) bool { return t.Kind == codec.FunctionTool && t.Namespace == "" }

func (e *encoder) function(t *codec.Tool) {
	e.w.Object()
	e.w.StringField("name", t.Name)
	if t.Description != "" {
		e.w.StringField("description", t.Description)
	}
	if len(t.Schema) > 0 {
		e.w.RawField("parametersJsonSchema", string(t.Schema))
	}
	if e.own {
		writeExtra(&e.w, t.Extra, "")
	} else {
		e.dropExtra("tools.", t.Extra)
	}
	e.w.End()
	if t.Strict != nil && *t.Strict {
		e.drop("tools.strict")
	}
	if t.Cache != nil {
		e.drop("tools.cache_control")
	}
	if t.Defer != nil && *t.Defer {
		e.drop("tools.defer_loading")
	}
}

func (e *encoder) hosted(t *codec.Tool, param string) error {
	switch {
	case t.Namespace != "":
		return codec.Unsupported(param, op, "it has no namespaces of tools")
	case t.Kind == codec.CustomTool:
		return codec.Unsupported(param, op, "its tools take JSON, not text")
	case t.Kind != codec.WebSearchTool:
		name := gjson.GetBytes(t.Raw, "type").Str
		if name == "" {
			name = t.Name
		}
		return codec.Unsupported(param, op, "it does not run the tool "+name)
	}
	e.w.Raw(`{"googleSearch":{}}`)
	codec.Each(gjson.ParseBytes(t.Raw), func(k, v gjson.Result) bool {
		if k.Str != "type" && k.Str != "name" && v.Type != gjson.Null {
			e.drop("tools." + k.Str)
		}
		return true
	})
	return nil
}

func (e *encoder) toolConfig() error {
	c := e.r.ToolChoice
	extra := e.own && (hasExtra(e.r.Extra, "toolConfig.") || hasExtra(e.r.Extra, "toolConfig.functionCallingConfig."))
	if c == nil && !extra {
		return nil
	}
	e.w.ObjectField("toolConfig")
	if c != nil || hasExtra(e.r.Extra, "toolConfig.functionCallingConfig.") {
		e.w.ObjectField("functionCallingConfig")
		if c != nil {
			if err := e.toolChoice(c); err != nil {
				return err
			}
		}
		if e.own {
			writeExtra(&e.w, e.r.Extra, "toolConfig.functionCallingConfig.")
		}
		e.w.End()
	}
	if e.own {
		writeExtra(&e.w, e.r.Extra, "toolConfig.")
	}
	e.w.End()
	return nil
}

func (e *encoder) toolChoice(c *codec.ToolChoice) error {
	allowed := c.Allowed
	switch {
	case c.Namespace != "", len(c.Raw) > 0:
		return codec.Unsupported("tool_choice", op, "it can only be held to functions")
	case (c.Mode == codec.ModeAny || c.Mode == codec.ModeNamed) && e.t.Caps.RejectsForcedToolUse:
		e.drop("tool_choice")
		e.w.StringField("mode", "AUTO")
		return nil
	case c.Mode == codec.ModeNamed:
		e.w.StringField("mode", "ANY")
		allowed = []string{c.Name}
	case c.Mode == codec.ModeAny:
		e.w.StringField("mode", "ANY")
	case c.Mode == codec.ModeNone:
		e.w.StringField("mode", "NONE")
	case c.Validated, len(allowed) > 0 && !e.own: // AUTO takes no names
		e.w.StringField("mode", "VALIDATED")
	default:
		e.w.StringField("mode", "AUTO")
	}
	e.strings("allowedFunctionNames", allowed)
	return nil
}

func (e *encoder) strings(name string, list []string) {
	if len(list) == 0 {
		return
	}
	e.w.ArrayField(name)
	for _, s := range list {
		e.w.String(s)
	}
	e.w.EndArray()
}
