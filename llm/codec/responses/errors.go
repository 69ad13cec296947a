package responses

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// codes are OpenAI's codes and types of errors, of responses that failed too. Where
// it gives several, the first that is here counts.
var codes = map[string]llm.Code{
	"invalid_api_key":                llm.CodeUpstreamAuth,
	"authentication_error":           llm.CodeUpstreamAuth,
	"permission_denied":              llm.CodeUpstreamAuth,
	"permission_error":               llm.CodeUpstreamAuth,
	"insufficient_quota":             llm.CodeBilling,
	"billing_hard_limit_reached":     llm.CodeBilling,
	"billing_not_active":             llm.CodeBilling,
	"rate_limit_exceeded":            llm.CodeRateLimited,
	"rate_limit_error":               llm.CodeRateLimited,
	"requests":                       llm.CodeRateLimited,
	"tokens":                         llm.CodeRateLimited,
	"slow_down":                      llm.CodeOverloaded,
	"server_is_overloaded":           llm.CodeOverloaded,
	"overloaded":                     llm.CodeOverloaded,
	"model_not_found":                llm.CodeModelNotFound,
	"not_found_error":                llm.CodeNotFound,
	"context_length_exceeded":        llm.CodeContextLength,
	"invalid_prompt":                 llm.CodeInvalidRequest,
	"invalid_request_error":          llm.CodeInvalidRequest,
	"invalid_image":                  llm.CodeInvalidRequest,
	"invalid_image_format":           llm.CodeInvalidRequest,
	"invalid_base64_image":           llm.CodeInvalidRequest,
	"invalid_image_url":              llm.CodeInvalidRequest,
	"image_too_large":                llm.CodeInvalidRequest,
	"image_too_small":                llm.CodeInvalidRequest,
	"image_parse_error":              llm.CodeInvalidRequest,
	"image_file_too_large":           llm.CodeInvalidRequest,
	"unsupported_image_media_type":   llm.CodeInvalidRequest,
	"image_content_policy_violation": llm.CodeInvalidRequest,
	"string_above_max_length":        llm.CodeInvalidRequest,
	"timeout":                        llm.CodeUpstreamTimeout,
	"vector_store_timeout":           llm.CodeUpstreamTimeout,
	"server_error":                   llm.CodeUpstream,
	"internal_error":                 llm.CodeUpstream,

	// Of an upstream that is a gateway like this one.
	"upstream_timeout":       llm.CodeUpstreamTimeout,
	"not_found":              llm.CodeNotFound,
	"conflict":               llm.CodeConflict,
	"request_too_large":      llm.CodeTooLarge,
	"unsupported_media_type": llm.CodeUnsupportedMedia,
}

// DecodeError implements [codec.Codec].
func (protocol) DecodeError(status int, h http.Header, body []byte) *llm.Error {
	e := &llm.Error{Code: llm.CodeOf(status), Status: status}
	e.RetryAfter, _ = codec.RetryAfter(h, now())
	if gjson.ValidBytes(body) {
		v := gjson.GetBytes(body, "error")
		readError(e, v)
		if e.Message == "" && v.Type == gjson.String { // of servers that are only alike
			e.Message = codec.ErrorText(v.Str)
		}
		if e.Message == "" {
			e.Message = codec.ErrorText(firstString(gjson.ParseBytes(body), "message", "detail"))
		}
	}
	if e.Message == "" {
		e.Message = "the upstream answered with status " + strconv.Itoa(status)
	}
	return e
}

func firstString(v gjson.Result, names ...string) string {
	for _, name := range names {
		if s := v.Get(name); s.Type == gjson.String && s.Str != "" {
			return s.Str
		}
	}
	return ""
}

// readError takes what an error object says. A code of the upstream's says more than
// a status, but for the vague ones.
func readError(e *llm.Error, v gjson.Result) {
	for _, name := range []string{"code", "type"} {
		code, known := codes[v.Get(name).Str]
		vague := code == llm.CodeUpstream || code == llm.CodeInvalidRequest
		if known && (e.Status == 0 || !vague) {
			e.Code = code
			break
		}
	}
	e.Message = codec.ErrorText(v.Get("message").Str)
	e.Param = codec.ErrorText(v.Get("param").Str)
}

// failure is the error of a response or a stream that failed: there is no status.
func failure(v gjson.Result) *llm.Error {
	e := &llm.Error{Code: llm.CodeUpstream}
	readError(e, v)
	if e.Message == "" {
		e.Message = "the upstream failed in the middle of its answer and did not say why"
	}
	return e
}

// now is the clock; tests stop it.
var now = time.Now

// errorCode is the code of an error inside of a response: of the few that are
// documented there, and the one that Codex knows besides.
func errorCode(e *llm.Error) string {
	switch e.Code {
	case llm.CodeRateLimited:
		return "rate_limit_exceeded"
	case llm.CodeBilling:
		return "insufficient_quota"
	case llm.CodeInvalidRequest, llm.CodeTooLarge:
		return "invalid_prompt"
	}
	return "server_error"
}
