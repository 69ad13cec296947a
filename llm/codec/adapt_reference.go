package codec

import (
	"slices"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
)

// named puts names in the place of Anthropic's references to tools, which are what a
// search that the caller ran has found: the tools themselves stand among the others
// by then. It returns r itself when there are none.
func named(r *Request) *Request {
	c := r
	for i, m := range r.Messages {
		for j, p := range m.Parts {
			if p.Result == nil || !slices.ContainsFunc(p.Result.Content, isReference) {
				continue
			}
			if c == r {
				copied := *r
				c = &copied
				c.Messages = slices.Clone(r.Messages)
			}
			result := *p.Result
			result.Content = slices.Clone(result.Content)
			for k, in := range result.Content {
				if isReference(in) {
					result.Content[k] = Part{Kind: Text, Text: "Found the tool " + gjson.GetBytes(in.Raw, "tool_name").Str + "."}
				}
			}
			c.Messages[i].Parts = slices.Clone(c.Messages[i].Parts)
			c.Messages[i].Parts[j].Result = &result
		}
	}
	return c
}

func isReference(p Part) bool {
	return p.Kind == Opaque && p.Origin == llm.AnthropicMessages && gjson.GetBytes(p.Raw, "type").Str == "tool_reference"
}

// undeferred tells the model of all tools at once: Responses wants its own search
// where some are deferred. It returns r itself when none is.
func undeferred(r *Request, lost *Losses) *Request {
	deferred := func(t Tool) bool { return t.Defer != nil && *t.Defer }
	if r.From == llm.OpenAIResponses || !slices.ContainsFunc(r.Tools, deferred) {
		return r
	}
	c := *r
	c.Tools = slices.Clone(r.Tools)
	for i := range c.Tools {
		c.Tools[i].Defer = nil
	}
	lost.Drop("tools.defer_loading")
	return &c
}
