package codec

import (
	"encoding/json"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Response is a complete answer, in no protocol.
type Response struct {
	// From is the operation of the codec that read it.
	From    llm.Operation
	ID      string
	Model   string
	Created int64 // Unix seconds; 0 when not known
	// Choices has one element unless the caller asked for more, and none when the
	// provider blocked the prompt: Blocked then says why.
	Choices     []Choice
	Blocked     string
	Usage       llm.Usage
	ServiceTier string // in OpenAI's words
	Extra       []Field
}

// Choice is one answer.
type Choice struct {
	Index int
	Parts []Part
	Finish
	Logprobs json.RawMessage
}

// Finish is how an answer ended.
type Finish struct {
	Reason Reason
	// Sequence is the stop sequence that ended it, if one did and it is known.
	Sequence string
	// Raw is the upstream's own word.
	Raw string
	// Details is Anthropic's stop_details.
	Details json.RawMessage
	// Message says more of a refusal or a failure.
	Message string
}

// Reason is why an answer ended.
type Reason string

// The reasons. An upstream's unknown word becomes Stop, with Finish.Raw set.
const (
	ReasonStop      Reason = "stop"
	ReasonToolCalls Reason = "tool_calls"
	ReasonLength    Reason = "length"
	ReasonFilter    Reason = "content_filter" // refused, or blocked
	ReasonPause     Reason = "pause"          // the provider wants to be asked to go on
	ReasonError     Reason = "error"          // Gemini's MALFORMED_FUNCTION_CALL
)
