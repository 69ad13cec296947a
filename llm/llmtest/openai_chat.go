package llmtest

import (
	"strings"

	"github.com/tidwall/gjson"
)

// openAIUsage is the usage of chat completions and text completions.
func openAIUsage() object {
	in := InputTokens + CacheReadTokens + CacheWriteTokens
	return object{"prompt_tokens", in, "completion_tokens", OutputTokens, "total_tokens", in + OutputTokens,
		"prompt_tokens_details", object{"cached_tokens", CacheReadTokens, "cache_write_tokens", CacheWriteTokens, "audio_tokens", 0},
		"completion_tokens_details", object{"reasoning_tokens", ReasoningTokens, "audio_tokens", 0,
			"accepted_prediction_tokens", 0, "rejected_prediction_tokens", 0}}
}

// openAIBroken is the error in a stream of chat or text completions.
func openAIBroken(f Fault) []byte {
	return data(rawJSON(openAI.envelope(500, f)))
}

func (c *call) chatPrompt() prompt {
	p := prompt{parallel: true}
	if v := c.body.Get("parallel_tool_calls"); v.Exists() {
		p.parallel = v.Bool()
	}
	for _, m := range c.body.Get("messages").Array() {
		p.answered = m.Get("role").Str == "tool"
		if m.Get("role").Str != "user" {
			continue
		}
		content := m.Get("content")
		if content.Type == gjson.String {
			p.text = content.Str
		}
		if !content.IsArray() {
			continue
		}
		for _, part := range content.Array() {
			switch part.Get("type").Str {
			case "text":
				p.text = part.Get("text").Str
			case "image_url":
				p.images++
			}
		}
	}
	if c.body.Get("tool_choice").Str != "none" {
		for _, t := range c.body.Get("tools").Array() {
			p.tools = append(p.tools, tool{name: t.Get("function.name").Str, schema: t.Get("function.parameters")})
		}
	}
	p.schema = c.body.Get("response_format.json_schema.schema")
	return p
}

func (c *call) chat() reply {
	if a, bad := c.missing("model", "messages.0"); bad {
		return a
	}
	answer := c.complete(c.chatPrompt())
	id, model := c.u.nextID("chatcmpl-"), c.body.Get("model").Str
	n := max(1, min(int(c.body.Get("n").Int()), 8))
	if c.body.Get("stream").Bool() {
		return c.chatStream(id, model, n, answer)
	}
	finish := "stop"
	message := object{"role", "assistant", "content", answer.whole(), "refusal", nil, "annotations", []any{}}
	if len(answer.calls) > 0 {
		finish = "tool_calls"
		calls := []any{}
		for _, t := range answer.calls {
			calls = append(calls, object{"id", t.id, "type", "function", "function",
				object{"name", t.name, "arguments", strings.Join(t.arguments, "")}})
		}
		message = object{"role", "assistant", "content", nil, "tool_calls", calls, "refusal", nil, "annotations", []any{}}
	}
	choices := []any{}
	for i := range n {
		choices = append(choices, object{"index", i, "message", message, "logprobs", nil, "finish_reason", finish})
	}
	return c.p.jsonReply(object{"id", id, "object", "chat.completion", "created", created, "model", model,
		"choices", choices, "usage", openAIUsage(), "service_tier", "default", "system_fingerprint", "fp_fake"})
}

func (c *call) chatStream(id, model string, n int, answer completion) reply {
	withUsage := c.body.Get("stream_options.include_usage").Bool()
	var events [][]byte
	emit := func(choices []any, usage any) {
		o := object{"id", id, "object", "chat.completion.chunk", "created", created, "model", model,
			"service_tier", "default", "system_fingerprint", "fp_fake", "choices", choices}
		if withUsage {
			o = append(o, "usage", usage)
		}
		events = append(events, data(o))
	}
	delta := func(i int, d object, finish any) {
		emit([]any{object{"index", i, "delta", d, "logprobs", nil, "finish_reason", finish}}, nil)
	}
	for i := range n {
		finish := "stop"
		if len(answer.calls) > 0 {
			finish = "tool_calls"
			delta(i, object{"role", "assistant", "content", nil, "refusal", nil}, nil)
		} else {
			delta(i, object{"role", "assistant", "content", "", "refusal", nil}, nil)
		}
		for _, text := range answer.text {
			delta(i, object{"content", text}, nil)
		}
		for j, t := range answer.calls {
			delta(i, object{"tool_calls", []any{object{"index", j, "id", t.id, "type", "function",
				"function", object{"name", t.name, "arguments", ""}}}}, nil)
			for _, piece := range t.arguments {
				delta(i, object{"tool_calls", []any{object{"index", j, "function", object{"arguments", piece}}}}, nil)
			}
		}
		delta(i, object{}, finish)
	}
	if withUsage {
		emit([]any{}, openAIUsage())
	}
	return c.p.streamReply(append(events, []byte("data: [DONE]\n\n")), openAIBroken)
}

func (c *call) completions() reply {
	if a, bad := c.missing("model", "prompt"); bad {
		return a
	}
	answer := c.complete(prompt{text: c.body.Get("prompt").String()})
	id, model := c.u.nextID("cmpl-"), c.body.Get("model").Str
	body := func(choices []any) object {
		return object{"id", id, "object", "text_completion", "created", created, "model", model, "choices", choices}
	}
	choice := func(text string, finish any) []any {
		return []any{object{"text", text, "index", 0, "logprobs", nil, "finish_reason", finish}}
	}
	if !c.body.Get("stream").Bool() {
		return c.p.jsonReply(append(body(choice(answer.whole(), "stop")), "usage", openAIUsage()))
	}
	var events [][]byte
	for _, text := range answer.text {
		events = append(events, data(body(choice(text, nil))))
	}
	events = append(events, data(body(choice("", "stop"))))
	if c.body.Get("stream_options.include_usage").Bool() {
		events = append(events, data(append(body([]any{}), "usage", openAIUsage())))
	}
	return c.p.streamReply(append(events, []byte("data: [DONE]\n\n")), openAIBroken)
}
