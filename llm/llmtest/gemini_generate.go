package llmtest

import (
	"bytes"
	"slices"
	"strings"
)

// geminiUsage is the usage of an answer that is whole, or of one that has begun. The
// protocol knows no writing to a cache: such tokens are of the prompt, like any.
func geminiUsage(whole bool) object {
	const prompt = InputTokens + CacheReadTokens + CacheWriteTokens
	o := object{"promptTokenCount", prompt, "cachedContentTokenCount", CacheReadTokens}
	total := prompt
	if whole {
		o = append(o, "candidatesTokenCount", OutputTokens-ReasoningTokens, "thoughtsTokenCount", ReasoningTokens)
		total += OutputTokens
	}
	return append(o, "totalTokenCount", total, "promptTokensDetails", []any{object{"modality", "TEXT", "tokenCount", prompt}},
		"cacheTokensDetails", []any{object{"modality", "TEXT", "tokenCount", CacheReadTokens}}, "serviceTier", "standard")
}

func (c *call) geminiPrompt() prompt {
	config := member(c.body, "generationConfig")
	p := prompt{parallel: true, thinking: member(config, "thinkingConfig.includeThoughts").Bool(), schema: member(config, "responseJsonSchema")}
	if !p.schema.Exists() {
		p.schema = member(config, "responseSchema")
	}
	for _, content := range c.body.Get("contents").Array() {
		p.answered = false
		if content.Get("role").Str == "model" {
			continue
		}
		for _, part := range content.Get("parts").Array() {
			if text := part.Get("text"); text.Exists() {
				p.text = text.Str
			}
			for _, name := range []string{"inlineData.mimeType", "fileData.mimeType"} {
				if strings.HasPrefix(member(part, name).Str, "image/") {
					p.images++
				}
			}
			p.answered = p.answered || member(part, "functionResponse").Exists()
		}
	}
	calling := member(c.body, "toolConfig.functionCallingConfig")
	if calling.Get("mode").Str == "NONE" {
		return p
	}
	var allowed []string
	for _, name := range member(calling, "allowedFunctionNames").Array() {
		allowed = append(allowed, name.Str)
	}
	for _, t := range c.body.Get("tools").Array() {
		for _, f := range member(t, "functionDeclarations").Array() {
			schema := member(f, "parametersJsonSchema")
			if !schema.Exists() {
				schema = f.Get("parameters")
			}
			if name := f.Get("name").Str; len(allowed) == 0 || slices.Contains(allowed, name) {
				p.tools = append(p.tools, tool{name: name, schema: schema})
			}
		}
	}
	return p
}

// geminiAnswer makes the messages of one answer: the whole one, or chunks.
type geminiAnswer struct {
	id, model  string
	candidates int
	completion
}

func (c *call) geminiAnswer(model string) geminiAnswer {
	n := max(1, min(int(member(c.body, "generationConfig.candidateCount").Int()), 8))
	return geminiAnswer{c.u.nextID("response-"), model, n, c.complete(c.geminiPrompt())}
}

func (a geminiAnswer) message(candidates []any, whole bool) object {
	return object{"candidates", candidates, "usageMetadata", geminiUsage(whole), "modelVersion", a.model, "responseId", a.id}
}

// candidate is an answer, or a piece of it. The last piece has the finish.
func (a geminiAnswer) candidate(i int, parts []any, last bool) object {
	o := object{"content", object{"parts", parts, "role", "model"}}
	if last {
		o = append(o, "finishReason", "STOP")
	}
	return append(o, "index", i)
}

// part is a part, signed if the model was asked to show its thoughts.
func (a geminiAnswer) part(signed bool, fields ...any) object {
	if signed && len(a.thinking) > 0 {
		return append(object(fields), "thoughtSignature", signature)
	}
	return fields
}

func (a geminiAnswer) thought(text string) object { return object{"text", text, "thought", true} }

// call is the i-th call; the first of several is signed.
func (a geminiAnswer) call(i int) object {
	t := a.calls[i]
	return a.part(i == 0, "functionCall", object{"name", t.name, "args", rawJSON(strings.Join(t.arguments, "")), "id", t.id})
}

func (c *call) generate(model string) reply {
	if a, bad := c.missing("contents.0"); bad {
		return a
	}
	a := c.geminiAnswer(model)
	parts := []any{}
	if len(a.thinking) > 0 {
		parts = append(parts, a.thought(strings.Join(a.thinking, "")))
	}
	if len(a.calls) == 0 {
		parts = append(parts, a.part(true, "text", a.whole()))
	}
	for i := range a.calls {
		parts = append(parts, a.call(i))
	}
	candidates := []any{}
	for i := range a.candidates {
		candidates = append(candidates, a.candidate(i, parts, true))
	}
	return c.p.jsonReply(a.message(candidates, true))
}

// generateStream is an answer in chunks of one part each. Nothing ends it but the
// finish of each candidate.
func (c *call) generateStream(model string) reply {
	if a, bad := c.missing("contents.0"); bad {
		return a
	}
	a := c.geminiAnswer(model)
	var chunks [][]byte
	for i := range a.candidates {
		emit := func(part object, last bool) {
			candidates := []any{a.candidate(i, []any{part}, last)}
			chunks = append(chunks, encode(a.message(candidates, last && i == a.candidates-1)))
		}
		for _, text := range a.thinking {
			emit(a.thought(text), false)
		}
		for _, text := range a.text {
			emit(object{"text", text}, false)
		}
		for j := range a.calls {
			emit(a.call(j), false)
		}
		emit(a.part(len(a.calls) == 0, "text", ""), true)
	}
	if c.p == geminiArray {
		return c.p.arrayReply(chunks)
	}
	for i, chunk := range chunks {
		chunks[i] = geminiEvent(chunk)
	}
	return c.p.streamReply(chunks, func(f Fault) []byte { return geminiEvent(gemini.envelope(503, f)) })
}

// geminiEvent is an event with the line ends that Google writes.
func geminiEvent(json []byte) []byte {
	return slices.Concat([]byte("data: "), json, []byte("\r\n\r\n"))
}

// arrayReply is a stream as one JSON array, whose end is an event of its own.
func (p protocol) arrayReply(chunks [][]byte) reply {
	begin := func(i int) []byte {
		if i == 0 {
			return []byte("[")
		}
		return []byte(",\r\n")
	}
	a := reply{status: 200, header: p.header("application/json"), stream: true}
	for i, chunk := range chunks {
		a.events = append(a.events, append(begin(i), chunk...))
	}
	a.events = append(a.events, []byte("]\r\n"))
	a.broken = func(f Fault) []byte {
		e := gemini.envelope(503, f)
		return bytes.Join([][]byte{begin(breakAt(f, len(a.events))), e, []byte("]\r\n")}, nil)
	}
	return a
}
