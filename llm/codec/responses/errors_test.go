package responses

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

func TestDecodeError(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		want   llm.Error
	}{
		"quota": {429, nil, `{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`,
			llm.Error{Code: llm.CodeBilling, Status: 429, Message: "m"}},
		"rate": {429, http.Header{"Retry-After-Ms": {"1500"}, "Retry-After": {"9"}}, `{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}`,
			llm.Error{Code: llm.CodeRateLimited, Status: 429, Message: "m", RetryAfter: 1500 * time.Millisecond}},
		"model": {404, nil, `{"error":{"message":"m","type":"invalid_request_error","param":"model","code":"model_not_found"}}`,
			llm.Error{Code: llm.CodeModelNotFound, Status: 404, Message: "m", Param: "model"}},
		"context": {400, nil, `{"error":{"message":"m","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}`,
			llm.Error{Code: llm.CodeContextLength, Status: 400, Message: "m", Param: "input"}},
		"key":        {401, nil, `{"error":{"message":"m","code":"invalid_api_key"}}`, llm.Error{Code: llm.CodeUpstreamAuth, Status: 401, Message: "m"}},
		"vague type": {503, http.Header{"Retry-After": {"2"}}, `{"error":{"message":"m","type":"server_error","code":null}}`, llm.Error{Code: llm.CodeOverloaded, Status: 503, Message: "m", RetryAfter: 2 * time.Second}},
		"date": {503, http.Header{"Retry-After": {time.Unix(1_800_000_007, 0).UTC().Format(http.TimeFormat)}}, ``,
			llm.Error{Code: llm.CodeOverloaded, Status: 503, Message: "the upstream answered with status 503", RetryAfter: 7 * time.Second}},
		"string": {500, http.Header{"Retry-After": {"NaN"}}, `{"error":"m"}`, llm.Error{Code: llm.CodeInternal, Status: 500, Message: "m"}},
		"detail": {422, nil, `{"detail":"m"}`, llm.Error{Code: llm.CodeInvalidRequest, Status: 422, Message: "m"}},
		"page":   {502, nil, `<html>`, llm.Error{Code: llm.CodeUpstream, Status: 502, Message: "the upstream answered with status 502"}},
	} {
		require.Equal(t, &c.want, Codec.DecodeError(c.status, c.header, []byte(c.body)), name)
	}
}
