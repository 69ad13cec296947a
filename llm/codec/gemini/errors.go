package gemini

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// codes are Google's canonical statuses (google.rpc.Code) as llm's codes. A refused
// key is the gateway's own, so that its code is the upstream's.
var codes = map[string]llm.Code{
	"INVALID_ARGUMENT":    llm.CodeInvalidRequest,
	"FAILED_PRECONDITION": llm.CodeInvalidRequest,
	"OUT_OF_RANGE":        llm.CodeInvalidRequest,
	"UNAUTHENTICATED":     llm.CodeUpstreamAuth,
	"PERMISSION_DENIED":   llm.CodeUpstreamAuth,
	"NOT_FOUND":           llm.CodeNotFound,
	"ALREADY_EXISTS":      llm.CodeConflict,
	"ABORTED":             llm.CodeConflict,
	"RESOURCE_EXHAUSTED":  llm.CodeRateLimited,
	"CANCELLED":           llm.CodeCanceled,
	"DEADLINE_EXCEEDED":   llm.CodeUpstreamTimeout,
	"UNIMPLEMENTED":       llm.CodeUnsupported,
	"UNAVAILABLE":         llm.CodeOverloaded,
	"INTERNAL":            llm.CodeInternal,
	"UNKNOWN":             llm.CodeUpstream,
	"DATA_LOSS":           llm.CodeUpstream,
}

// DecodeError implements [codec.Codec]. A stream that was asked for as a JSON array
// brings its error as one too.
func (geminiCodec) DecodeError(status int, h http.Header, body []byte) *llm.Error {
	v := gjson.ParseBytes(body)
	if v.IsArray() {
		v = v.Get("0")
	}
	return decodeError(status, h, v.Get("error"))
}

// decodeError reads the object error. status is 0 when the error came within an
// answer of status 200.
func decodeError(status int, h http.Header, v gjson.Result) *llm.Error {
	e := &llm.Error{Status: status, Message: codec.ErrorText(v.Get("message").String())}
	if n := v.Get("code").Int(); status == 0 && n >= 400 && n < 600 {
		e.Status = int(n)
	}
	word := v.Get("status").Str
	switch {
	case codes[word] != "":
		e.Code = codes[word]
	case e.Status != 0:
		e.Code = llm.CodeOf(e.Status)
	default:
		e.Code = llm.CodeUpstream
	}
	if e.Code == llm.CodeNotFound && strings.HasPrefix(e.Message, "models/") {
		e.Code = llm.CodeModelNotFound
	}
	if e.Code == llm.CodeInvalidRequest && strings.Contains(e.Message, "exceeds the maximum number of tokens") {
		e.Code = llm.CodeContextLength
	}
	if e.Message == "" {
		e.Message = "the upstream answered with status " + strconv.Itoa(e.Status) + " and no message"
	}
	e.RetryAfter, _ = codec.RetryAfter(h, time.Now())
	codec.Each(v.Get("details"), func(_, d gjson.Result) bool {
		if s := d.Get("retryDelay").Str; s != "" {
			if delay, err := time.ParseDuration(s); err == nil && delay > 0 {
				e.RetryAfter = min(delay.Round(time.Microsecond), codec.MaxRetryAfter)
			}
		}
		if s := d.Get("fieldViolations.0.field").Str; s != "" && e.Param == "" {
			e.Param = codec.ErrorText(s)
		}
		// Status 400, of all.
		if d.Get("reason").Str == "API_KEY_INVALID" {
			e.Code = llm.CodeUpstreamAuth
		}
		return true
	})
	return e
}
