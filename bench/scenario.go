package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// scenario is one kind of work. Its request names the scenario as the model,
// which every target forwards, so that the upstream knows what to answer.
type scenario struct {
	name   string
	conns  int // at full load
	events int // of a streamed answer, [DONE] not counted; 0 is no stream
	every  time.Duration
	size   int // bytes of text in an answer that is not streamed
	body   []byte
	burst  bool // all connections only: the latency of a single one says nothing
}

func scenarios() []scenario {
	all := []scenario{
		{name: "small", conns: 16, size: 700},
		{name: "agent", conns: 16, size: 1700},
		{name: "stream", conns: 8, events: 200},
		{name: "slow", conns: 100, events: 40, every: 20 * time.Millisecond, burst: true},
	}
	for i := range all {
		s := &all[i]
		switch s.name {
		case "small":
			s.body = smallRequest(s.name)
		case "agent":
			s.body = agentRequest(s.name)
		default:
			s.body = streamRequest(s.name)
		}
	}
	return all
}

// request keeps its fields in the order in which SDKs send them.
type request struct {
	Model         string         `json:"model"`
	Messages      []message      `json:"messages"`
	Tools         []tool         `json:"tools,omitempty"`
	MaxTokens     int            `json:"max_tokens,omitempty"`
	Stream        bool           `json:"stream,omitempty"`
	StreamOptions *streamOptions `json:"stream_options,omitempty"`
}

type message struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type toolCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function called `json:"function"`
}

type called struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type tool struct {
	Type     string   `json:"type"`
	Function declared `json:"function"`
}

type declared struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only types of this file come here
	}
	return b
}

// smallRequest is about 1 KB.
func smallRequest(model string) []byte {
	return encode(request{Model: model, MaxTokens: 400, Messages: []message{
		{Role: "system", Content: "Answer in the language of the question, in three sentences at most."},
		{Role: "user", Content: sized(820)},
	}})
}

// agentRequest is about 50 KB: the tools and the history that a coding agent
// sends again with every step, quotes and line ends in most of it.
func agentRequest(model string) []byte {
	r := request{Model: model, MaxTokens: 4096, Messages: []message{
		{Role: "system", Content: sized(3000)},
		{Role: "user", Content: "Why does the importer lose the last record?"},
	}}
	for i := range 15 {
		r.Tools = append(r.Tools, tool{Type: "function", Function: declared{
			Name: fmt.Sprintf("workspace_action_%d", i), Description: sized(180),
			Parameters: json.RawMessage(`{"type":"object","properties":{"file":{"type":"string","description":"Path below the workspace."},"first_line":{"type":"integer","minimum":1},"lines":{"type":"integer","maximum":500}},"required":["file"],"additionalProperties":false}`),
		}})
	}
	source := strings.Repeat("\tif err := dec.Decode(&rec); err != nil {\n\t\treturn fmt.Errorf(\"record %d: %w\", n, err)\n\t}\n", 10)
	for i := 0; len(encode(r)) < 50_000; i++ {
		id := fmt.Sprintf("call_%d", i)
		r.Messages = append(r.Messages,
			message{Role: "assistant", ToolCalls: []toolCall{{ID: id, Type: "function", Function: called{
				Name: fmt.Sprintf("workspace_action_%d", i%15), Arguments: fmt.Sprintf(`{"file":"importer/step%d.go","first_line":%d}`, i, 1+i*20)}}}},
			message{Role: "tool", ToolCallID: id, Content: source})
	}
	return encode(r)
}

func streamRequest(model string) []byte {
	return encode(request{Model: model, Stream: true, StreamOptions: &streamOptions{IncludeUsage: true},
		Messages: []message{{Role: "user", Content: "Tell me about the sea."}}})
}

// sized is text of n bytes.
func sized(n int) string {
	const sentence = "The tide comes in twice a day, and nobody on the quay looks up when it does. "
	return strings.Repeat(sentence, n/len(sentence)+1)[:n]
}
