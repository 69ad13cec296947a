package llm

import "strings"

// Operation names one thing that a protocol can be asked, as
// "<protocol>.<what>".
type Operation string

// The operations of OpenAI's protocol.
const (
	OpenAIChat        Operation = "openai.chat"
	OpenAIResponses   Operation = "openai.responses"    // create
	OpenAIResponse    Operation = "openai.response"     // get, delete, cancel, list items of a stored one
	OpenAIInputTokens Operation = "openai.input_tokens" // count the tokens of a Responses request
	OpenAIEmbeddings  Operation = "openai.embeddings"
	OpenAICompletions Operation = "openai.completions"
	OpenAIModerations Operation = "openai.moderations"
	OpenAIImages      Operation = "openai.images"
	OpenAIAudio       Operation = "openai.audio"
	OpenAIFiles       Operation = "openai.files"
	OpenAIBatches     Operation = "openai.batches"
	OpenAIRerank      Operation = "openai.rerank"
	OpenAIModels      Operation = "openai.models"
)

// The operations of Anthropic's protocol.
const (
	AnthropicMessages    Operation = "anthropic.messages"
	AnthropicCountTokens Operation = "anthropic.count_tokens"
	AnthropicModels      Operation = "anthropic.models"
	AnthropicBatches     Operation = "anthropic.batches"
	AnthropicFiles       Operation = "anthropic.files"
)

// The operations of Gemini's protocol.
const (
	GeminiGenerate    Operation = "gemini.generate" // streamed too
	GeminiCountTokens Operation = "gemini.count_tokens"
	GeminiEmbed       Operation = "gemini.embed"
	GeminiBatchEmbed  Operation = "gemini.batch_embed"
	GeminiModels      Operation = "gemini.models"
)

// Protocol is the part before the dot: "openai", "anthropic", "gemini".
func (op Operation) Protocol() string {
	p, _, _ := strings.Cut(string(op), ".")
	return p
}

// Generates says whether the operation asks a model for an answer. Such a request can
// be put in another protocol, and served by another of these operations.
func (op Operation) Generates() bool {
	switch op {
	case OpenAIChat, OpenAIResponses, AnthropicMessages, GeminiGenerate:
		return true
	}
	return false
}
