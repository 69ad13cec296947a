package codectest

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// codes are all that an error can be.
var codes = []llm.Code{
	llm.CodeInvalidRequest, llm.CodeContextLength, llm.CodeUnauthenticated, llm.CodeBilling, llm.CodePermissionDenied,
	llm.CodeNotFound, llm.CodeModelNotFound, llm.CodeMethodNotAllowed, llm.CodeTimeout, llm.CodeConflict, llm.CodeTooLarge,
	llm.CodeUnsupportedMedia, llm.CodeRateLimited, llm.CodeBudget, llm.CodeInternal, llm.CodeUnsupported, llm.CodeUpstream,
	llm.CodeUpstreamAuth, llm.CodeUpstreamTimeout, llm.CodeUnavailable, llm.CodeOverloaded, llm.CodeCanceled,
}

// Errors fuzzes errors, beginning with those that the protocol has for each code, and
// some that are of none; see [Suite.Refusal].
func (s *Suite) Errors(f *testing.F) {
	var p pool
	add := func(status int, retryAfter string, body []byte) {
		p.add(body)
		for seed := range uint64(mutants) {
			f.Add(uint16(status), retryAfter, body, seed)
		}
	}
	for _, code := range codes {
		e := &llm.Error{Code: code, Message: "why", Param: "field", RetryAfter: 1500 * time.Millisecond}
		add(e.HTTPStatus(s.protocol()), "1.5", e.Body(s.protocol(), "req_1"))
	}
	for i, body := range []string{"", "<html>busy</html>", "gone away", "[]", `{"error":"text"}`, `{"error":{}}`, `{"detail":[{"msg":"x"}]}`,
		`[{"error":{"code":400,"message":"in a list"}}]`, `{"message":"bare","code":500}`} {
		add(420+10*i, "Fri, 31 Dec 9999 23:59:59 GMT", []byte(body))
	}
	f.Fuzz(func(t *testing.T, status uint16, retryAfter string, body []byte, seed uint64) {
		body = p.json(body, seed)
		said(t, body)
		s.Refusal(t, status, retryAfter, body)
	})
}

func (s *Suite) protocol() string { return s.Codec.Operation().Protocol() }

// Refusal holds that whatever an upstream answers in the place of an answer becomes an
// error that a caller can be shown, of the upstream's status; and that the caller's
// client, if it is a gateway too, makes the same of it.
func (s *Suite) Refusal(t *testing.T, status uint16, retryAfter string, body []byte) {
	if status < 400 || status > 999 {
		return // it is no error, or no status
	}
	first := s.Codec.DecodeError(int(status), http.Header{"Retry-After": {retryAfter}}, body)
	require.Equal(t, int(status), first.Status)
	checkError(t, first)
	second := s.refusedAgain(t, first)
	s.sameError(t, first, second)
	require.Equal(t, second, s.refusedAgain(t, second))
}

func (s *Suite) refusedAgain(t *testing.T, e *llm.Error) *llm.Error {
	body := e.Body(s.protocol(), "req_1")
	require.True(t, gjson.ValidBytes(body), "%s", body)
	status := e.HTTPStatus(s.protocol())
	h := http.Header{}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatFloat(e.RetryAfter.Seconds(), 'f', -1, 64))
	}
	next := s.Codec.DecodeError(status, h, body)
	checkError(t, next)
	return next
}

// sameError holds two errors to say the same to a caller of the protocol. Which code a
// body stands for, its status and what it says tell together, as several codes share
// one form.
func (s *Suite) sameError(t *testing.T, first, second *llm.Error) {
	require.Equal(t, first.Message, second.Message)
	require.Equal(t, first.RetryAfter, second.RetryAfter)
	if first.Status != 0 { // or it came within a stream
		require.Equal(t, first.HTTPStatus(s.protocol()), second.HTTPStatus(s.protocol()))
	}
	if first.Code == llm.CodeUpstreamAuth {
		return // it is no business of the caller's, who is told of some failure
	}
	require.Equal(t, string(first.Body(s.protocol(), "")), string(second.Body(s.protocol(), "")))
}

// checkError holds an error to be one that a caller can be shown.
func checkError(t *testing.T, e *llm.Error) {
	t.Helper()
	require.True(t, slices.Contains(codes, e.Code), "the code %q", e.Code)
	require.NotEmpty(t, e.Message)
	require.LessOrEqual(t, len(e.Message), maxMessage)
	require.LessOrEqual(t, len(e.Param), maxMessage)
	require.True(t, utf8.ValidString(e.Message) && utf8.ValidString(e.Param))
	require.LessOrEqual(t, e.RetryAfter, 24*time.Hour)
	require.GreaterOrEqual(t, e.RetryAfter, time.Duration(0))
	for _, protocol := range []string{"openai", "anthropic", "gemini"} {
		status := e.HTTPStatus(protocol)
		require.True(t, status >= 400 && status < 1000, "the status %d", status)
	}
}

// maxMessage bounds an error that quotes an upstream, whose own words are bounded by
// [codec.MaxErrorText].
const maxMessage = codec.MaxErrorText + 200
