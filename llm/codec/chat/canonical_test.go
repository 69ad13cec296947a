package chat

import (
	"cmp"
	"slices"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// places is the order in which a message has its parts. It has one place for each
// kind, whatever order they came in, and two for thoughts.
var places = map[codec.Kind]int{codec.Thinking: 0, codec.Text: 2, codec.Refusal: 3, codec.Image: 4, codec.Audio: 5, codec.ToolCallPart: 6}

func place(p codec.Part) int {
	if p.Thought != nil && isDetails(p.Thought.Signature) {
		return 1
	}
	return places[p.Kind]
}

// canonical is an answer as a message can say it.
func canonical(r *codec.Response) (lost bool) {
	if len(r.Choices) == 0 { // a client must be given one
		r.Choices = []codec.Choice{{Finish: codec.Finish{Reason: codec.ReasonFilter}}}
	}
	for i := range r.Choices {
		c := &r.Choices[i]
		n := len(c.Parts)
		c.Parts = slices.DeleteFunc(c.Parts, placeless())
		lost = lost || len(c.Parts) < n
		slices.SortStableFunc(c.Parts, func(a, b codec.Part) int { return cmp.Compare(place(a), place(b)) })
		for k := range c.Parts {
			p := &c.Parts[k]
			if p.Call != nil && !p.Call.Custom && p.Call.Arguments == "" {
				p.Call.Arguments = "{}" // they are the text of an object
			}
			for j := range p.Annotations { // they follow from Raw and from where the text begins
				p.Annotations[j].Start, p.Annotations[j].End = 0, 0
			}
			if (p.Kind == codec.Text || p.Kind == codec.Refusal) && (p.Extra != nil || p.Cache != nil) {
				p.Extra, p.Cache, lost = nil, nil, true // it becomes a string
			}
		}
		c.Parts = joined(c.Parts)
		c.Raw = finishWord(c.Reason) // clients know no other words
	}
	// Numbers that a usage must have are 0 where they are not known.
	if u := &r.Usage; isKnown(*u) {
		u.Input, u.Output = llm.Known(u.Input.N), llm.Known(u.Output.N)
	}
	return lost
}

// placeless finds what a message has no place for: content that is neither text nor an
// image, and more than one thing that was said aloud.
func placeless() func(codec.Part) bool {
	spoken := false
	return func(p codec.Part) bool {
		if _, ok := places[p.Kind]; !ok {
			return true
		}
		if p.Kind != codec.Audio {
			return false
		}
		second := spoken
		spoken = spoken || p.Media.MIME == ""
		return second || p.Media.MIME != ""
	}
}

// streamed is an answer as a stream of chunks can say it.
func streamed(r *codec.Response) (lost bool) {
	for i := range r.Choices {
		c := &r.Choices[i]
		n := len(c.Parts)
		c.Parts = slices.DeleteFunc(c.Parts, func(p codec.Part) bool { return p.Kind == codec.Audio })
		lost = lost || len(c.Parts) < n
		c.Parts = unsigned(c.Parts)
	}
	first := func(c codec.Choice) bool { return c.Index == 0 }
	if !slices.ContainsFunc(r.Choices, first) { // it is begun before anything is known
		r.Choices = append(r.Choices, codec.Choice{Finish: codec.Finish{Reason: codec.ReasonStop}})
	}
	slices.SortStableFunc(r.Choices, func(a, b codec.Choice) int { return cmp.Compare(a.Index, b.Index) })
	lost = canonical(r) || lost
	if !isKnown(r.Usage) { // a caller who asks for a usage is given one
		r.Usage = llm.Usage{Input: llm.Known(0), Output: llm.Known(0), Final: true}
	}
	return lost
}

// unsigned parts the texts of thoughts from their signatures, which stand in lists at the
// end of the stream, when the texts have long been sent: one of those that are mere
// texts, and one for all that are lists of details.
func unsigned(parts []codec.Part) (out []codec.Part) {
	var signatures, text []codec.Part
	details := ""
	for _, p := range parts {
		switch {
		case p.Kind != codec.Thinking:
			out = append(out, p)
			continue
		case isDetails(p.Thought.Signature):
			list := p.Thought.Signature.Value
			details += "," + list[1:len(list)-1]
		case p.Thought.Signature != nil:
			signatures = append(signatures, codec.Part{Kind: codec.Thinking, Thought: p.Thought})
		}
		if p.Text != "" && text != nil {
			text[0].Text += apart(p.Text)
		} else if p.Text != "" {
			text = []codec.Part{{Kind: codec.Thinking, Text: p.Text, Thought: &codec.Thought{}}}
		}
	}
	if details != "" {
		s := &codec.Signature{Of: op, Value: "[" + details[1:] + "]"}
		signatures = append(signatures, codec.Part{Kind: codec.Thinking, Thought: &codec.Thought{Redacted: true, Signature: s}})
	}
	return append(append(text, signatures...), out...)
}

// joined makes one text of all texts, one of all refusals, and one of all thoughts
// that have no signature where none has, as they are strings.
func joined(parts []codec.Part) (out []codec.Part) {
	signed := slices.ContainsFunc(parts, func(p codec.Part) bool { return p.Thought != nil && p.Thought.Signature != nil })
	for _, p := range parts {
		last := len(out) - 1
		switch {
		case last < 0 || out[last].Kind != p.Kind:
			out = append(out, p)
		case p.Kind == codec.Text || p.Kind == codec.Refusal:
			out[last].Text += p.Text
			out[last].Annotations = append(out[last].Annotations, p.Annotations...)
		case p.Kind == codec.Thinking && !signed:
			out[last].Text += apart(p.Text)
		default:
			out = append(out, p)
		}
	}
	return out
}
