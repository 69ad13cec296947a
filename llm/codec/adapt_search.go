package codec

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
)

// toolSearch is the tool by which the model finds tools that it was not told of. Where
// the caller runs it, as Codex does, it is a function in all but form; what it has
// found is in Request.Found.
const toolSearch = "tool_search"

// tools are the tools that the upstream is told of: those that a search has found,
// too.
func (a *Adaptation) tools(r *Request, op llm.Operation, lost *Losses) []Tool {
	list := make([]Tool, 0, len(r.Tools)+len(r.Found))
	told, taken := map[[2]string]bool{}, map[string]bool{}
	for _, t := range r.Tools {
		if a.hosted(&t, op, r, lost) {
			list = append(list, t)
			told[[2]string{t.Namespace, t.Name}] = true
		}
	}
	for _, t := range r.Found {
		if key := [2]string{t.Namespace, t.Name}; !told[key] {
			t.Defer, told[key] = nil, true
			list = append(list, t)
		}
	}
	for _, t := range list {
		if t.Namespace == "" {
			taken[t.Name] = true
		}
	}
	for i := range list {
		a.tool(&list[i], taken)
	}
	return list
}

// hosted does what can be done about a tool that a provider would run: keep says
// that the upstream's encoder is to decide on it.
func (a *Adaptation) hosted(t *Tool, op llm.Operation, r *Request, lost *Losses) (keep bool) {
	kind := gjson.GetBytes(t.Raw, "type").Str
	switch {
	case t.Kind == HostedTool && isClientSearch(t):
		v := gjson.ParseBytes(t.Raw)
		*t = Tool{Kind: FunctionTool, Name: toolSearch, Description: v.Get("description").Str}
		if p := v.Get("parameters"); p.IsObject() {
			t.Schema = json.RawMessage(p.Raw)
		}
		a.names[t.Name] = original{search: true}
		return true
	case t.Kind == HostedTool && strings.HasPrefix(kind, toolSearch): // the model is told all tools
		lost.Drop("tools." + kind)
		return false
	case t.Kind == WebSearchTool && besideFunctions(op) && hasFunction(r) && !searchChosen(r) && (r.ToolChoice == nil || r.ToolChoice.Raw == nil):
		lost.Drop("tools.web_search")
		return false
	}
	return true
}

// besideFunctions says whether an upstream's search excludes functions. Models of
// OpenAI's chat that search take none, and Gemini refuses to have both.
func besideFunctions(op llm.Operation) bool {
	return op == llm.OpenAIChat || op == llm.GeminiGenerate
}

// searchChosen says whether the model must search the web, as Claude Code wants it in
// the call that it makes for that alone.
func searchChosen(r *Request) bool {
	return r.ToolChoice != nil && r.ToolChoice.Mode == ModeNamed && slices.ContainsFunc(r.Tools, func(t Tool) bool {
		return t.Kind == WebSearchTool && t.Name == r.ToolChoice.Name
	})
}

func hasFunction(r *Request) bool {
	for i := range r.Tools {
		if k := r.Tools[i].Kind; k == FunctionTool || k == CustomTool || isClientSearch(&r.Tools[i]) {
			return true
		}
	}
	return false
}

func isClientSearch(t *Tool) bool {
	return t.Kind == HostedTool && isClient(t.Raw, toolSearch)
}

func isClient(raw json.RawMessage, kind string) bool {
	v := gjson.ParseBytes(raw)
	return v.Get("type").Str == kind && v.Get("execution").Str == "client"
}

func isSearchItem(p *Part) bool {
	return p.Kind == Opaque && p.Origin == llm.OpenAIResponses && (isClient(p.Raw, "tool_search_call") || isClient(p.Raw, "tool_search_output"))
}

// search makes a function's call or result of an item of a search that the caller ran.
func (a *Adaptation) search(p *Part) {
	v := gjson.ParseBytes(p.Raw)
	id := v.Get("call_id").Str
	if v.Get("type").Str == "tool_search_call" {
		*p = Part{Kind: ToolCallPart, Call: &ToolCall{ID: id, Name: toolSearch, Arguments: v.Get("arguments").Raw}}
		return
	}
	var w jsonwrite.Writer
	w.Object()
	w.ArrayField("tools")
	Each(v.Get("tools"), func(_, t gjson.Result) bool {
		if inner := t.Get("tools"); inner.IsArray() {
			Each(inner, func(_, in gjson.Result) bool {
				w.String(a.flatName(t.Get("name").Str, in.Get("name").Str))
				return true
			})
		} else {
			w.String(t.Get("name").Str)
		}
		return true
	})
	w.EndArray()
	w.End()
	*p = Part{Kind: ToolResultPart, Result: &ToolResult{CallID: id, Name: toolSearch, Content: []Part{{Kind: Text, Text: string(w.B)}}}}
}

// found makes of a call the item that its caller knows the search by.
func found(call *ToolCall) Part {
	var w jsonwrite.Writer
	w.Object()
	w.StringField("id", ID("tsc_", call.ID))
	w.StringField("type", "tool_search_call")
	w.StringField("call_id", call.ID)
	w.StringField("execution", "client")
	w.StringField("status", "completed")
	if args := call.Arguments; gjson.Valid(args) && gjson.Parse(args).IsObject() {
		w.RawField("arguments", args)
	} else {
		w.RawField("arguments", "{}")
	}
	w.End()
	return Part{Kind: Opaque, Raw: w.B, Origin: llm.OpenAIResponses}
}

// searchCall is a search whose arguments are being streamed.
type searchCall struct {
	call *ToolCall
	args strings.Builder
}

// maxSearch bounds the arguments of a search.
const maxSearch = 1 << 20

// searches makes items of the calls of a search among events: an item comes whole.
func (a *Adaptation) searches(events []Event) []Event {
	for i := 0; i < len(events); i++ {
		e := &events[i]
		open := a.searching[e.Choice]
		switch {
		case e.Kind == PartStart && e.Part.Call != nil && a.names[e.Part.Call.Name].search:
			if a.searching == nil {
				a.searching = map[int]*searchCall{}
			}
			a.searching[e.Choice] = &searchCall{call: e.Part.Call}
		case e.Kind == PartDelta && open != nil:
			if open.args.Len()+len(e.Delta) <= maxSearch {
				open.args.WriteString(e.Delta)
			}
		case e.Kind == PartStop && open != nil:
			delete(a.searching, e.Choice)
			open.call.Arguments = open.args.String()
			item := found(open.call)
			e.Part = nil
			events = slices.Insert(events, i, Event{Kind: PartStart, Choice: e.Choice, Index: e.Index, Part: &item})
			i++
			continue
		default:
			continue
		}
		events = slices.Delete(events, i, i+1)
		i--
	}
	return events
}
