package responses

import (
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
)

const op = llm.OpenAIResponses

type protocol struct{}

// Operation implements [codec.Codec].
func (protocol) Operation() llm.Operation { return op }

var names = map[string]string{
	"max_tokens":            "max_output_tokens",
	"max_completion_tokens": "max_output_tokens",
	"response_format":       "text.format",
	"format":                "text.format",
	"verbosity":             "text.verbosity",
	"reasoning_effort":      "reasoning.effort",
	"thinking":              "reasoning",
	"system":                "instructions",
	"messages":              "input",
}

// FieldName implements [codec.Codec]. Messages are not counted as items are, so the
// index of one is left out.
func (protocol) FieldName(neutral string) string {
	if name, ok := names[neutral]; ok {
		return name
	}
	if rest, ok := strings.CutPrefix(neutral, "messages."); ok {
		return "input." + rest
	}
	if strings.HasPrefix(neutral, "messages[") {
		return "input"
	}
	return neutral
}
