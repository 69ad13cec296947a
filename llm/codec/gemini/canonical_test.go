package gemini

import (
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// canonical is an answer as generateContent can say it. There is nothing that it cannot
// say.
func canonical(r *codec.Response) (lost bool) {
	for i := range r.Choices {
		c := &r.Choices[i]
		if c.Raw == "" { // a client must be told that it is the end
			c.Raw = finishReason(c.Finish, true)
		}
		for k := range c.Parts {
			p := &c.Parts[k]
			if p.Call != nil && p.Call.Arguments == "" {
				p.Call.Arguments = "{}" // they are an object
			}
			// They follow from what Extra holds, and from where the parts stand: one that
			// says nothing is not written. In a stream it comes in the last chunk, when
			// only the last text can still be given them.
			p.Annotations = nil
		}
	}
	if u := &r.Usage; u.CacheRead.Known { // which the prompt's count includes
		u.Input = llm.Known(u.Input.N)
	}
	if u := &r.Usage; u.Input.Known && !u.Output.Known { // which the total proves to be 0
		u.Output = llm.Known(0)
	}
	return false
}
