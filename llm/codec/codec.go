package codec

import (
	"net/http"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Codec reads and writes one protocol. It has no state and is safe for concurrent
// use.
//
// Decoders are handed valid JSON, accept what the protocol's own servers accept, and
// keep what they do not know. They refuse with an [*llm.Error] of
// [llm.CodeInvalidRequest] whose Param names the field. Encoders write what the
// protocol's own server accepts, and only that.
type Codec interface {
	// Operation is the one that the codec reads and writes.
	Operation() llm.Operation

	// DecodeRequest reads a caller's request. model and stream are set for
	// protocols that say them in the URL, and override the body.
	DecodeRequest(body []byte, model string, stream bool) (*Request, error)
	// EncodeRequest writes the request for an upstream. It does not change r. The
	// path of the call follows from the operation, the model and r.Stream.
	EncodeRequest(r *Request, t Target, lost *Losses) ([]byte, error)

	// DecodeResponse reads an upstream's complete answer.
	DecodeResponse(body []byte) (*Response, error)
	// EncodeResponse writes the answer for the caller who sent req.
	EncodeResponse(r *Response, req *Request, lost *Losses) ([]byte, error)

	// NewStreamDecoder reads an upstream's stream, NewStreamEncoder writes one for
	// the caller who sent req.
	NewStreamDecoder() StreamDecoder
	NewStreamEncoder(req *Request, lost *Losses) StreamEncoder

	// DecodeError reads an upstream's error answer. Its Status is the upstream's,
	// its Code the nearest, and its Message the upstream's own words. The way back
	// is [llm.Error.Body].
	DecodeError(status int, h http.Header, body []byte) *llm.Error

	// FieldName is the protocol's name for a neutral field: "max_tokens" is
	// "max_output_tokens" in Responses. Names that it does not know it returns.
	FieldName(neutral string) string
}

// Target is what an encoder must know of the upstream.
type Target struct {
	// Model is the upstream's name for the model.
	Model string
	Caps  llm.Capabilities
	// Size is the length of the request as it came, in bytes, which what is written is
	// about as long as; 0 when it is not known.
	Size int
}

// Room is an empty buffer for the request that is written.
func (t *Target) Room() []byte { return make([]byte, 0, t.Size+t.Size/8+512) }

// StreamDecoder reads one stream, event by event. It is not safe for concurrent use.
type StreamDecoder interface {
	// Decode appends to out what one server-sent event says. name is the event's
	// name, "" if it has none, and data its data, "[DONE]" included. The data may
	// be overwritten after the call, so nothing appended refers to it. An error is
	// for data that cannot be understood; the stream is then over.
	Decode(out []Event, name, data []byte) ([]Event, error)
	// Close appends what is still owed when the upstream's stream has ended. The
	// error says that it ended without saying so, in the middle.
	Close(out []Event) ([]Event, error)
}

// StreamEncoder writes one stream in the protocol's grammar. It is not safe for
// concurrent use.
type StreamEncoder interface {
	// Encode appends the server-sent events that e becomes, blank lines included;
	// none for an event that waits for others or has no form in the protocol.
	Encode(dst []byte, e *Event) ([]byte, error)
	// Fail appends the protocol's error event, which ends the stream. It may come at
	// any time, as the first event too.
	Fail(dst []byte, e *llm.Error, requestID string) []byte
}
