package main

import (
	"encoding/json"
	"fmt"
)

// messagesRequest is a request in Anthropic's form. It keeps its fields in the order
// in which SDKs send them.
type messagesRequest struct {
	Model     string    `json:"model"`
	MaxTokens int       `json:"max_tokens"`
	System    []block   `json:"system,omitempty"`
	Messages  []turn    `json:"messages"`
	Tools     []toolDef `json:"tools,omitempty"`
	Stream    bool      `json:"stream,omitempty"`
}

type turn struct {
	Role    string  `json:"role"`
	Content []block `json:"content"`
}

type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
	ToolUseID string          `json:"tool_use_id,omitempty"`
	Content   string          `json:"content,omitempty"`
}

type toolDef struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema"`
}

func text(s string) []block { return []block{{Type: "text", Text: s}} }

// smallMessages is what smallRequest says, in Anthropic's form.
func smallMessages(model string) []byte {
	return encode(messagesRequest{Model: model, MaxTokens: 400, System: text(smallSystem), Messages: []turn{{Role: "user", Content: text(sized(820))}}})
}

// agentMessages is what agentRequest says, and about as long.
func agentMessages(model string) []byte {
	r := messagesRequest{Model: model, MaxTokens: 4096, System: text(sized(3000)), Messages: []turn{{Role: "user", Content: text(agentAsks)}}}
	for i := range agentTools {
		r.Tools = append(r.Tools, toolDef{Name: agentTool(i), Description: sized(180), InputSchema: agentSchema})
	}
	for i := 0; len(encode(r)) < 50_000; i++ {
		id := fmt.Sprintf("toolu_%d", i)
		r.Messages = append(r.Messages,
			turn{Role: "assistant", Content: []block{{Type: "tool_use", ID: id, Name: agentTool(i), Input: json.RawMessage(agentInput(i))}}},
			turn{Role: "user", Content: []block{{Type: "tool_result", ToolUseID: id, Content: agentSource}}})
	}
	return encode(r)
}

func streamMessages(model string) []byte {
	return encode(messagesRequest{Model: model, MaxTokens: 1024, Stream: true, Messages: []turn{{Role: "user", Content: text(streamAsks)}}})
}

// messagesStream is a stream as Anthropic sends it: six of its events have no text.
func messagesStream(s scenario) *answer {
	a := &answer{every: s.every}
	event := func(name, format string, args ...any) {
		a.chunk("event: " + name + "\ndata: {\"type\":\"" + name + "\"" + fmt.Sprintf(format, args...) + "}\n\n")
	}
	event("message_start", `,"message":{"id":"msg_bench","type":"message","role":"assistant","model":%q,"content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":150,"cache_creation_input_tokens":0,"cache_read_input_tokens":100,"output_tokens":1}}`, s.upstreamModel())
	event("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`)
	event("ping", "")
	for i := range s.deltas() {
		event("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":" word%d"}`, i)
	}
	event("content_block_stop", `,"index":0`)
	event("message_delta", `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":200}`)
	event("message_stop", "")
	return a.streamed("")
}
