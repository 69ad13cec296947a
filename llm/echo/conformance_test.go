package echo_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/echo"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

func TestConformance(t *testing.T) {
	llmtest.RunProvider(t, func(t *testing.T, _ string) llm.Provider {
		p, err := echo.New(llm.Config{ID: "demo", Type: "echo"})
		require.NoError(t, err)
		return p
	}, llmtest.ProviderOptions{
		InProcess: true,
		Operations: []llm.Operation{
			llm.OpenAIChat, llm.OpenAICompletions, llm.OpenAIResponses, llm.OpenAIEmbeddings, llm.OpenAIModerations,
			llm.OpenAIModels, llm.OpenAIInputTokens, llm.AnthropicMessages, llm.AnthropicCountTokens, llm.AnthropicModels,
		},
		Unserved: []llm.Operation{llm.OpenAIImages, llm.OpenAIResponse, llm.AnthropicBatches},
	})
}
