package responses

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// canonical is an answer as a response can say it.
func canonical(r *codec.Response) (lost bool) {
	for i := range r.Choices {
		c := &r.Choices[i]
		n := len(c.Parts)
		c.Parts = slices.DeleteFunc(c.Parts, nameless)
		lost = lost || len(c.Parts) < n
		for k := range c.Parts {
			p := &c.Parts[k]
			if p.Call != nil && !p.Call.Custom && p.Call.Arguments == "" {
				p.Call.Arguments = "{}" // they are the text of an object
			}
			if t := p.Thought; t != nil {
				lost = summarised(p, t) || lost
			}
		}
		c.Raw = map[codec.Reason]string{codec.ReasonLength: "max_output_tokens", codec.ReasonFilter: "content_filter"}[c.Reason]
		if c.Raw == "" { // clients know no other reason for an answer that is not whole
			c.Raw = "completed"
		}
	}
	// A usage has all numbers, which are 0 where they are not known, or there is none.
	u := &r.Usage
	if !u.Total().Known {
		*u = llm.Usage{}
		return lost
	}
	for _, count := range []*llm.Count{&u.Input, &u.Output, &u.CacheRead, &u.CacheWrite, &u.Reasoning} {
		count.Known = true
	}
	u.Final = true
	return lost
}

// nameless finds items that cannot be written: each has an id.
func nameless(p codec.Part) bool {
	return p.Kind == codec.Opaque && gjson.GetBytes(p.Raw, "id").Str == ""
}

// summarised makes the text of a thought its summary, which is what callers are shown
// of it. Of one that has both, the text is lost.
func summarised(p *codec.Part, t *codec.Thought) (lost bool) {
	t.Summary = slices.DeleteFunc(t.Summary, func(s string) bool { return s == "" })
	if len(t.Summary) == 0 && (p.Text != "" || !t.Redacted) {
		t.Summary = []string{p.Text}
	}
	said := p.Text
	p.Text, t.Content = strings.Join(t.Summary, ""), false
	p.Extra = without(p.Extra, "content") // where the texts ended that are one now
	return said != p.Text
}

// streamed is an answer as the events of a response can say it.
func streamed(r *codec.Response) (lost bool) {
	for i := range r.Choices {
		for k := range r.Choices[i].Parts {
			p := &r.Choices[i].Parts[k]
			if p.Call != nil || p.Thought != nil { // it comes with the item's end, of which nothing else is read
				p.Extra = without(p.Extra, "status")
			}
			if p.Thought != nil { // its text is what the deltas said, whatever the item's end says of them
				p.Thought.Summary = nil
			}
		}
	}
	return canonical(r)
}

// failed is an error as a response that failed can say it, which has few codes and no
// parameter.
func failed(e *llm.Error) {
	e.Code, e.Param = codes[errorCode(e)], ""
}
