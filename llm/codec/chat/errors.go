package chat

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// errorCodes classify an error's code or type, where that says more than the status.
var errorCodes = map[string]llm.Code{
	"insufficient_quota":       llm.CodeBilling,
	"billing_hard_limit":       llm.CodeBilling,
	"invalid_api_key":          llm.CodeUpstreamAuth,
	"authentication_error":     llm.CodeUpstreamAuth,
	"permission_error":         llm.CodeUpstreamAuth,
	"model_not_found":          llm.CodeModelNotFound,
	"not_found_error":          llm.CodeNotFound,
	"rate_limit_exceeded":      llm.CodeRateLimited,
	"rate_limit_error":         llm.CodeRateLimited,
	"requests":                 llm.CodeRateLimited,
	"tokens":                   llm.CodeRateLimited,
	"context_length_exceeded":  llm.CodeContextLength,
	"invalid_request_error":    llm.CodeInvalidRequest,
	"BadRequestError":          llm.CodeInvalidRequest, // vLLM
	"content_policy_violation": llm.CodeInvalidRequest,
	"request_too_large":        llm.CodeTooLarge,
	"timeout":                  llm.CodeUpstreamTimeout,
	"overloaded":               llm.CodeOverloaded,
	"overloaded_error":         llm.CodeOverloaded,
	"engine_overloaded":        llm.CodeOverloaded,
	"slow_down":                llm.CodeOverloaded,
	"server_error":             llm.CodeInternal,
	"internal_error":           llm.CodeInternal,

	// Of an upstream that is a gateway like this one, whose keys are not this one's.
	"upstream_error":         llm.CodeUpstream,
	"upstream_auth":          llm.CodeUpstream,
	"upstream_timeout":       llm.CodeUpstreamTimeout,
	"not_found":              llm.CodeNotFound,
	"conflict":               llm.CodeConflict,
	"unsupported_media_type": llm.CodeUnsupportedMedia,
}

// DecodeError reads an upstream's error answer.
func (chat) DecodeError(status int, h http.Header, body []byte) *llm.Error {
	e := &llm.Error{Code: llm.CodeOf(status)}
	if gjson.ValidBytes(body) {
		v := gjson.ParseBytes(body)
		if v.IsArray() { // Google's compatible API
			v = v.Get("0")
		}
		inner := errorOf(v)
		fill(e, inner)
		// The status says who is at fault; the body only says more of it.
		if code, ok := bodyCode(inner); ok && refines(e.Code, code) {
			e.Code = code
		}
	} else if s := codec.ErrorText(string(body)); s != "" && len(s) < 512 && s[0] != '<' {
		e.Message = s
	}
	if e.Message == "" {
		e.Message = codec.ErrorText("the upstream answered " + strconv.Itoa(status) + " " + http.StatusText(status))
	}
	e.Status = status
	e.RetryAfter, _ = codec.RetryAfter(h, time.Now())
	return e
}

// errorOf finds the error in a body: {"error":{…}}, {"error":"…"}, or bare.
func errorOf(v gjson.Result) gjson.Result {
	if inner := v.Get("error"); set(inner) {
		return inner
	}
	return v
}

func fill(e *llm.Error, v gjson.Result) {
	if v.Type == gjson.String {
		e.Message = codec.ErrorText(v.Str)
		return
	}
	for _, path := range [...]string{"message", "detail", "msg"} {
		if s := v.Get(path); set(s) && s.String() != "" {
			e.Message = s.String()
			break
		}
	}
	// OpenRouter puts the provider's own words elsewhere.
	if raw := v.Get("metadata.raw"); raw.Type == gjson.String && raw.Str != "" && len(raw.Str) < 512 {
		e.Message += " (" + raw.Str + ")"
	}
	e.Message = codec.ErrorText(e.Message)
	if p := v.Get("param"); p.Type == gjson.String {
		e.Param = codec.ErrorText(p.Str)
	}
}

// bodyCode is the code that an error's body says.
func bodyCode(v gjson.Result) (llm.Code, bool) {
	for _, path := range [...]string{"code", "type"} {
		m := v.Get(path)
		if m.Type == gjson.Number && m.Num >= 400 && m.Num < 600 {
			return llm.CodeOf(int(m.Num)), true
		}
		if code, ok := errorCodes[m.Str]; ok {
			return code, true
		}
	}
	return "", false
}

// refines says whether the code of a body is a closer one than the status's.
func refines(status, body llm.Code) bool {
	switch status {
	case llm.CodeNotFound:
		return body == llm.CodeModelNotFound
	case llm.CodeRateLimited:
		return body == llm.CodeBilling || body == llm.CodeOverloaded
	case llm.CodeInvalidRequest:
		return body == llm.CodeModelNotFound || body == llm.CodeContextLength || body == llm.CodeTooLarge || body == llm.CodeUpstreamAuth || body == llm.CodeBilling
	case llm.CodeUpstreamAuth:
		return body == llm.CodeBilling
	case llm.CodeInternal, llm.CodeUpstream:
		return body == llm.CodeOverloaded || body == llm.CodeRateLimited || body == llm.CodeUpstreamTimeout
	}
	return false
}

// streamError reads an error that came inside a stream or in an answer of status
// 200, where only the body says what it is.
func streamError(v gjson.Result) *llm.Error {
	e := &llm.Error{Code: llm.CodeUpstream}
	fill(e, v)
	if code, ok := bodyCode(v); ok {
		e.Code = code
	}
	if e.Message == "" {
		e.Message = "the upstream failed in the middle of its answer"
	}
	return e
}
