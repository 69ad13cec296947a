package llmproxy

import (
	"bytes"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/internal/sse"
)

// chunk reads one chunk of a chat completion.
func (r *reading) chunk(text, data []byte, injected bool) (keep bool) {
	if string(data) == "[DONE]" {
		r.ended, r.closed = true, true
		return true
	}
	choices, usage := 0, false
	made := span{}
	walk(data, 0, func(name []byte, at int) int {
		switch string(name) {
		case "choices":
			return items(data, at, func(data []byte, at int) int {
				choices++
				return r.streamedChoice(data, at, &made)
			})
		case "usage":
			end := jsonscan.Skip(data, at)
			if end > at && r.setUsage(data[at:end]) {
				usage, r.usage.Final = true, true
			}
			return end
		case "error":
			if data[at] != 'n' {
				r.failed, r.ended = true, true
			}
		}
		return jsonscan.Skip(data, at)
	})
	if made.only() && choices == 1 && !usage {
		r.learn(text, data, made)
	}
	return !injected || !usage || choices > 0
}

// span is where in an event's data the text stands that a model has made. plain
// is false when the event tells anything else that must be read.
type span struct {
	start, end, count int
	other             bool
}

func (s *span) only() bool { return s.count == 1 && !s.other }

// learn remembers an event of which only the model's text need be counted.
func (r *reading) learn(text, data []byte, made span) {
	if at := bytes.Index(text, data); at >= 0 {
		r.same.learn(text, at+made.start, at+made.end)
	}
}

// streamedChoice reads a choice of a chunk.
func (r *reading) streamedChoice(data []byte, at int, made *span) int {
	return walk(data, at, func(name []byte, at int) int {
		switch string(name) {
		case "delta":
			return walk(data, at, func(name []byte, at int) int {
				if string(name) == "tool_calls" && data[at] == '[' {
					made.other = true
					return items(data, at, r.toolCall)
				}
				return r.madeText(name, data, at, made)
			})
		case "text": // of a completion
			return r.madeText(name, data, at, made)
		case "finish_reason":
			if data[at] == '"' {
				r.ended, made.other = true, true
			}
		}
		return jsonscan.Skip(data, at)
	})
}

// madeText counts a member whose text a model has made.
func (r *reading) madeText(name, data []byte, at int, made *span) int {
	end := jsonscan.Skip(data, at)
	if end < at || data[at] != '"' {
		return end
	}
	switch string(name) {
	case "content", "text", "reasoning_content", "reasoning", "refusal", "thinking", "partial_json", "delta", "arguments":
		made.start, made.end = at+1, end-1
		made.count++
		r.textBytes += end - at - 2
	}
	return end
}

// toolCall reads a tool call, or a fragment of one: only its first has a name.
func (r *reading) toolCall(data []byte, at int) int {
	return walk(data, at, func(name []byte, at int) int {
		if k := string(name); k != "function" && k != "custom" {
			return jsonscan.Skip(data, at)
		}
		return walk(data, at, func(name []byte, at int) int {
			end := r.madeText(name, data, at, new(span))
			if end > at+2 && string(name) == "name" && data[at] == '"' {
				r.tool(data[at:end])
			}
			return end
		})
	})
}

// choice reads a choice of an answer that was not streamed.
func (r *reading) choice(data []byte, at int) int {
	return walk(data, at, func(name []byte, at int) int {
		if string(name) != "message" {
			return jsonscan.Skip(data, at)
		}
		return walk(data, at, func(name []byte, at int) int {
			if string(name) == "tool_calls" {
				return items(data, at, r.toolCall)
			}
			return jsonscan.Skip(data, at)
		})
	})
}

func (r *reading) responsesEvent(e sse.Event) {
	data, made := e.Data, span{}
	var kind, response, item []byte
	walk(data, 0, func(name []byte, at int) int {
		end := r.madeText(name, data, at, &made)
		if end < at {
			return end
		}
		switch string(name) {
		case "type":
			kind = data[at:end]
		case "response":
			response = data[at:end]
		case "item":
			item = data[at:end]
		case "sequence_number":
			r.sequence, _ = jsonscan.Int(data[at:end])
		}
		return end
	})
	switch kind := kindOf(kind, e); kind {
	case "response.completed", "response.incomplete", "response.failed":
		r.ended, r.closed, r.failed = true, true, kind == "response.failed"
		walk(response, 0, func(name []byte, at int) int {
			end := jsonscan.Skip(response, at)
			if string(name) == "usage" && end > at {
				r.usage.Final = r.setUsage(response[at:end])
			}
			return end
		})
	case "response.created":
		walk(response, 0, func(name []byte, at int) int {
			end := jsonscan.Skip(response, at)
			if string(name) == "id" && end > at {
				r.responseID, _ = jsonscan.String(response[at:end])
			}
			return end
		})
	case "response.output_item.done":
		r.outputItem(item, 0)
	case "error":
		r.ended, r.failed = true, true
	}
}

// kindOf is the type of an event: its data's, or else its name.
func kindOf(quoted []byte, e sse.Event) string {
	if len(quoted) > 2 && quoted[0] == '"' {
		return string(quoted[1 : len(quoted)-1])
	}
	return string(e.Name)
}

func (r *reading) outputItem(data []byte, at int) int {
	kind, name, end := named(data, at)
	if k := string(kind); k == `"function_call"` || k == `"custom_tool_call"` {
		r.tool(name)
	}
	return end
}

func (r *reading) messagesEvent(text []byte, e sse.Event) {
	data, made := e.Data, span{}
	var kind []byte
	member := func(name []byte, at int) int {
		end := jsonscan.Skip(data, at)
		switch {
		case end < at:
		case string(name) == "usage": // of the message that starts, or its change
			r.setUsage(data[at:end])
		}
		return end
	}
	walk(data, 0, func(name []byte, at int) int {
		switch string(name) {
		case "message":
			return walk(data, at, member)
		case "delta":
			return walk(data, at, func(name []byte, at int) int { return r.madeText(name, data, at, &made) })
		case "content_block":
			return r.contentBlock(data, at)
		}
		end := member(name, at)
		if end > at && string(name) == "type" {
			kind = data[at:end]
		}
		return end
	})
	switch kindOf(kind, e) {
	case "content_block_delta":
		if made.only() {
			r.learn(text, data, made)
		}
	case "message_stop":
		r.ended, r.closed = true, true
		r.usage.Final = r.usage.Total().Known
	case "error":
		r.ended, r.failed = true, true
	}
}

func (r *reading) contentBlock(data []byte, at int) int {
	kind, name, end := named(data, at)
	if string(kind) == `"tool_use"` {
		r.tool(name)
	}
	return end
}
