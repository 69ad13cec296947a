package codec

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

// An answer as a stream, collected again, is the answer.
func TestEventsAreCollected(t *testing.T) {
	sig := &Signature{Of: llm.AnthropicMessages, Value: "s"}
	r := &Response{
		From: llm.AnthropicMessages, ID: "msg_1", Model: "m", Created: 7, Usage: llm.Usage{Input: llm.Known(3), Output: llm.Known(4), Final: true},
		Choices: []Choice{{Parts: []Part{
			{Kind: Thinking, Text: "hm", Thought: &Thought{Signature: sig}},
			{Kind: Thinking, Thought: &Thought{Redacted: true, Signature: sig}},
			{Kind: Thinking, Text: "ab", Thought: &Thought{ID: "rs_1", Summary: []string{"a", "b"}, Signature: sig}},
			{Kind: Text, Text: "hello", Annotations: []Annotation{{URL: "u"}}},
			{Kind: ToolCallPart, Call: &ToolCall{ID: "c", Name: "f", Arguments: `{"a":1}`}, Signature: sig},
			{Kind: Opaque, Raw: json.RawMessage(`{"type":"x"}`), Origin: llm.AnthropicMessages},
		}, Finish: Finish{Reason: ReasonToolCalls, Raw: "tool_use"}}},
	}
	before, err := json.Marshal(r)
	require.NoError(t, err)
	var c Collector
	events := Events(r)
	for i := range events {
		require.Nil(t, c.Response())
		require.NoError(t, c.Add(&events[i]))
	}
	after, err := json.Marshal(c.Response())
	require.NoError(t, err)
	require.JSONEq(t, string(before), string(after))
	unchanged, _ := json.Marshal(r)
	require.JSONEq(t, string(before), string(unchanged))
}

func TestCollectorReportsFailure(t *testing.T) {
	var c Collector
	require.ErrorContains(t, c.Add(&Event{Kind: Failed, Err: llm.Errorf(llm.CodeOverloaded, "busy")}), "busy")
	require.Nil(t, c.Response())
}
