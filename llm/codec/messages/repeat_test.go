package messages

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// OpenAI takes one id for calls of two turns, Anthropic does not.
func TestRepeatedCallID(t *testing.T) {
	call := codec.Message{Role: codec.RoleAssistant, Parts: []codec.Part{{Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: "call_1", Name: "f"}}}}
	result := codec.Message{Role: codec.RoleTool, Parts: []codec.Part{{Kind: codec.ToolResultPart, Result: &codec.ToolResult{CallID: "call_1"}}}}
	r := &codec.Request{From: llm.OpenAIChat, Messages: []codec.Message{{Role: codec.RoleUser, Parts: []codec.Part{{Text: "hi"}}}, call, result, call, result}}
	b, err := Codec.EncodeRequest(r, codec.Target{Model: "m"}, nil)
	require.NoError(t, err)
	ids := gjson.GetBytes(b, "messages.#.content.0.id").Array()
	answered := gjson.GetBytes(b, "messages.#.content.0.tool_use_id").Array()
	require.Len(t, ids, 2)
	require.NotEqual(t, ids[0].Str, ids[1].Str)
	require.Equal(t, ids[0].Str, answered[0].Str)
	require.Equal(t, ids[1].Str, answered[1].Str)
}
