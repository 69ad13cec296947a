package responses

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
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
}

// DecodeError implements [codec.Codec].
func (protocol) DecodeError(status int, h http.Header, body []byte) *llm.Error {
	e := &llm.Error{Code: llm.CodeOf(status), Status: status, RetryAfter: retryAfter(h)}
	if gjson.ValidBytes(body) {
		v := gjson.GetBytes(body, "error")
		readError(e, v)
		if e.Message == "" && v.Type == gjson.String { // of servers that are only alike
			e.Message = v.Str
		}
		if e.Message == "" {
			e.Message = firstString(gjson.ParseBytes(body), "message", "detail")
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
	e.Message = v.Get("message").Str
	e.Param = v.Get("param").Str
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

func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 {
		return seconds(ms / 1000)
	}
	s := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return seconds(n)
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, t.Sub(now()).Round(time.Second))
	}
	return 0
}

// seconds bounds what an upstream may say.
func seconds(n float64) time.Duration {
	const most = 24 * 60 * 60
	if !(n > 0) {
		return 0
	}
	return time.Duration(min(n, most) * float64(time.Second))
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
