package chat

import (
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func (e *writer) tools() {
	r, w := e.r, &e.w
	var web *codec.Tool
	some := false
	for i := range r.Tools {
		t := &r.Tools[i]
		if t.Kind == codec.WebSearchTool {
			web = t
			continue
		}
		if !some {
			w.ArrayField("tools")
			some = true
		}
		e.tool(t)
	}
	if some {
		w.EndArray()
	}
	if web != nil {
		e.webSearch(web)
	}
	if c := r.ToolChoice; c != nil && (some || e.own() || c.Mode != codec.ModeAuto && c.Mode != codec.ModeNone) {
		e.toolChoice(c)
	}
	if some || e.own() { // it is refused where there are no tools
		e.bool("parallel_tool_calls", r.ParallelToolCalls)
	}
}

func (e *writer) tool(t *codec.Tool) {
	w := &e.w
	if t.Namespace != "" {
		e.refuse("tools.namespace", "tools have one flat name")
	}
	if t.Defer != nil && *t.Defer {
		e.lost.Drop("tools.defer_loading")
	}
	inner := "function"
	switch t.Kind {
	case codec.FunctionTool:
		w.Object()
		w.StringField("type", inner)
		w.ObjectField(inner)
		w.StringField("name", t.Name)
		e.str("description", t.Description)
		e.raw("parameters", t.Schema)
		if t.Strict != nil && (e.t.Caps.NoStrict || *t.Strict && e.r.From == llm.AnthropicMessages && !codec.Closed(t.Schema)) {
			if *t.Strict {
				e.lost.Drop("tools.strict")
			}
		} else {
			e.bool("strict", t.Strict)
		}
	case codec.CustomTool:
		if e.t.Caps.NoCustomTools {
			e.refuse("tools.custom", "its tools take JSON alone; give the tool a schema")
		}
		inner = "custom"
		w.Object()
		w.StringField("type", inner)
		w.ObjectField(inner)
		w.StringField("name", t.Name)
		e.str("description", t.Description)
		if len(t.Grammar) > 0 {
			nestedGrammar(w, t.Grammar)
		}
	default:
		if e.own() {
			w.Raw(string(t.Raw))
			return
		}
		e.refuse("tools", "tools of type "+strconv.Quote(toolType(t))+" are run by the provider itself; leave it out")
		w.Null()
		return
	}
	rest(w, t.Extra, e.r.From, inner)
	w.End()
	writeCache(w, t.Cache, e.r.From, e.lost)
	extras(w, t.Extra, e.r.From, e.lost, "tools.", inner)
	w.End()
}

// toolType is what a tool that a provider runs calls itself.
func toolType(t *codec.Tool) string {
	v := gjson.ParseBytes(t.Raw)
	if s := v.Get("type").Str; s != "" {
		return s
	}
	name := ""
	codec.Each(v, func(k, _ gjson.Result) bool { name = k.Str; return false })
	return name
}

// webSearch writes web_search_options of the web search tools of other protocols.
// Bounds on where to search have no form, and an answer that ignores them is wrong.
func (e *writer) webSearch(t *codec.Tool) {
	w := &e.w
	if e.own() {
		e.raw("web_search_options", t.Raw)
		return
	}
	v := gjson.ParseBytes(t.Raw)
	w.ObjectField("web_search_options")
	codec.Each(v, func(name, m gjson.Result) bool {
		switch name.Str {
		case "type", "name":
		case "search_context_size":
			w.RawField(name.Str, m.Raw)
		case "user_location":
			if m.IsObject() {
				userLocation(w, m)
			}
		case "allowed_domains", "blocked_domains", "filters":
			if set(m) && m.Raw != "[]" && m.Raw != "{}" {
				e.refuse("tools."+name.Str, "its web search cannot be held to domains")
			}
		default:
			if set(m) && m.Raw != "{}" {
				e.lost.Drop("tools." + name.Str)
			}
		}
		return true
	})
	w.End()
}

// userLocation writes {"type":"approximate","city":…} with an object within.
func userLocation(w *jsonwrite.Writer, v gjson.Result) {
	w.ObjectField("user_location")
	w.StringField("type", "approximate")
	w.ObjectField("approximate")
	codec.Each(v, func(name, m gjson.Result) bool {
		if name.Str != "type" && set(m) {
			w.RawField(name.Str, m.Raw)
		}
		return true
	})
	w.End()
	w.End()
}

// modeWords are the protocol's words for the modes.
var modeWords = map[codec.ToolMode]string{codec.ModeAuto: "auto", codec.ModeAny: "required", codec.ModeNone: "none"}

func (e *writer) toolChoice(c *codec.ToolChoice) {
	w := &e.w
	if c.Validated {
		e.lost.Drop("tool_choice.validated")
	}
	switch {
	case len(c.Raw) > 0 && e.own():
		w.RawField("tool_choice", string(c.Raw))
	case len(c.Raw) > 0:
		e.refuse("tool_choice", "it can choose only tools that the caller runs")
	case c.Mode == codec.ModeNamed:
		if c.Namespace != "" {
			e.refuse("tool_choice.namespace", "tools have one flat name")
		}
		w.Name("tool_choice")
		e.named(c.Name)
	case len(c.Allowed) > 0 && c.Mode != codec.ModeNone:
		w.ObjectField("tool_choice")
		w.StringField("type", "allowed_tools")
		w.ObjectField("allowed_tools")
		w.StringField("mode", modeWords[c.Mode])
		w.ArrayField("tools")
		for _, name := range c.Allowed {
			e.named(name)
		}
		w.EndArray()
		w.End()
		w.End()
	default:
		w.StringField("tool_choice", modeWords[c.Mode])
	}
}

// named writes a reference to a tool.
func (e *writer) named(name string) {
	kind := "function"
	for i := range e.r.Tools {
		if e.r.Tools[i].Name == name && e.r.Tools[i].Kind == codec.CustomTool {
			kind = "custom"
		}
	}
	e.w.Object()
	e.w.StringField("type", kind)
	e.w.ObjectField(kind)
	e.w.StringField("name", name)
	e.w.End()
	e.w.End()
}

// takesGemini says whether the upstream is one that gives thought signatures and
// wants them back: another would refuse the member that it does not know.
func (e *writer) takesGemini(s *codec.Signature) bool {
	return s != nil && s.Of == llm.GeminiGenerate && (e.own() || isGemini(e.t.Model))
}
