package messages

import (
	"slices"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// canonical is an answer as a message can say it, complete or in events.
func canonical(r *codec.Response) (lost bool) {
	for i := range r.Choices {
		c := &r.Choices[i]
		n := len(c.Parts)
		c.Parts = slices.DeleteFunc(c.Parts, func(p codec.Part) bool { return kindNames[p.Kind] != "" })
		lost = lost || len(c.Parts) < n
		c.Parts = slices.DeleteFunc(c.Parts, empty)
		for k := range c.Parts {
			if call := c.Parts[k].Call; call != nil {
				call.ID = toolID(call.ID) // it takes no others
				if call.Arguments == "" {
					call.Arguments = "{}" // they are an object
				}
			}
		}
		if c.Raw == "" { // a client must be told how it ended
			if c.Raw = stopReasons[c.Reason]; c.Sequence != "" && c.Reason == codec.ReasonStop {
				c.Raw = "stop_sequence"
			}
		}
	}
	if extra(r.Extra, inUsage+"service_tier") != "" { // the upstream's own word counts
		r.ServiceTier = ""
	}
	// Clients add these up, so that they are 0 where they are not known.
	for _, count := range []*llm.Count{&r.Usage.Input, &r.Usage.Output, &r.Usage.CacheRead, &r.Usage.CacheWrite} {
		count.Known = true
	}
	r.Usage.Final = true
	return lost
}

// empty finds blocks that a caller could not send back: texts that are empty, and
// thoughts of which there is nothing to see and nothing to prove.
func empty(p codec.Part) bool {
	return p.Kind == codec.Text && p.Text == "" || p.Kind == codec.Thinking && p.Thought.Signature == nil && (p.Text == "" || p.Thought.Redacted)
}
