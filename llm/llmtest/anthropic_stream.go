package llmtest

// signature is what the fake model signs its thinking with.
const signature = "EqRkZmFrZQ=="

func anthropicUsage(output int) object {
	return object{"input_tokens", InputTokens, "cache_creation_input_tokens", CacheWriteTokens,
		"cache_read_input_tokens", CacheReadTokens,
		"cache_creation", object{"ephemeral_5m_input_tokens", CacheWriteTokens, "ephemeral_1h_input_tokens", 0},
		"output_tokens", output, "service_tier", "standard"}
}

func (c completion) stopReason() string {
	if len(c.calls) > 0 {
		return "tool_use"
	}
	return "end_turn"
}

// anthropicBroken is the error in a stream of messages.
func anthropicBroken(f Fault) []byte {
	kind, message := "overloaded_error", "fake upstream: overloaded"
	if f.Type != "" {
		kind = f.Type
	}
	if f.Message != "" {
		message = f.Message
	}
	return event("error", object{"type", "error", "error", object{"type", kind, "message", message}, "request_id", "req_upstream"})
}

// messageStream is a message in events: one block after the other, numbered from
// 0, with a ping at the beginning as the real one has it.
func (c *call) messageStream() reply {
	answer := c.complete(c.messagesPrompt())
	var events [][]byte
	emit := func(kind string, fields ...any) {
		events = append(events, event(kind, append(object{"type", kind}, fields...)))
	}
	blocks := 0
	block := func(start object, deltas ...object) {
		emit("content_block_start", "index", blocks, "content_block", start)
		if blocks == 0 {
			emit("ping")
		}
		for _, d := range deltas {
			emit("content_block_delta", "index", blocks, "delta", d)
		}
		emit("content_block_stop", "index", blocks)
		blocks++
	}
	deltas := func(kind, field string, pieces []string) []object {
		var list []object
		for _, piece := range pieces {
			list = append(list, object{"type", kind, field, piece})
		}
		return list
	}

	emit("message_start", "message", object{"id", c.u.nextID("msg_"), "type", "message", "role", "assistant",
		"model", c.body.Get("model").Str, "content", []any{}, "stop_reason", nil, "stop_sequence", nil, "usage", anthropicUsage(1)})
	if len(answer.thinking) > 0 {
		block(object{"type", "thinking", "thinking", "", "signature", ""},
			append(deltas("thinking_delta", "thinking", answer.thinking), object{"type", "signature_delta", "signature", signature})...)
	}
	if len(answer.calls) == 0 {
		block(object{"type", "text", "text", ""}, deltas("text_delta", "text", answer.text)...)
	}
	for _, t := range answer.calls {
		block(object{"type", "tool_use", "id", t.id, "name", t.name, "input", object{}},
			deltas("input_json_delta", "partial_json", append([]string{""}, t.arguments...))...)
	}
	emit("message_delta", "delta", object{"stop_reason", answer.stopReason(), "stop_sequence", nil},
		"usage", anthropicUsage(OutputTokens))
	emit("message_stop")
	return c.p.streamReply(events, anthropicBroken)
}
