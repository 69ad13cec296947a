package codec

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
)

// Adapt rewrites a request into what an upstream of another protocol has a form for,
// where that can be undone in the answer: tools in namespaces get one flat name, and
// custom tools, whose input is text, become functions with one argument. It returns
// r itself when nothing is to be done. What cannot be undone or expressed is refused:
// the state that only Responses keeps.
func Adapt(r *Request, op llm.Operation, caps llm.Capabilities) (*Request, *Adaptation, error) {
	if op == llm.OpenAIResponses {
		return r, nil, nil
	}
	if err := refuseState(r, op); err != nil {
		return nil, nil, err
	}
	a := &Adaptation{
		wrap:  op != llm.OpenAIChat || caps.NoCustomTools,
		names: map[string]original{}, flat: map[[2]string]string{},
	}
	if !a.needed(r) {
		return r, nil, nil
	}
	c := *r
	c.Tools = slices.Clone(r.Tools)
	taken := map[string]bool{}
	for _, t := range r.Tools {
		if t.Namespace == "" {
			taken[t.Name] = true
		}
	}
	for i := range c.Tools {
		a.tool(&c.Tools[i], taken)
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
			a.part(&m.Parts[j])
		}
		c.Messages[i] = m
	}
	return &c, a, nil
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
	// open is the custom call that is being streamed in each choice.
	open map[int]*inputReader
}

type original struct {
	name, namespace string
	custom          bool
}

func (a *Adaptation) needed(r *Request) bool {
	for _, t := range r.Tools {
		if t.Namespace != "" || a.wrap && t.Kind == CustomTool {
			return true
		}
	}
	for _, m := range r.Messages {
		for _, p := range m.Parts {
			if p.Call != nil && (p.Call.Namespace != "" || a.wrap && p.Call.Custom) || p.Result != nil && a.wrap && p.Result.Custom {
				return true
			}
		}
	}
	return false
}

func (a *Adaptation) tool(t *Tool, taken map[string]bool) {
	o := original{t.Name, t.Namespace, t.Kind == CustomTool && a.wrap}
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
	}
	if p.Result != nil && a.wrap && p.Result.Custom {
		result := *p.Result
		result.Custom = false
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
			if call := r.Choices[i].Parts[j].Call; call != nil && a.restore(call) {
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
	call.Name, call.Namespace, call.Custom = o.name, o.namespace, o.custom
	return o.custom
}

// Events undoes the adaptation in a streamed answer. It returns events with what it
// had to add; the slice's memory may be reused.
func (a *Adaptation) Events(events []Event) []Event {
	if a == nil {
		return events
	}
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
