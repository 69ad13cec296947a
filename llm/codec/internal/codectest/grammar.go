package codectest

import (
	"fmt"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// Grammar says how events break the rules of [codec.Event]; nil when they do not.
// Those of a stream that is not whole may end anywhere.
func Grammar(events []codec.Event, whole bool) error {
	g := grammar{choices: map[int]*choice{}}
	for i := range events {
		if why := g.next(&events[i]); why != "" {
			return fmt.Errorf("event %d, of kind %d: %s", i, events[i].Kind, why)
		}
	}
	if whole && !g.over {
		return fmt.Errorf("the events have no end")
	}
	return nil
}

type grammar struct {
	begun, over bool
	choices     map[int]*choice
}

type choice struct {
	next           int // index of the part that is open, or comes next
	kind           codec.Kind
	open, finished bool
}

func (g *grammar) next(e *codec.Event) (why string) {
	if g.over {
		return "it comes after the end"
	}
	switch e.Kind {
	case codec.Ping:
		return ""
	case codec.Failed:
		g.over = true
		if e.Err == nil {
			return "it does not say what failed"
		}
		return ""
	}
	if g.begun != (e.Kind != codec.Begin) {
		return "Begin comes first, and once"
	}
	switch e.Kind {
	case codec.Begin, codec.UsageEvent:
		g.begun = true
		if e.Response == nil {
			return "it says nothing"
		}
	case codec.End:
		g.over = true
		return g.end(e)
	default:
		c := g.choices[e.Choice]
		if c == nil {
			c = &choice{}
			g.choices[e.Choice] = c
		}
		return c.event(e)
	}
	return ""
}

func (g *grammar) end(e *codec.Event) string {
	if e.Response == nil || len(g.choices) == 0 {
		return "there is no answer"
	}
	for _, c := range g.choices {
		if !c.finished {
			return "a choice is not finished"
		}
	}
	return ""
}

func (c *choice) event(e *codec.Event) string {
	switch e.Kind {
	case codec.PartStart:
		if c.open || c.finished || e.Index != c.next {
			return "it does not follow the part before"
		}
		if e.Part == nil {
			return "there is no part"
		}
		c.open, c.kind = true, e.Part.Kind
		return begins(e.Part)
	case codec.PartDelta, codec.PartStop:
		if !c.open || e.Index != c.next {
			return "no such part is open"
		}
		if e.Kind == codec.PartStop {
			c.open = false
			c.next++
			if e.Part != nil && e.Part.Kind != c.kind {
				return "the part was of another kind"
			}
		}
	case codec.FinishEvent:
		if c.open || c.finished {
			return "the choice is not ready for it"
		}
		if c.finished = true; e.Finish.Reason == "" {
			return "there is no reason"
		}
	}
	return ""
}

// begins holds a part at its start to say nothing that comes as deltas, and to have
// what its kind stands for.
func begins(p *codec.Part) string {
	switch {
	case p.Text != "", p.Call != nil && p.Call.Arguments != "":
		return "its text is there already"
	case (p.Kind == codec.ToolCallPart) != (p.Call != nil):
		return "only a tool call has a call"
	case p.Kind == codec.Opaque && (len(p.Raw) == 0 || p.Origin == ""):
		return "it is not whole"
	}
	return ""
}
