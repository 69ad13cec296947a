// Package responses is the codec of OpenAI's Responses: POST /v1/responses, its
// complete answers, its stream of events and its errors, as OpenAI's reference and
// the types of its SDK (openai 7.57 for Node) describe them in November 2026.
//
// A conversation is a list of items there, not of messages. Items that one turn of
// the assistant consists of (reasoning, a message, calls) become one neutral
// message, whose parts keep the order and the ids; an item that only OpenAI
// understands becomes an opaque part. What the model may call comes as tools, in
// namespaces too, and as items of type additional_tools, which join them.
//
// An answer, streamed or not, is assembled by one encoder: a complete answer is the
// response object with which the stream of the same parts would end. Thoughts of
// other providers travel in the encrypted_content of reasoning items, packed by
// [codec.Carry], so that a caller which sends the items back gives each provider its
// own proof again.
package responses

import "github.com/agent-gateway/agent-gateway/llm/codec"

// Codec reads and writes OpenAI's Responses. It has no state and is safe for
// concurrent use.
var Codec codec.Codec = protocol{}
