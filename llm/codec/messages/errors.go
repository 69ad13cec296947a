package messages

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// codes are what the types of errors mean. An upstream's refusal of the gateway's
// key is not the caller's fault.
var codes = map[string]llm.Code{
	"invalid_request_error": llm.CodeInvalidRequest,
	"authentication_error":  llm.CodeUpstreamAuth,
	"permission_error":      llm.CodeUpstreamAuth,
	"billing_error":         llm.CodeBilling,
	"not_found_error":       llm.CodeNotFound,
	"request_too_large":     llm.CodeTooLarge,
	"rate_limit_error":      llm.CodeRateLimited,
	"timeout_error":         llm.CodeUpstreamTimeout,
	"api_error":             llm.CodeInternal,
	"overloaded_error":      llm.CodeOverloaded,
	"not_supported":         llm.CodeUnsupported,
}

// maxErrorText bounds what is quoted of an error that is not JSON.
const maxErrorText = 500

// DecodeError implements [codec.Codec].
func (protocol) DecodeError(status int, h http.Header, body []byte) *llm.Error {
	var e *llm.Error
	if v := gjson.ParseBytes(body); gjson.ValidBytes(body) && v.Get("error").Exists() {
		e = readError(v, status)
	} else {
		e = &llm.Error{Code: llm.CodeOf(status), Status: status}
		if text := bytes.TrimSpace(body); len(text) > 0 && text[0] != '<' && text[0] != '{' {
			e.Message = codec.ErrorText(string(text[:min(len(text), maxErrorText)]))
		}
	}
	if e.Message == "" {
		e.Message = "the upstream answered with status " + strconv.Itoa(status) + " and said no more"
	}
	e.RetryAfter, _ = codec.RetryAfter(h, time.Now())
	e.NoRetry = h.Get("X-Should-Retry") == "false"
	return e
}

// readError reads an error object. status is 0 for one that came in a stream.
func readError(v gjson.Result, status int) *llm.Error {
	in := v.Get("error")
	e := &llm.Error{Status: status, Message: codec.ErrorText(in.Get("message").String())}
	if in.Type == gjson.String {
		e.Message = codec.ErrorText(in.Str)
	}
	code, known := codes[in.Get("type").Str]
	switch {
	case known:
		e.Code = code
		// Some types stand for several statuses, which tell more.
		if code == llm.CodeInvalidRequest && status > 400 || code == llm.CodeInternal && status != 0 {
			e.Code = llm.CodeOf(status)
		}
	case status != 0:
		e.Code = llm.CodeOf(status)
	default:
		e.Code = llm.CodeUpstream
	}
	if e.Code == llm.CodeNotFound && strings.HasPrefix(e.Message, "model:") {
		e.Code = llm.CodeModelNotFound
	}
	if e.Code == llm.CodeInvalidRequest && strings.HasPrefix(e.Message, "prompt is too long") {
		e.Code = llm.CodeContextLength
	}
	if e.Message == "" && status == 0 {
		e.Message = "the upstream ended its answer with an error and said no more"
	}
	return e
}
