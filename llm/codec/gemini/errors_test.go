package gemini

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

func TestDecodeError(t *testing.T) {
	for _, c := range []struct {
		status int
		header http.Header
		body   string
		want   llm.Error
	}{
		{400, nil, `{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents[0]","description":"bad"}]}]}}`,
			llm.Error{Code: llm.CodeInvalidRequest, Message: "bad", Param: "contents[0]"}},
		{400, nil, `{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}`,
			llm.Error{Code: llm.CodeUpstreamAuth, Message: "API key not valid."}},
		{403, nil, `{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}`, llm.Error{Code: llm.CodeUpstreamAuth, Message: "no"}},
		{404, nil, `{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}`, llm.Error{Code: llm.CodeModelNotFound, Message: "models/x is not found"}},
		{404, nil, `{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}`, llm.Error{Code: llm.CodeNotFound, Message: "Requested entity was not found."}},
		{429, http.Header{"Retry-After": {"9"}}, `{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}`,
			llm.Error{Code: llm.CodeRateLimited, Message: "quota", RetryAfter: 9 * time.Second}},
		{429, nil, `[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}]`,
			llm.Error{Code: llm.CodeRateLimited, Message: "quota", RetryAfter: 34500 * time.Millisecond}},
		{500, nil, `{"error":{"code":500,"message":"oh","status":"INTERNAL"}}`, llm.Error{Code: llm.CodeInternal, Message: "oh"}},
		{503, nil, `{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}`, llm.Error{Code: llm.CodeOverloaded, Message: "busy"}},
		{504, nil, `{"error":{"code":504,"message":"late","status":"DEADLINE_EXCEEDED"}}`, llm.Error{Code: llm.CodeUpstreamTimeout, Message: "late"}},
		{502, nil, `<html>`, llm.Error{Code: llm.CodeUpstream, Message: "the upstream answered with status 502 and no message"}},
	} {
		c.want.Status = c.status
		require.Equal(t, &c.want, Codec.DecodeError(c.status, c.header, []byte(c.body)))
	}
	later := Codec.DecodeError(503, http.Header{"Retry-After": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}, nil)
	require.Positive(t, later.RetryAfter)
}
