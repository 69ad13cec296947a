package gemini

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm"
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

// statuses are the way back.
var statuses = map[llm.Code]string{
	llm.CodeInvalidRequest:   "INVALID_ARGUMENT",
	llm.CodeUnauthenticated:  "UNAUTHENTICATED",
	llm.CodeBilling:          "RESOURCE_EXHAUSTED",
	llm.CodePermissionDenied: "PERMISSION_DENIED",
	llm.CodeNotFound:         "NOT_FOUND",
	llm.CodeModelNotFound:    "NOT_FOUND",
	llm.CodeMethodNotAllowed: "INVALID_ARGUMENT",
	llm.CodeTimeout:          "DEADLINE_EXCEEDED",
	llm.CodeConflict:         "ABORTED",
	llm.CodeTooLarge:         "INVALID_ARGUMENT",
	llm.CodeUnsupportedMedia: "INVALID_ARGUMENT",
	llm.CodeRateLimited:      "RESOURCE_EXHAUSTED",
	llm.CodeInternal:         "INTERNAL",
	llm.CodeUnsupported:      "UNIMPLEMENTED",
	llm.CodeUpstream:         "UNAVAILABLE",
	llm.CodeUpstreamAuth:     "UNAVAILABLE",
	llm.CodeUpstreamTimeout:  "DEADLINE_EXCEEDED",
	llm.CodeUnavailable:      "UNAVAILABLE",
	llm.CodeOverloaded:       "UNAVAILABLE",
	llm.CodeCanceled:         "CANCELLED",
}

// Status is Google's canonical status for a code, "INTERNAL" for one that is not
// known.
func Status(code llm.Code) string {
	if s := statuses[code]; s != "" {
		return s
	}
	return "INTERNAL"
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
	e := &llm.Error{Status: status, Message: v.Get("message").String()}
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
	if e.Message == "" {
		e.Message = "the upstream answered with status " + strconv.Itoa(e.Status) + " and no message"
	}
	e.RetryAfter = retryAfter(h)
	v.Get("details").ForEach(func(_, d gjson.Result) bool {
		if s := d.Get("retryDelay").Str; s != "" {
			if delay, err := time.ParseDuration(s); err == nil && delay > 0 {
				e.RetryAfter = delay
			}
		}
		if s := d.Get("fieldViolations.0.field").Str; s != "" && e.Param == "" {
			e.Param = s
		}
		// Status 400, of all.
		if d.Get("reason").Str == "API_KEY_INVALID" {
			e.Code = llm.CodeUpstreamAuth
		}
		return true
	})
	return e
}

func retryAfter(h http.Header) time.Duration {
	s := h.Get("Retry-After")
	if n, err := strconv.ParseInt(s, 10, 32); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

// ErrorBody is e in the protocol's form: the body of an error answer, and the data of
// a stream's last event.
func ErrorBody(e *llm.Error) []byte { return errorBody(e, "") }

const rpc = "type.googleapis.com/google.rpc."

func errorBody(e *llm.Error, requestID string) []byte {
	var w, details jsonwrite.Writer
	detail := func(kind string) {
		details.Object()
		details.StringField("@type", rpc+kind)
	}
	if e.RetryAfter > 0 {
		detail("RetryInfo")
		details.StringField("retryDelay", strconv.FormatFloat(e.RetryAfter.Seconds(), 'f', -1, 64)+"s")
		details.End()
	}
	if e.Param != "" {
		detail("BadRequest")
		details.ArrayField("fieldViolations")
		details.Object()
		details.StringField("field", e.Param)
		details.StringField("description", e.Message)
		details.End()
		details.EndArray()
		details.End()
	}
	if requestID != "" {
		detail("RequestInfo")
		details.StringField("requestId", requestID)
		details.End()
	}
	w.Object()
	w.ObjectField("error")
	w.IntField("code", int64(e.HTTPStatus("gemini")))
	w.StringField("message", e.Message)
	w.StringField("status", Status(e.Code))
	if len(details.B) > 0 {
		w.RawField("details", "["+string(details.B)+"]")
	}
	w.End()
	w.End()
	return w.B
}
