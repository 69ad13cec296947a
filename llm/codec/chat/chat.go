// Package chat reads and writes OpenAI's Chat Completions: POST
// /v1/chat/completions, its chat.completion and chat.completion.chunk, and its
// errors.
//
// It follows OpenAI's API reference, as of openai-node 7.57, and is lenient where
// upstreams that call themselves compatible are. Their thoughts (reasoning_content,
// OpenRouter's reasoning and reasoning_details, LiteLLM's thinking_blocks) are
// thinking and never text. Thoughts are written as reasoning_content; those with a
// signature also as thinking_blocks, or as the reasoning_details that they came as.
// Gemini's signature of a call is the call's extra_content.google.thought_signature,
// as in Google's own compatible API. cache_control is read on parts, messages, calls
// and tools, and is written only for a caller who spoke this protocol.
//
// What the neutral form has no place for is kept in Extra. A member inside one that
// is known, such as an unknown member of image_url, is kept under the name of the
// outer one, as an object of what was not understood. An unknown member of a choice
// in an answer is kept at the top, as "choices[0].message.name".
package chat

import (
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// Codec is the codec of openai.chat.
var Codec codec.Codec = chat{}

// op is the operation that the package reads and writes.
const op = llm.OpenAIChat

type chat struct{}

func (chat) Operation() llm.Operation { return op }

// FieldName returns neutral itself: neutral names are this protocol's.
func (chat) FieldName(neutral string) string { return neutral }
