package llm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Code classifies an error independently of a protocol.
type Code string

// The codes. The table in this file gives each protocol's form of them.
const (
	CodeInvalidRequest   Code = "invalid_request"
	CodeContextLength    Code = "context_length_exceeded"
	CodeUnauthenticated  Code = "unauthenticated"
	CodeBilling          Code = "billing"
	CodePermissionDenied Code = "permission_denied"
	CodeNotFound         Code = "not_found"
	CodeModelNotFound    Code = "model_not_found"
	CodeMethodNotAllowed Code = "method_not_allowed"
	CodeTimeout          Code = "timeout"
	CodeConflict         Code = "conflict"
	CodeTooLarge         Code = "request_too_large"
	CodeUnsupportedMedia Code = "unsupported_media_type"
	CodeRateLimited      Code = "rate_limited"
	CodeBudget           Code = "budget_exhausted"
	CodeInternal         Code = "internal"
	CodeUnsupported      Code = "unsupported"
	CodeUpstream         Code = "upstream_error"
	CodeUpstreamAuth     Code = "upstream_auth"
	CodeUpstreamTimeout  Code = "upstream_timeout"
	CodeUnavailable      Code = "unavailable"
	CodeOverloaded       Code = "overloaded"
	CodeCanceled         Code = "canceled"
)

// Error is an error with a code, and with what a caller needs to mend it.
type Error struct {
	Code Code
	// Status overrides the code's HTTP status when not 0.
	Status int
	// Message is shown to the caller: it names the object and says what to do.
	Message string
	// Param is the request's field that is at fault, if one is.
	Param string
	// RetryAfter is how long to wait before another try; 0 when not known.
	RetryAfter time.Duration
	// Final says that no other target could do better.
	Final bool
	// NoRetry tells the caller's client not to try again by itself.
	NoRetry bool
	// Cause is for logs and never shown to the caller.
	Cause error
}

// Errorf returns an Error of a code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// AsError returns err as an *Error; what is none becomes an internal one.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeInternal, Message: "the gateway failed to handle this request; its log has the cause", Cause: err}
}

// wire is one code's form in each protocol.
type wire struct {
	status                 int
	anthropicType          string
	openAIType, openAICode string
	googleStatus           string // google.rpc.Code
}

var wires = map[Code]wire{
	CodeInvalidRequest:   {400, "invalid_request_error", "invalid_request_error", "", "INVALID_ARGUMENT"},
	CodeContextLength:    {400, "invalid_request_error", "invalid_request_error", "context_length_exceeded", "INVALID_ARGUMENT"},
	CodeUnauthenticated:  {401, "authentication_error", "invalid_request_error", "invalid_api_key", "UNAUTHENTICATED"},
	CodeBilling:          {402, "billing_error", "insufficient_quota", "insufficient_quota", "RESOURCE_EXHAUSTED"},
	CodePermissionDenied: {403, "permission_error", "permission_error", "permission_denied", "PERMISSION_DENIED"},
	CodeNotFound:         {404, "not_found_error", "invalid_request_error", "not_found", "NOT_FOUND"},
	CodeModelNotFound:    {404, "not_found_error", "invalid_request_error", "model_not_found", "NOT_FOUND"},
	CodeMethodNotAllowed: {405, "invalid_request_error", "invalid_request_error", "method_not_allowed", "INVALID_ARGUMENT"},
	CodeTimeout:          {408, "timeout_error", "timeout", "timeout", "DEADLINE_EXCEEDED"},
	CodeConflict:         {409, "invalid_request_error", "invalid_request_error", "conflict", "ABORTED"},
	CodeTooLarge:         {413, "request_too_large", "invalid_request_error", "request_too_large", "INVALID_ARGUMENT"},
	CodeUnsupportedMedia: {415, "invalid_request_error", "invalid_request_error", "unsupported_media_type", "INVALID_ARGUMENT"},
	CodeRateLimited:      {429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_exceeded", "RESOURCE_EXHAUSTED"},
	CodeBudget:           {429, "billing_error", "insufficient_quota", "insufficient_quota", "RESOURCE_EXHAUSTED"},
	CodeInternal:         {500, "api_error", "server_error", "internal_error", "INTERNAL"},
	CodeUnsupported:      {501, "not_supported", "invalid_request_error", "not_supported", "UNIMPLEMENTED"},
	CodeUpstream:         {502, "api_error", "server_error", "upstream_error", "UNAVAILABLE"},
	CodeUpstreamAuth:     {502, "api_error", "server_error", "upstream_auth", "UNAVAILABLE"},
	CodeUpstreamTimeout:  {504, "timeout_error", "timeout", "upstream_timeout", "DEADLINE_EXCEEDED"},
	CodeUnavailable:      {503, "overloaded_error", "server_error", "unavailable", "UNAVAILABLE"},
	CodeOverloaded:       {529, "overloaded_error", "server_error", "overloaded", "UNAVAILABLE"},
	CodeCanceled:         {499, "api_error", "server_error", "canceled", "CANCELLED"},
}

// CodeOf classifies an HTTP status that an upstream answered with.
func CodeOf(status int) Code {
	switch status {
	case 402:
		return CodeBilling
	case 404:
		return CodeNotFound
	case 408, 504:
		return CodeUpstreamTimeout
	case 409:
		return CodeConflict
	case 413:
		return CodeTooLarge
	case 415:
		return CodeUnsupportedMedia
	case 401, 403:
		return CodeUpstreamAuth
	case 429:
		return CodeRateLimited
	case 500:
		return CodeInternal
	case 503, 529:
		return CodeOverloaded
	}
	if status >= 400 && status < 500 {
		return CodeInvalidRequest
	}
	return CodeUpstream
}

// HTTPStatus is the status that a caller of protocol sees.
func (e *Error) HTTPStatus(protocol string) int {
	status := e.Status
	if status == 0 {
		status = wires[e.Code].status
	}
	if status == 0 {
		status = http.StatusInternalServerError
	}
	// 529 is Anthropic's own; OpenAI's clients know 503.
	if status == 529 && protocol != "anthropic" {
		status = http.StatusServiceUnavailable
	}
	return status
}

// Body is the error in the form of protocol: the body of an error response, and
// the data of an error event in a stream. requestID may be empty.
func (e *Error) Body(protocol, requestID string) []byte {
	w, ok := wires[e.Code]
	if !ok {
		w = wires[CodeInternal]
	}
	var v any
	switch protocol {
	case "anthropic":
		v = anthropicError{"error", anthropicErrorInner{w.anthropicType, e.Message}, requestID}
	case "gemini":
		v = googleError{googleErrorInner{e.HTTPStatus(protocol), e.Message, w.googleStatus, e.googleDetails(requestID)}}
	default:
		in := openAIErrorInner{Message: e.Message, Type: w.openAIType}
		if e.Param != "" {
			in.Param = &e.Param
		}
		if w.openAICode != "" {
			in.Code = &w.openAICode
		}
		v = openAIError{in}
	}
	b, err := json.Marshal(v)
	if err != nil { // strings and numbers only: cannot happen
		return []byte(`{"error":{"message":"internal error"}}`)
	}
	return b
}

type anthropicError struct {
	Type      string              `json:"type"`
	Error     anthropicErrorInner `json:"error"`
	RequestID string              `json:"request_id,omitempty"`
}

type anthropicErrorInner struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

type openAIError struct {
	Error openAIErrorInner `json:"error"`
}

type openAIErrorInner struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

type googleError struct {
	Error googleErrorInner `json:"error"`
}

type googleErrorInner struct {
	Code    int            `json:"code"`
	Message string         `json:"message"`
	Status  string         `json:"status"`
	Details []googleDetail `json:"details,omitempty"`
}

// googleDetail is one of google.rpc's error details.
type googleDetail struct {
	Type       string            `json:"@type"`
	RetryDelay string            `json:"retryDelay,omitempty"`
	Violations []googleViolation `json:"fieldViolations,omitempty"`
	RequestID  string            `json:"requestId,omitempty"`
}

type googleViolation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

func (e *Error) googleDetails(requestID string) (list []googleDetail) {
	const rpc = "type.googleapis.com/google.rpc."
	if e.RetryAfter > 0 {
		list = append(list, googleDetail{Type: rpc + "RetryInfo", RetryDelay: strconv.FormatFloat(e.RetryAfter.Seconds(), 'f', -1, 64) + "s"})
	}
	if e.Param != "" {
		list = append(list, googleDetail{Type: rpc + "BadRequest", Violations: []googleViolation{{e.Param, e.Message}}})
	}
	if requestID != "" {
		list = append(list, googleDetail{Type: rpc + "RequestInfo", RequestID: requestID})
	}
	return list
}
