package messages

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// tools writes the tools that the model may call.
func (e *requestWriter) tools() error {
	for i := range e.r.Tools {
		t := &e.r.Tools[i]
		at := "tools[" + itoa(i) + "]"
		if c := e.r.ToolChoice; c != nil && len(c.Allowed) > 0 && !slices.Contains(c.Allowed, t.Name) {
			continue
		}
		hosted := t.Kind == codec.HostedTool || t.Kind == codec.WebSearchTool
		kind := gjson.GetBytes(t.Raw, "type").Str
		switch {
		case t.Kind == codec.CustomTool:
			return codec.Unsupported(at, op, "its tools take JSON objects")
		case hosted && e.own, t.Kind == codec.FunctionTool, t.Kind == codec.WebSearchTool:
		case strings.HasPrefix(kind, "tool_search"): // the model is told all tools
			e.lost.Drop("tools." + kind)
			continue
		default:
			return codec.Unsupported(at, op, "it does not run this tool")
		}
		if !e.tooled {
			e.w.ArrayField("tools")
			e.tooled = true
		}
		switch {
		case hosted && e.own:
			if gjson.GetBytes(t.Raw, "cache_control").IsObject() {
				e.breakpoints++
			}
			e.w.Raw(string(t.Raw))
		case hosted:
			e.webSearch(t)
		default:
			if err := e.function(t, at); err != nil {
				return err
			}
		}
	}
	if e.tooled {
		e.w.EndArray()
	}
	return nil
}

func (e *requestWriter) function(t *codec.Tool, at string) error {
	if t.Name == "" {
		return codec.Invalid(at+".name", "it is required")
	}
	schema := string(t.Schema)
	strict := t.Strict != nil && (*t.Strict || e.own)
	if strict && e.caps.NoStrict {
		e.lost.Drop("tools.strict")
		strict = false
	}
	if strict && !e.own {
		if held, changed, err := sanitise(objectSchema(schema)); err != nil {
			e.lost.Drop("tools.strict")
			strict = false
		} else {
			if changed {
				e.lost.Drop("tools.parameters")
			}
			schema = string(held)
		}
	}
	if t.Namespace != "" {
		e.lost.Drop("tools.namespace")
	}
	w := &e.w
	w.Object()
	w.StringField("name", t.Name)
	if t.Description != "" {
		w.StringField("description", t.Description)
	}
	if schema == "" || !e.own {
		schema = objectSchema(schema)
	}
	w.RawField("input_schema", schema)
	if strict {
		w.BoolField("strict", *t.Strict)
	}
	if t.Defer != nil && e.own {
		w.BoolField("defer_loading", *t.Defer)
	} else if t.Defer != nil && *t.Defer { // it would need a tool to search with
		e.lost.Drop("tools.defer_loading")
	}
	e.cache(t.Cache)
	for _, f := range t.Extra {
		if e.own {
			w.RawField(f.Name, string(f.Value))
		} else if some(f.Value) {
			e.lost.Drop("tools." + f.Name)
		}
	}
	w.End()
	return nil
}

// objectSchema is a schema of arguments that says so: Anthropic requires the type.
func objectSchema(schema string) string {
	v := gjson.Parse(schema)
	if !v.IsObject() {
		return `{"type":"object","properties":{}}`
	}
	if v.Get("type").Exists() {
		return schema
	}
	rest := strings.TrimSpace(schema)[1:]
	if strings.TrimSpace(rest) == "}" {
		return `{"type":"object","properties":{}}`
	}
	return `{"type":"object",` + rest
}

// webSearch writes the search that another protocol asked for. The newer version
// needs a model that also thinks adaptively.
func (e *requestWriter) webSearch(t *codec.Tool) {
	w := &e.w
	w.Object()
	if e.caps.AdaptiveThinking {
		w.StringField("type", "web_search_20260318")
	} else {
		w.StringField("type", "web_search_20250305")
	}
	w.StringField("name", "web_search")
	v := gjson.ParseBytes(t.Raw)
	codec.Each(v, func(k, v gjson.Result) bool {
		switch name := k.Str; name {
		case "type", "name":
		case "googleSearch", "google_search": // the tool itself, in Gemini's words
			if len(v.Map()) > 0 {
				e.lost.Drop("tools." + name)
			}
		case "filters":
			codec.Each(v, func(k, v gjson.Result) bool {
				if (k.Str == "allowed_domains" || k.Str == "blocked_domains") && v.IsArray() {
					w.RawField(k.Str, v.Raw)
				} else if v.Type != gjson.Null {
					e.lost.Drop("tools.filters." + k.Str)
				}
				return true
			})
		case "user_location":
			e.location(v)
		default:
			if v.Type != gjson.Null && !(name == "search_context_size" && v.Str == "medium") {
				e.lost.Drop("tools." + name)
			}
		}
		return true
	})
	w.End()
}

// location writes where the user is; chat has it one level deeper than Responses.
func (e *requestWriter) location(v gjson.Result) {
	if in := v.Get("approximate"); in.IsObject() {
		v = in
	}
	if !v.IsObject() {
		return
	}
	e.w.ObjectField("user_location")
	e.w.StringField("type", "approximate")
	for _, name := range []string{"city", "region", "country", "timezone"} {
		if s := v.Get(name).Str; s != "" {
			e.w.StringField(name, s)
		}
	}
	e.w.End()
}

// toolChoice writes how free the model is to call tools.
func (e *requestWriter) toolChoice(thinking bool) error {
	c := e.r.ToolChoice
	parallel := e.r.ParallelToolCalls
	if c != nil && some(c.Raw) && e.own {
		e.w.RawField("tool_choice", string(c.Raw))
		return nil
	}
	mode := codec.ModeAuto
	if c != nil {
		mode = c.Mode
	}
	switch {
	case !e.tooled:
		if c != nil && (mode == codec.ModeAny || mode == codec.ModeNamed) {
			return codec.Invalid("tool_choice", "it asks for a tool, and there is none")
		}
		return nil
	case c == nil && (parallel == nil || *parallel):
		return nil
	case c != nil && some(c.Raw):
		e.lost.Drop("tool_choice")
		mode = codec.ModeAuto
	}
	if c != nil && c.Validated {
		e.lost.Drop("tool_choice.validated")
	}
	if (e.caps.RejectsForcedToolUse || thinking) && (mode == codec.ModeAny || mode == codec.ModeNamed) {
		e.lost.Drop("tool_choice")
		mode = codec.ModeAuto
	}
	w := &e.w
	w.ObjectField("tool_choice")
	switch mode {
	case codec.ModeNamed:
		w.StringField("type", "tool")
		w.StringField("name", c.Name)
		if c.Namespace != "" {
			e.lost.Drop("tool_choice.namespace")
		}
	case codec.ModeAny, codec.ModeNone:
		w.StringField("type", string(mode))
	default:
		w.StringField("type", "auto")
	}
	if parallel != nil && (!*parallel || e.own) && (mode != codec.ModeNone || e.own) {
		w.BoolField("disable_parallel_tool_use", !*parallel)
	}
	w.End()
	return nil
}
