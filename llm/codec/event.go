package codec

import (
	"encoding/json"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Event is one step of a streamed answer. Their grammar is
//
//	Begin ( PartStart PartDelta* PartStop )* Finish ... End
//
// with the middle once for each choice; the parts of one choice do not overlap, and
// their Index counts from 0 without gaps. Ping and Usage may come anywhere between.
// An upstream that fails in the middle ends with Failed in the place of what is left.
type Event struct {
	Kind   EventKind
	Choice int
	Index  int // of the part within its choice

	// Begin: the answer as far as it is known: ID, Model, Created, Usage.
	// End: Usage is final, and what else has become known is set.
	Response *Response

	// PartStart: the part's kind and what is known of it at its begin: a tool call's
	// ID, Name and Custom, a Thinking's ID, an Opaque whole. Text, arguments and
	// signatures come as deltas.
	// PartStop: what is known at its end only; nil for nothing: Annotations, and the
	// Signature of a part or a thought.
	Part *Part

	// Delta is more of the part's text, of a call's arguments or of a custom call's
	// input. Summary is the index of the summary part that it belongs to, for
	// Thinking that has some.
	Delta   string
	Summary int
	// Logprobs come with a delta of OpenAI's chat.
	Logprobs json.RawMessage

	Finish Finish
	Err    *llm.Error
}

// EventKind is what an Event is.
type EventKind uint8

// The kinds of events.
const (
	Begin EventKind = iota
	PartStart
	PartDelta
	PartStop
	FinishEvent
	UsageEvent // Response.Usage so far
	Ping
	End
	Failed // Err
)
