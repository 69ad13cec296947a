package codec

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
)

// Adapt rewrites a request into what an upstream of another protocol has a form for,
// where that can be undone in the answer: tools in namespaces get one flat name, those
// with a name that the upstream refuses another, and
// custom tools, whose input is text, become functions with one argument, and so does
// a search for tools that the caller runs. Tools that the provider would run are left
// out where the model can do without. It returns r itself when nothing is to be done.
// What cannot be undone or expressed is refused: the state that only Responses keeps.
func Adapt(r *Request, op llm.Operation, caps llm.Capabilities, lost *Losses) (*Request, *Adaptation, error) {
	if err := refuseForeign(r, op); err != nil {
		return nil, nil, err
	}
	r, back := renamed(named(r), op)
	if op == llm.OpenAIResponses {
		return undeferred(r, lost), (*Adaptation)(nil).restoring(back), nil
	}
	if err := refuseState(r, op); err != nil {
		return nil, nil, err
	}
	r = told(r)
	a := &Adaptation{
		wrap:  op != llm.OpenAIChat || caps.NoCustomTools,
		names: map[string]original{}, flat: map[[2]string]string{}, calls: map[string]string{},
	}
	if !a.needed(r) {
		return r, (*Adaptation)(nil).restoring(back), nil
	}
	c := *r
	c.Tools, c.Found = a.tools(r, op, lost), nil
	if besideFunctions(op) && searchChosen(r) { // it cannot be forced there
		c.ToolChoice = nil
		lost.Drop("tool_choice")
	}
	if tc := r.ToolChoice; tc != nil && tc.Namespace != "" {
		choice := *tc
		choice.Name, choice.Namespace = a.flatName(tc.Namespace, tc.Name), ""
		c.ToolChoice = &choice
	}
	c.Messages = make([]Message, len(r.Messages))
	for i, m := range r.Messages {
		m.Parts = slices.Clone(m.Parts)
		for j := range m.Parts {
			if a.part(&m.Parts[j]); m.Parts[j].Kind == ToolResultPart {
				m.Role = RoleTool // a search's result was the user's
			}
		}
		c.Messages[i] = m
	}
	return &c, a.restoring(back), nil
}

func refuseState(r *Request, op llm.Operation) error {
	switch {
	case r.PreviousResponseID != "":
		return Unsupported("previous_response_id", op, "send the whole conversation in input")
	case len(r.Conversation) > 0:
		return Unsupported("conversation", op, "send the whole conversation in input")
	case r.Background != nil && *r.Background:
		return Unsupported("background", op, "it answers at once or not at all")
	}
	return nil
}

// Adaptation undoes in the answer what [Adapt] did to the request. A nil one does
// nothing. It is for one request, and not safe for concurrent use.
type Adaptation struct {
	wrap  bool
	names map[string]original // by the name that the upstream sees
	flat  map[[2]string]string
	calls map[string]string // the names that the upstream sees, by the calls' ids
	// open is the custom call that is being streamed in each choice.
	open map[int]*inputReader
	// searching is the search that is being streamed in each choice.
	searching map[int]*searchCall
}

type original struct {
	name, namespace string
	custom, search  bool
}

func (a *Adaptation) needed(r *Request) bool {
	for _, t := range r.Tools {
		if t.Namespace != "" || a.wrap && t.Kind == CustomTool || t.Kind == HostedTool || t.Kind == WebSearchTool {
			return true
		}
	}
	for _, m := range r.Messages {
		for _, p := range m.Parts {
			if p.Call != nil && (p.Call.Namespace != "" || a.wrap && p.Call.Custom) || p.Result != nil && a.wrap && p.Result.Custom || isSearchItem(&p) {
				return true
			}
		}
	}
	return len(r.Found) > 0
}

func (a *Adaptation) tool(t *Tool, taken map[string]bool) {
	o := original{name: t.Name, namespace: t.Namespace, custom: t.Kind == CustomTool && a.wrap}
	if t.Namespace != "" {
		t.Name = a.flatName(t.Namespace, t.Name)
		for taken[t.Name] {
			t.Name = "_" + t.Name
		}
		taken[t.Name] = true
		a.flat[[2]string{o.namespace, o.name}] = t.Name
		t.Namespace, t.NamespaceDescription = "", ""
	}
	if o.custom {
		t.Kind, t.Description, t.Schema, t.Grammar = FunctionTool, customDescription(t), customSchema, nil
	}
	if o.namespace != "" || o.custom {
		a.names[t.Name] = o
	}
}

// maxName is what OpenAI and Gemini take; Anthropic takes more.
const maxName = 64

// flatName is the one name for a tool in a namespace. Both halves stay readable; a
// name that is too long keeps its end, by which such names differ.
func (a *Adaptation) flatName(namespace, name string) string {
	if flat, ok := a.flat[[2]string{namespace, name}]; ok {
		return flat
	}
	flat := strings.TrimSuffix(namespace, "__") + "__" + name
	if len(flat) > maxName {
		flat = flat[len(flat)-maxName:]
	}
	return flat
}

// customSchema is the one argument of a custom tool that has become a function.
var customSchema = json.RawMessage(`{"type":"object","properties":{"input":{"type":"string","description":"The tool's whole input, as text."}},"required":["input"],"additionalProperties":false}`)

// customDescription tells the model what it is no longer held to.
func customDescription(t *Tool) string {
	var format struct {
		Type, Syntax, Definition string
	}
	if len(t.Grammar) == 0 || json.Unmarshal(t.Grammar, &format) != nil || format.Definition == "" {
		return t.Description
	}
	return strings.TrimSpace(t.Description + "\n\nThe input must follow this " + format.Syntax + " grammar:\n" + format.Definition)
}

func (a *Adaptation) part(p *Part) {
	if isSearchItem(p) {
		a.search(p)
		return
	}
	if p.Call != nil && (p.Call.Namespace != "" || a.wrap && p.Call.Custom) {
		call := *p.Call
		if call.Namespace != "" {
			call.Name, call.Namespace = a.flatName(call.Namespace, call.Name), ""
		}
		if a.wrap && call.Custom {
			var w jsonwrite.Writer
			w.Object()
			w.StringField("input", call.Arguments)
			w.End()
			call.Arguments, call.Custom = string(w.B), false
		}
		p.Call = &call
		a.calls[call.ID] = call.Name
	}
	if p.Result != nil {
		result := *p.Result
		if name := a.calls[result.CallID]; name != "" {
			result.Name = name
		}
		result.Custom = result.Custom && !a.wrap
		p.Result = &result
	}
}

// Response undoes the adaptation in a complete answer, in place.
func (a *Adaptation) Response(r *Response) {
	if a == nil {
		return
	}
	for i := range r.Choices {
		for j := range r.Choices[i].Parts {
			p := &r.Choices[i].Parts[j]
			switch call := p.Call; {
			case call == nil:
			case a.names[call.Name].search:
				*p = found(call)
			case a.restore(call):
				var in inputReader
				call.Arguments = in.feed(call.Arguments) + in.close()
			}
		}
	}
}

// restore gives a call its own name back, and says whether its arguments hold the
// input of a custom tool.
func (a *Adaptation) restore(call *ToolCall) (custom bool) {
	o, ok := a.names[call.Name]
	if !ok {
		return false
	}
	call.Name, call.Namespace, call.Custom = o.name, o.namespace, call.Custom || o.custom
	return o.custom
}

// Events undoes the adaptation in a streamed answer. It returns events with what it
// had to add; the slice's memory may be reused.
func (a *Adaptation) Events(events []Event) []Event {
	if a == nil {
		return events
	}
	events = a.searches(events)
	for i := 0; i < len(events); i++ {
		e := &events[i]
		switch {
		case e.Kind == PartStart && e.Part.Call != nil:
			if a.restore(e.Part.Call) {
				if a.open == nil {
					a.open = map[int]*inputReader{}
				}
				a.open[e.Choice] = &inputReader{}
			}
		case e.Kind == PartDelta && a.open[e.Choice] != nil:
			if e.Delta = a.open[e.Choice].feed(e.Delta); e.Delta == "" {
				events = slices.Delete(events, i, i+1)
				i--
			}
		case e.Kind == PartStop && a.open[e.Choice] != nil:
			rest := a.open[e.Choice].close()
			delete(a.open, e.Choice)
			if rest != "" {
				delta := Event{Kind: PartDelta, Choice: e.Choice, Index: e.Index, Delta: rest}
				events = slices.Insert(events, i, delta)
				i++
			}
		}
	}
	return events
}
