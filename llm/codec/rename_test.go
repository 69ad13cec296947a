package codec

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

// takenNames says again, in another way, what the protocols take.
var takenNames = map[llm.Operation]*regexp.Regexp{
	llm.OpenAIChat:        regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`),
	llm.OpenAIResponses:   regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`),
	llm.AnthropicMessages: regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`),
	llm.GeminiGenerate:    regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$`),
}

func TestToolNames(t *testing.T) {
	for op, n := range toolNames {
		for _, name := range []string{"", "a", "A_z-09", "a.b:c", ".a", ":a", "-a", "_a", "9a", "é", "a b", "a/b", strings.Repeat("n", 64), strings.Repeat("n", 65), strings.Repeat("n", 128), strings.Repeat("n", 129)} {
			require.Equal(t, takenNames[op].MatchString(name), n.take(name), "%s %q", op, name)
		}
	}
}

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
			require.Regexp(t, takenNames[op], tool.Name)
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
