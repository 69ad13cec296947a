// Package messages is the codec for Anthropic's Messages API, operation
// anthropic.messages: POST /v1/messages as version 2023-06-01 documents it and as
// the SDKs' types and Claude Code use it, in 2026-11.
//
// A message is a list of typed blocks, and so is the neutral form, so that most
// blocks are one part. What has no part of its own stays whole: blocks that only
// Anthropic understands (calls of server tools and their results, search results,
// uploads, compactions) are parts of kind Opaque. So is the first system block when
// it is Claude Code's "x-anthropic-billing-header": it differs in every call, and
// would defeat the prompt cache of any other provider; see [BillingHeader].
//
// A user's message with tool results becomes two: the results in one of the role
// tool, the rest behind it. Members that the neutral form has no place for are kept
// as Extra. Those of an object at the top have its name before theirs, as
// "output_config.task_budget", and no name at the top may have a dot.
//
// On the way out, neighbours of one role become one message, results first, and
// system messages move to the top; only a request that this codec read keeps them
// in their places.
package messages

import (
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

const op = llm.AnthropicMessages

// BillingHeader is how the text of a system block begins that tells Anthropic
// whose call it is. It is decoded to a part of kind Opaque and origin
// anthropic.messages, so that other protocols leave it out.
const BillingHeader = "x-anthropic-billing-header:"

// Codec reads and writes Anthropic's Messages.
var Codec codec.Codec = protocol{}

type protocol struct{}

// Operation implements [codec.Codec].
func (protocol) Operation() llm.Operation { return op }

// FieldName implements [codec.Codec].
func (protocol) FieldName(neutral string) string {
	if name, ok := names[neutral]; ok {
		return name
	}
	return neutral
}

// names are Anthropic's words for fields of the neutral form.
var names = map[string]string{
	"max_completion_tokens":  "max_tokens",
	"parallel_tool_calls":    "tool_choice.disable_parallel_tool_use",
	"reasoning_effort":       "output_config.effort",
	"reasoning.summary":      "thinking.display",
	"response_format":        "output_config.format",
	"response_format.schema": "output_config.format.schema",
	"response_format.strict": "output_config.format.strict",
	"stop":                   "stop_sequences",
	"user":                   "metadata.user_id",
	"tools.parameters":       "tools.input_schema",
	"messages.annotations":   "messages.citations",
}
