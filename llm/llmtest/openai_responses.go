package llmtest

import (
	"strings"

	"github.com/tidwall/gjson"
)

func responsesUsage() object {
	in := InputTokens + CacheReadTokens + CacheWriteTokens
	return object{"input_tokens", in,
		"input_tokens_details", object{"cached_tokens", CacheReadTokens, "cache_write_tokens", CacheWriteTokens},
		"output_tokens", OutputTokens, "output_tokens_details", object{"reasoning_tokens", ReasoningTokens},
		"total_tokens", in + OutputTokens}
}

func (c *call) responsesPrompt() prompt {
	p := prompt{parallel: true, thinking: c.body.Get("reasoning.effort").Exists(), schema: c.body.Get("text.format.schema")}
	if v := c.body.Get("parallel_tool_calls"); v.Exists() {
		p.parallel = v.Bool()
	}
	input := c.body.Get("input")
	if input.Type == gjson.String {
		p.text = input.Str
	} else {
		for _, item := range input.Array() {
			p.answered = strings.HasSuffix(item.Get("type").Str, "_output")
			content := item.Get("content")
			if item.Get("role").Str != "user" {
				continue
			}
			if content.Type == gjson.String {
				p.text = content.Str
				continue
			}
			for _, part := range content.Array() {
				switch part.Get("type").Str {
				case "input_text":
					p.text = part.Get("text").Str
				case "input_image":
					p.images++
				}
			}
		}
	}
	if c.body.Get("tool_choice").Str != "none" {
		for _, t := range c.body.Get("tools").Array() {
			if kind := t.Get("type").Str; kind == "function" || kind == "custom" {
				p.tools = append(p.tools, tool{t.Get("name").Str, t.Get("parameters"), kind == "custom"})
			}
		}
	}
	return p
}

// responses answers POST /v1/responses, and keeps the answer unless store is
// false.
func (c *call) responses() reply {
	if a, bad := c.missing("model", "input"); bad {
		return a
	}
	answer := c.complete(c.responsesPrompt())
	id := c.u.nextID("resp_")
	s := &responseStream{call: c, id: id}
	s.run(answer)
	done := s.response("completed", s.output, responsesUsage())
	if v := c.body.Get("store"); !v.Exists() || v.Bool() {
		c.u.put(id, stored{kind: "openai.response", json: encode(done)})
	}
	if c.body.Get("stream").Bool() {
		s.emit("response.completed", "response", done)
		return c.p.streamReply(s.events, s.broken)
	}
	return c.p.jsonReply(done)
}

// responseStream builds the events of a response and, with them, its output.
type responseStream struct {
	*call
	id     string
	events [][]byte
	output []any
}

// emit adds an event of a type with more fields.
func (s *responseStream) emit(kind string, fields ...any) {
	o := append(object{"type", kind, "sequence_number", len(s.events)}, fields...)
	s.events = append(s.events, event(kind, o))
}

func (s *responseStream) broken(f Fault) []byte {
	code, message := "server_error", "fake upstream: the response broke"
	if f.Code != "" {
		code = f.Code
	}
	if f.Message != "" {
		message = f.Message
	}
	return event("error", object{"type", "error", "sequence_number", 999, "code", code, "message", message, "param", nil})
}

func (s *responseStream) response(status string, output []any, usage any) object {
	echo := func(key, otherwise string) rawJSON {
		if v := s.body.Get(key); v.Exists() {
			return rawJSON(v.Raw)
		}
		return rawJSON(otherwise)
	}
	return object{"id", s.id, "object", "response", "created_at", created, "status", status, "background", false, "error", nil,
		"incomplete_details", nil, "instructions", echo("instructions", "null"), "max_output_tokens", echo("max_output_tokens", "null"),
		"model", s.body.Get("model").Str, "output", output, "parallel_tool_calls", echo("parallel_tool_calls", "true"),
		"previous_response_id", echo("previous_response_id", "null"), "reasoning", echo("reasoning", `{"effort":null,"summary":null}`),
		"store", echo("store", "true"), "temperature", echo("temperature", "1"), "text", echo("text", `{"format":{"type":"text"}}`),
		"tool_choice", echo("tool_choice", `"auto"`), "tools", echo("tools", "[]"), "top_p", echo("top_p", "1"),
		"truncation", "disabled", "usage", usage, "user", nil, "metadata", echo("metadata", "{}")}
}

func (s *responseStream) run(answer completion) {
	s.output = []any{}
	s.emit("response.created", "response", s.response("in_progress", []any{}, nil))
	s.emit("response.in_progress", "response", s.response("in_progress", []any{}, nil))
	if len(answer.thinking) > 0 {
		s.reasoning(answer.thinking)
	}
	for _, t := range answer.calls {
		if t.custom {
			s.toolCall(t, "ctc_", "custom_tool_call", "input", "response.custom_tool_call_input")
		} else {
			s.toolCall(t, "fc_", "function_call", "arguments", "response.function_call_arguments")
		}
	}
	if len(answer.calls) == 0 {
		s.message(answer)
	}
}

// finish ends an item.
func (s *responseStream) finish(item object) {
	s.emit("response.output_item.done", "output_index", len(s.output), "item", item)
	s.output = append(s.output, item)
}

func (s *responseStream) message(answer completion) {
	id, index := s.u.nextID("msg_"), len(s.output)
	message := func(status string, content []any) object {
		return object{"id", id, "type", "message", "status", status, "role", "assistant", "content", content}
	}
	part := func(text string) object {
		return object{"type", "output_text", "text", text, "annotations", []any{}, "logprobs", []any{}}
	}
	at := []any{"item_id", id, "output_index", index, "content_index", 0}
	s.emit("response.output_item.added", "output_index", index, "item", message("in_progress", []any{}))
	s.emit("response.content_part.added", append(at, "part", part(""))...)
	for _, text := range answer.text {
		s.emit("response.output_text.delta", append(at, "delta", text, "logprobs", []any{})...)
	}
	s.emit("response.output_text.done", append(at, "text", answer.whole(), "logprobs", []any{})...)
	s.emit("response.content_part.done", append(at, "part", part(answer.whole()))...)
	s.finish(message("completed", []any{part(answer.whole())}))
}

func (s *responseStream) toolCall(t toolCall, prefix, kind, field, events string) {
	id, index := s.u.nextID(prefix), len(s.output)
	item := func(status, value string) object {
		return object{"id", id, "type", kind, "status", status, field, value, "call_id", t.id, "name", t.name}
	}
	whole := strings.Join(t.arguments, "")
	s.emit("response.output_item.added", "output_index", index, "item", item("in_progress", ""))
	for _, piece := range t.arguments {
		s.emit(events+".delta", "item_id", id, "output_index", index, "delta", piece)
	}
	s.emit(events+".done", "item_id", id, "output_index", index, field, whole)
	s.finish(item("completed", whole))
}

func (s *responseStream) reasoning(thinking []string) {
	id, index := s.u.nextID("rs_"), len(s.output)
	var encrypted any
	for _, v := range s.body.Get("include").Array() {
		if v.Str == "reasoning.encrypted_content" {
			encrypted = "ZmFrZSByZWFzb25pbmc="
		}
	}
	item := func(summary []any) object {
		return object{"id", id, "type", "reasoning", "summary", summary, "encrypted_content", encrypted}
	}
	part := func(text string) object { return object{"type", "summary_text", "text", text} }
	whole := strings.Join(thinking, "")
	at := []any{"item_id", id, "output_index", index, "summary_index", 0}
	s.emit("response.output_item.added", "output_index", index, "item", item([]any{}))
	s.emit("response.reasoning_summary_part.added", append(at, "part", part(""))...)
	for _, text := range thinking {
		s.emit("response.reasoning_summary_text.delta", append(at, "delta", text)...)
	}
	s.emit("response.reasoning_summary_text.done", append(at, "text", whole)...)
	s.emit("response.reasoning_summary_part.done", append(at, "part", part(whole))...)
	s.finish(item([]any{part(whole)}))
}
