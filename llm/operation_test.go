package llm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

func TestGenerates(t *testing.T) {
	for _, op := range []llm.Operation{llm.OpenAIChat, llm.OpenAIResponses, llm.AnthropicMessages, llm.GeminiGenerate} {
		require.True(t, op.Generates(), op)
	}
	for _, op := range []llm.Operation{llm.OpenAICompletions, llm.OpenAIResponse, llm.OpenAIInputTokens, llm.AnthropicCountTokens, llm.GeminiEmbed, ""} {
		require.False(t, op.Generates(), op)
	}
}
