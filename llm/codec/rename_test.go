package codec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Names that the upstream refuses go out under others, and come back as they were.
func TestRename(t *testing.T) {
	long := strings.Repeat("n", 100)
	r := &Request{
		From:       llm.GeminiGenerate,
		Tools:      []Tool{{Name: "a.b"}, {Name: "a_b"}, {Name: long}, {Name: "good"}, {Kind: CustomTool, Name: "c.d"}},
		ToolChoice: &ToolChoice{Mode: ModeAny, Allowed: []string{"a.b", "good"}},
		Messages: []Message{
			{Role: RoleAssistant, Parts: []Part{{Kind: ToolCallPart, Call: &ToolCall{ID: "1", Name: "a.b"}}}},
			{Role: RoleTool, Parts: []Part{{Kind: ToolResultPart, Result: &ToolResult{CallID: "1", Name: "a.b"}}}},
		},
	}
	for _, op := range []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses, llm.AnthropicMessages} {
		got, a, err := Adapt(r, op, llm.Capabilities{}, nil)
		require.NoError(t, err)
		seen := map[string]bool{}
		for i, tool := range got.Tools {
			require.Regexp(t, toolName[op], tool.Name)
			require.False(t, seen[tool.Name], tool.Name)
			seen[tool.Name] = true
			answer := &Response{Choices: []Choice{{Parts: []Part{{Kind: ToolCallPart, Call: &ToolCall{Name: tool.Name, Arguments: `{"input":"x"}`}}}}}}
			a.Response(answer)
			require.Equal(t, r.Tools[i].Name, answer.Choices[0].Parts[0].Call.Name, op)
		}
		require.Equal(t, got.Tools[0].Name, got.ToolChoice.Allowed[0])
		require.Equal(t, got.Tools[0].Name, got.Messages[0].Parts[0].Call.Name)
		require.Equal(t, got.Tools[0].Name, got.Messages[1].Parts[0].Result.Name)
		require.Equal(t, "a.b", r.Tools[0].Name, "the caller's request has changed")
	}
	same, a, err := Adapt(&Request{From: llm.OpenAIChat, Tools: r.Tools[1:2]}, llm.AnthropicMessages, llm.Capabilities{}, nil)
	require.NoError(t, err)
	require.Nil(t, a)
	require.Equal(t, "a_b", same.Tools[0].Name)
}
