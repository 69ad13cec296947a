package responses

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func (e *encoder) tools() error {
	tools := e.r.Tools
	if len(tools) == 0 && !e.echo {
		return nil
	}
	e.ArrayField("tools")
	for i := 0; i < len(tools); {
		t := &tools[i]
		if t.Namespace == "" {
			if err := e.tool(t, i); err != nil {
				return err
			}
			i++
			continue
		}
		e.Object()
		e.StringField("type", "namespace")
		e.StringField("name", t.Namespace)
		e.StringField("description", t.NamespaceDescription)
		for _, f := range t.Extra {
			if name, ok := strings.CutPrefix(f.Name, inNamespace); ok && e.own {
				e.RawField(name, string(f.Value))
			}
		}
		e.ArrayField("tools")
		for first := true; i < len(tools) && (first || together(t, &tools[i])); i++ {
			if err := e.tool(&tools[i], i); err != nil {
				return err
			}
			first = false
		}
		e.EndArray()
		e.End()
	}
	e.EndArray()
	return nil
}

// together says whether b stands in the namespace that a begins.
func together(a, b *codec.Tool) bool {
	if a.Namespace != b.Namespace || a.NamespaceDescription != b.NamespaceDescription {
		return false
	}
	for _, f := range b.Extra {
		if strings.HasPrefix(f.Name, inNamespace) {
			return false
		}
	}
	return true
}

func (e *encoder) tool(t *codec.Tool, i int) error {
	e.dropIf(t.Cache != nil, "tools.cache_control")
	switch t.Kind {
	case codec.WebSearchTool:
		e.webSearch(t)
		return nil
	case codec.HostedTool:
		if !e.own {
			return codec.Unsupported("tools["+strconv.Itoa(i)+"]", op, "only its own provider can run it")
		}
		e.Raw(string(t.Raw))
		return nil
	}
	e.Object()
	if t.Kind == codec.CustomTool {
		e.StringField("type", "custom")
	} else {
		e.StringField("type", "function")
	}
	e.StringField("name", t.Name)
	e.optional("description", t.Description)
	switch {
	case t.Kind == codec.CustomTool:
		if len(t.Grammar) > 0 {
			e.RawField("format", string(t.Grammar))
		}
	default:
		e.function(t)
	}
	if t.Defer != nil {
		e.BoolField("defer_loading", *t.Defer)
	}
	for _, f := range t.Extra {
		switch {
		case !e.own:
			e.lost.Drop("tools." + f.Name)
		case !strings.HasPrefix(f.Name, inNamespace):
			e.RawField(f.Name, string(f.Value))
		}
	}
	e.End()
	return nil
}

func (e *encoder) function(t *codec.Tool) {
	switch {
	case len(t.Schema) > 0:
		e.RawField("parameters", string(t.Schema))
	case !e.own:
		e.RawField("parameters", `{"type":"object","properties":{}}`)
	default:
		e.RawField("parameters", "null")
	}
	switch {
	case t.Strict != nil && *t.Strict && e.r.From == llm.AnthropicMessages && !codec.Closed(t.Schema):
		e.lost.Drop("tools.strict")
		e.BoolField("strict", false)
	case t.Strict != nil:
		e.BoolField("strict", *t.Strict)
	case !e.own: // strict is the default here, and nowhere else
		e.BoolField("strict", false)
	case e.echo:
		e.RawField("strict", "null")
	}
}

// webSearch writes a tool of another protocol by what the two have in common.
func (e *encoder) webSearch(t *codec.Tool) {
	if e.own {
		e.Raw(string(t.Raw))
		return
	}
	e.Object()
	e.StringField("type", "web_search")
	codec.Each(gjson.ParseBytes(t.Raw), func(key, v gjson.Result) bool {
		switch name := key.Str; {
		case v.Type == gjson.Null, name == "type", name == "name", name == "googleSearch", name == "google_search":
		case name == "allowed_domains":
			e.ObjectField("filters")
			e.RawField(name, v.Raw)
			e.End()
		case name == "user_location":
			if inner := v.Get("approximate"); inner.IsObject() { // chat's
				e.ObjectField(name)
				e.StringField("type", "approximate")
				codec.Each(inner, func(key, v gjson.Result) bool {
					if key.Str != "type" {
						e.RawField(key.Str, v.Raw)
					}
					return true
				})
				e.End()
			} else {
				e.RawField(name, v.Raw)
			}
		case name == "search_context_size":
			e.RawField(name, v.Raw)
		case name == "web_search_options":
		default:
			e.lost.Drop("tools." + name)
		}
		return true
	})
	e.End()
}

func (e *encoder) toolChoice() error {
	c := e.r.ToolChoice
	switch {
	case c == nil:
		if e.echo {
			e.StringField("tool_choice", "auto")
		}
		return nil
	case len(c.Raw) > 0:
		if !e.own {
			return codec.Unsupported("tool_choice", op, "it names a tool that only its own provider can run")
		}
		e.RawField("tool_choice", string(c.Raw))
		return nil
	case len(e.r.Tools) == 0 && !e.own && (c.Mode == codec.ModeAuto || c.Mode == codec.ModeNone):
		return nil
	}
	e.dropIf(c.Validated, "tool_choice.validated")
	mode := c.Mode
	if e.caps.RejectsForcedToolUse && (mode == codec.ModeAny || mode == codec.ModeNamed) {
		e.lost.Drop("tool_choice")
		mode = codec.ModeAuto
	}
	e.Name("tool_choice")
	switch {
	case mode == codec.ModeNamed:
		e.named(c.Name, c.Namespace)
	case len(c.Allowed) > 0 && mode != codec.ModeNone:
		e.Object()
		e.StringField("type", "allowed_tools")
		e.StringField("mode", modeName(mode))
		e.ArrayField("tools")
		for _, name := range c.Allowed {
			e.named(name, "")
		}
		e.EndArray()
		e.End()
	default:
		e.String(modeName(mode))
	}
	return nil
}

func modeName(m codec.ToolMode) string {
	if m == codec.ModeAny {
		return "required"
	}
	return string(m)
}

// named writes which tool is meant: by its name, and by whether it is custom. OpenAI's
// web search has no name but its type.
func (e *encoder) named(name, namespace string) {
	kind := "function"
	for i := range e.r.Tools {
		t := &e.r.Tools[i]
		switch {
		case t.Name != name || t.Namespace != namespace:
		case t.Kind == codec.WebSearchTool:
			e.Object()
			e.StringField("type", "web_search")
			e.End()
			return
		case t.Kind == codec.CustomTool:
			kind = "custom"
		}
	}
	e.Object()
	e.StringField("type", kind)
	e.StringField("name", name)
	e.optional("namespace", namespace)
	e.End()
}
