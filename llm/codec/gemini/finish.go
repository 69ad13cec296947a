package gemini

import "github.com/agent-gateway/agent-gateway/llm/codec"

// reasons are the finishReasons that end an answer otherwise than it wanted; those
// that are not in it count as STOP.
var reasons = map[string]codec.Reason{
	"MAX_TOKENS":                codec.ReasonLength,
	"SAFETY":                    codec.ReasonFilter,
	"RECITATION":                codec.ReasonFilter,
	"LANGUAGE":                  codec.ReasonFilter,
	"BLOCKLIST":                 codec.ReasonFilter,
	"PROHIBITED_CONTENT":        codec.ReasonFilter,
	"SPII":                      codec.ReasonFilter,
	"IMAGE_SAFETY":              codec.ReasonFilter,
	"IMAGE_PROHIBITED_CONTENT":  codec.ReasonFilter,
	"IMAGE_RECITATION":          codec.ReasonFilter,
	"MODEL_ARMOR":               codec.ReasonFilter,
	malformedCall:               codec.ReasonError,
	"UNEXPECTED_TOOL_CALL":      codec.ReasonError,
	"TOO_MANY_TOOL_CALLS":       codec.ReasonError,
	"MISSING_THOUGHT_SIGNATURE": codec.ReasonError,
	"MALFORMED_RESPONSE":        codec.ReasonError,
	"CONTINUATION":              codec.ReasonPause,
}

const malformedCall = "MALFORMED_FUNCTION_CALL"

// finishOf reads a finishReason; calls says that the answer calls functions.
func finishOf(word, message string, calls bool) codec.Finish {
	f := codec.Finish{Reason: codec.ReasonStop, Raw: word, Message: message}
	if r := reasons[word]; r != "" {
		f.Reason = r
	} else if calls {
		f.Reason = codec.ReasonToolCalls
	}
	return f
}

// finishReason is the way back.
func finishReason(f codec.Finish, own bool) string {
	if f.Raw != "" && (own || f.Raw == malformedCall) {
		return f.Raw
	}
	switch f.Reason {
	case codec.ReasonLength:
		return "MAX_TOKENS"
	case codec.ReasonFilter:
		return "SAFETY"
	case codec.ReasonError:
		return "OTHER"
	}
	return "STOP"
}

// blockReasons are the words for why a prompt was blocked.
var blockReasons = map[string]bool{"SAFETY": true, "OTHER": true, "BLOCKLIST": true, "PROHIBITED_CONTENT": true, "IMAGE_SAFETY": true, "MODEL_ARMOR": true, "JAILBREAK": true}

func blockReason(word string, own bool) string {
	if own || blockReasons[word] {
		return word
	}
	return "OTHER"
}
