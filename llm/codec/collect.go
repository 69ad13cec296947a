package codec

import (
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Events are the answer as a stream that has come at once: for a caller who asked
// for a stream and an upstream that does not stream.
func Events(r *Response) []Event {
	events := []Event{{Kind: Begin, Response: &Response{From: r.From, ID: r.ID, Model: r.Model, Created: r.Created, Usage: r.Usage, ServiceTier: r.ServiceTier}}}
	for _, c := range r.Choices {
		for i, p := range c.Parts {
			events = appendPart(events, c.Index, i, p)
		}
		events = append(events, Event{Kind: FinishEvent, Choice: c.Index, Finish: c.Finish})
	}
	if len(r.Choices) == 0 {
		events = append(events, Event{Kind: FinishEvent, Finish: Finish{Reason: ReasonFilter, Raw: r.Blocked}})
	}
	return append(events, Event{Kind: End, Response: r})
}

// appendPart appends the events of one part: what comes first, what streams, and what
// is known at the end.
func appendPart(events []Event, choice, index int, p Part) []Event {
	start, stop := p, &Part{Kind: p.Kind, Annotations: p.Annotations, Signature: p.Signature}
	start.Text, start.Annotations, start.Signature = "", nil, nil
	var deltas []Event
	delta := func(text string, summary int) {
		if text != "" {
			deltas = append(deltas, Event{Kind: PartDelta, Choice: choice, Index: index, Delta: text, Summary: summary})
		}
	}
	switch {
	case p.Call != nil:
		call := *p.Call
		call.Arguments, start.Call = "", &call
		delta(p.Call.Arguments, 0)
	case p.Thought != nil:
		first, last := *p.Thought, *p.Thought
		if !first.Redacted {
			first.Signature = nil
		}
		first.Summary, start.Thought, stop.Thought = nil, &first, &last
		if strings.Join(p.Thought.Summary, "") == "" {
			delta(p.Text, 0)
		}
		for i, text := range p.Thought.Summary {
			delta(text, i)
		}
	default:
		delta(p.Text, 0)
	}
	events = append(events, Event{Kind: PartStart, Choice: choice, Index: index, Part: &start})
	events = append(events, deltas...)
	return append(events, Event{Kind: PartStop, Choice: choice, Index: index, Part: stop})
}

// Collector makes a complete answer of a stream: for a caller who asked for no
// stream and an upstream that knows nothing else. Its zero value is ready.
type Collector struct {
	resp  Response
	ended bool
}

// Add takes an event. The error is that of an upstream that failed.
func (c *Collector) Add(e *Event) error {
	switch e.Kind {
	case Begin:
		c.merge(e.Response)
	case PartStart:
		p := *e.Part
		if p.Call != nil {
			call := *p.Call
			p.Call = &call
		}
		if p.Thought != nil {
			thought := *p.Thought
			p.Thought = &thought
		}
		choice := c.choice(e.Choice)
		choice.Parts = append(choice.Parts, p)
	case PartDelta:
		if p := c.last(e.Choice); p != nil {
			p.add(e)
		}
	case PartStop:
		if p := c.last(e.Choice); p != nil && e.Part != nil {
			p.complete(e.Part)
		}
	case FinishEvent:
		c.choice(e.Choice).Finish = e.Finish
	case UsageEvent, End:
		c.ended = c.ended || e.Kind == End
		c.merge(e.Response)
	case Failed:
		return e.Err
	}
	return nil
}

// Response is the answer; nil when the stream has not come to its end.
func (c *Collector) Response() *Response {
	if !c.ended {
		return nil
	}
	return &c.resp
}

func (c *Collector) merge(r *Response) {
	if r == nil {
		return
	}
	choices := c.resp.Choices
	if c.resp.From != "" {
		keep := c.resp
		c.resp = *r
		if c.resp.ID == "" {
			c.resp.ID = keep.ID
		}
		if c.resp.Model == "" {
			c.resp.Model = keep.Model
		}
		if c.resp.Created == 0 {
			c.resp.Created = keep.Created
		}
		if c.resp.Usage == (llm.Usage{}) {
			c.resp.Usage = keep.Usage
		}
	} else {
		c.resp = *r
	}
	c.resp.Choices = choices
}

func (c *Collector) choice(index int) *Choice {
	for i := range c.resp.Choices {
		if c.resp.Choices[i].Index == index {
			return &c.resp.Choices[i]
		}
	}
	// A stream may begin them in any order, while callers count on theirs.
	at := 0
	for at < len(c.resp.Choices) && c.resp.Choices[at].Index < index {
		at++
	}
	c.resp.Choices = slices.Insert(c.resp.Choices, at, Choice{Index: index})
	return &c.resp.Choices[at]
}

func (c *Collector) last(choice int) *Part {
	parts := c.choice(choice).Parts
	if len(parts) == 0 {
		return nil
	}
	return &parts[len(parts)-1]
}

func (p *Part) add(e *Event) {
	switch {
	case p.Call != nil:
		p.Call.Arguments += e.Delta
	case p.Thought != nil && (e.Summary > 0 || len(p.Thought.Summary) > 0):
		if len(p.Thought.Summary) == 0 {
			p.Thought.Summary = []string{p.Text} // so far it looked like one
		}
		for len(p.Thought.Summary) <= e.Summary {
			p.Thought.Summary = append(p.Thought.Summary, "")
		}
		p.Thought.Summary[e.Summary] += e.Delta
		p.Text += e.Delta
	default:
		p.Text += e.Delta
	}
}

func (p *Part) complete(end *Part) {
	if len(end.Annotations) > 0 {
		p.Annotations = end.Annotations
	}
	if end.Signature != nil {
		p.Signature = end.Signature
	}
	if end.Thought != nil {
		if p.Thought == nil {
			p.Thought = &Thought{}
		}
		if end.Thought.Signature != nil {
			p.Thought.Signature = end.Thought.Signature
		}
		if len(end.Thought.Summary) > 0 && len(p.Thought.Summary) == 0 {
			p.Thought.Summary = end.Thought.Summary
		}
	}
}
