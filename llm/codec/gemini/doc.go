// Package gemini is the codec for Google's generateContent: requests, answers and
// streams of POST /v1beta/models/{model}:generateContent and
// :streamGenerateContent?alt=sse, as https://ai.google.dev/api/generate-content
// describes them and the types of @google/genai 2 spell them.
//
// The URL names the model and says whether the answer streams, so neither is in a
// body. Names are read in both spellings that Google's servers take (systemInstruction
// and system_instruction) and written in the first. What stands inside another object
// and has no place in the neutral form is kept in Extra under its path:
// "generationConfig.speechConfig", "toolConfig.retrievalConfig",
// "functionResponse.scheduling".
//
// Three things differ from the other protocols. Calls need no id: results belong to
// calls by name and order, so that the decoder makes ids and the encoder leaves those
// out that it could make again (see ledger). A thought is proved by a signature on
// the part that it led to, mostly a call. And a stream has no terminator: it is whole
// when every candidate has a finishReason.
package gemini

import (
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// Codec is the codec. It is safe for concurrent use.
var Codec codec.Codec = geminiCodec{}

const op = llm.GeminiGenerate

type geminiCodec struct{}

// Operation implements [codec.Codec].
func (geminiCodec) Operation() llm.Operation { return op }
