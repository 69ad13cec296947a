package llm

// Capabilities is what a model can be asked, as far as requests differ by it. The
// zero value is a model of which nothing is known, which is treated as one that
// takes all that its protocol documents.
type Capabilities struct {
	// MaxOutputTokens is the most that an answer may have; 0 when not known.
	MaxOutputTokens int64 `json:"max_output_tokens,omitempty"`
	// ContextTokens is the size of prompt and answer together; 0 when not known.
	ContextTokens int64 `json:"context_tokens,omitempty"`

	// RejectsSampling: temperature, top_p and top_k are refused.
	RejectsSampling bool `json:"rejects_sampling,omitempty"`
	// OneOfTemperatureTopP: not both.
	OneOfTemperatureTopP bool `json:"one_of_temperature_top_p,omitempty"`
	// RejectsThinkingDisabled: thinking cannot be switched off.
	RejectsThinkingDisabled bool `json:"rejects_thinking_disabled,omitempty"`
	// RejectsBudgetThinking: thinking takes no budget of tokens.
	RejectsBudgetThinking bool `json:"rejects_budget_thinking,omitempty"`
	// RejectsForcedToolUse: tool_choice any and named are refused.
	RejectsForcedToolUse bool `json:"rejects_forced_tool_use,omitempty"`
	// BetweenToolsThinking: thinking of type between_tools is known.
	BetweenToolsThinking bool `json:"between_tools_thinking,omitempty"`
	// AdaptiveThinking: thinking of type adaptive and output_config.effort are known.
	AdaptiveThinking bool `json:"adaptive_thinking,omitempty"`
	// Effort: output_config.effort is known, with or without adaptive thinking.
	Effort bool `json:"effort,omitempty"`
	// NoThinking: the model does not think, and refuses to be asked to.
	NoThinking bool `json:"no_thinking,omitempty"`
	// ThinkingLevel: Gemini's thinkingLevel rather than thinkingBudget.
	ThinkingLevel bool `json:"thinking_level,omitempty"`
	// NoStructuredOutput: the answer's format cannot be held to a schema.
	NoStructuredOutput bool `json:"no_structured_output,omitempty"`
	// Efforts are the values of reasoning effort that are known; empty for all.
	Efforts []string `json:"efforts,omitempty"`

	// The following are for upstreams of OpenAI's chat that are not OpenAI's own.

	// MaxTokensOnly: max_tokens is known, max_completion_tokens is not.
	MaxTokensOnly bool `json:"max_tokens_only,omitempty"`
	// SystemOnly: the role developer is not known.
	SystemOnly bool `json:"system_only,omitempty"`
	// ReasoningContent: thoughts come as reasoning_content, and are wanted back so.
	ReasoningContent bool `json:"reasoning_content,omitempty"`
	// NoCustomTools: custom (grammar) tools are not known.
	NoCustomTools bool `json:"no_custom_tools,omitempty"`
	// NoStrict: the member strict of a function is refused.
	NoStrict bool `json:"no_strict,omitempty"`
}
