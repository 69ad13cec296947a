package gemini

import (
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
)

// readUsage reads usageMetadata. promptTokenCount includes what came from the cache
// but not the prompts of tools that Google ran; candidatesTokenCount does not include
// the thoughts. A count that is 0 is not written by Google's servers: what the total
// proves to be 0 is known. tier is Google's word for the service tier.
func readUsage(text []byte) (u llm.Usage, tier string) {
	var prompt, cached, candidates, thoughts, tools, total llm.Count
	jsonscan.Walk(text, 0, func(name []byte, at int) int {
		end := jsonscan.Skip(text, at)
		if end < 0 {
			return end
		}
		var to *llm.Count
		switch string(name) {
		case "promptTokenCount":
			to = &prompt
		case "cachedContentTokenCount":
			to = &cached
		case "candidatesTokenCount":
			to = &candidates
		case "thoughtsTokenCount":
			to = &thoughts
		case "toolUsePromptTokenCount":
			to = &tools
		case "totalTokenCount":
			to = &total
		case "serviceTier":
			tier, _ = jsonscan.String(text[at:end])
		}
		if to != nil {
			if n, ok := jsonscan.Int(text[at:end]); ok {
				*to = llm.Known(n)
			}
		}
		return end
	})
	u.CacheRead, u.Reasoning = cached, thoughts
	if prompt.Known || tools.Known {
		u.Input = llm.Known(max(0, prompt.N+tools.N-cached.N))
	}
	u.Output = candidates.Plus(thoughts)
	if !u.Output.Known && prompt.Known && total.Known {
		u.Output = llm.Known(max(0, total.N-prompt.N-tools.N))
	}
	return u, tier
}

// writeUsage writes usageMetadata, unless nothing is known.
func writeUsage(w *jsonwrite.Writer, u llm.Usage, tier string) {
	prompt, output, total := u.Prompt(), u.Output, u.Total()
	word := ""
	for _, t := range tiers {
		if t[0] == tier && tier != "auto" {
			word = t[1]
		}
	}
	if !total.Known && !u.Reasoning.Known && word == "" {
		return
	}
	w.ObjectField("usageMetadata")
	count := func(name string, c llm.Count) {
		if c.Known {
			w.IntField(name, c.N)
		}
	}
	count("promptTokenCount", prompt)
	count("cachedContentTokenCount", u.CacheRead)
	if output.Known {
		output.N = max(0, output.N-u.Reasoning.N)
	}
	count("candidatesTokenCount", output)
	count("thoughtsTokenCount", u.Reasoning)
	count("totalTokenCount", total)
	if word != "" {
		w.StringField("serviceTier", word)
	}
	w.End()
}

// tierOf is the service tier in OpenAI's words, "" when it is not known.
func tierOf(word string) string {
	for _, t := range tiers {
		if t[1] == word {
			return t[0]
		}
	}
	return ""
}
