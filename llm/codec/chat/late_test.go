package chat

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// Responses takes a call's result behind what the user said meanwhile, chat does not.
func TestLateResults(t *testing.T) {
	r := &codec.Request{From: llm.OpenAIResponses, Messages: []codec.Message{
		{Role: codec.RoleUser, Parts: []codec.Part{{Text: "hi"}}},
		{Role: codec.RoleAssistant, Parts: []codec.Part{{Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: "a", Name: "f"}}}},
		{Role: codec.RoleAssistant, Parts: []codec.Part{{Kind: codec.ToolCallPart, Call: &codec.ToolCall{ID: "b", Name: "f"}}}},
		{Role: codec.RoleTool, Parts: []codec.Part{{Kind: codec.ToolResultPart, Result: &codec.ToolResult{CallID: "b"}}}},
		{Role: codec.RoleUser, Parts: []codec.Part{{Text: "hurry"}}},
		{Role: codec.RoleTool, Parts: []codec.Part{{Kind: codec.ToolResultPart, Result: &codec.ToolResult{CallID: "a"}}}},
	}}
	b, err := Codec.EncodeRequest(r, codec.Target{Model: "m"}, nil)
	require.NoError(t, err)
	require.Equal(t, `["user","assistant","tool","tool","user"]`, gjson.GetBytes(b, "messages.#.role").Raw, string(b))
}
