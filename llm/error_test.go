package llm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Each code in each protocol: the status, the type, and the envelope.
func TestErrorWire(t *testing.T) {
	for code, want := range map[llm.Code]struct {
		openAI, anthropic                     int
		openAIType, openAICode, anthropicType string
	}{
		llm.CodeInvalidRequest:   {400, 400, "invalid_request_error", "", "invalid_request_error"},
		llm.CodeUnauthenticated:  {401, 401, "invalid_request_error", "invalid_api_key", "authentication_error"},
		llm.CodePermissionDenied: {403, 403, "permission_error", "permission_denied", "permission_error"},
		llm.CodeModelNotFound:    {404, 404, "invalid_request_error", "model_not_found", "not_found_error"},
		llm.CodeTooLarge:         {413, 413, "invalid_request_error", "request_too_large", "request_too_large"},
		llm.CodeRateLimited:      {429, 429, "rate_limit_exceeded", "rate_limit_exceeded", "rate_limit_error"},
		llm.CodeUpstreamAuth:     {502, 502, "server_error", "upstream_auth", "api_error"},
		llm.CodeUpstreamTimeout:  {504, 504, "timeout", "upstream_timeout", "timeout_error"},
		llm.CodeOverloaded:       {503, 529, "server_error", "overloaded", "overloaded_error"},
	} {
		e := &llm.Error{Code: code, Message: "what to do", Param: "model", Cause: errors.New("a secret cause")}
		require.Equal(t, want.openAI, e.HTTPStatus("openai"), code)
		require.Equal(t, want.anthropic, e.HTTPStatus("anthropic"), code)
		var o struct {
			Error struct {
				Message, Type string
				Param, Code   *string
			}
		}
		require.NoError(t, json.Unmarshal(e.Body("openai", "req_1"), &o))
		require.Equal(t, want.openAIType, o.Error.Type)
		require.Equal(t, "model", *o.Error.Param)
		if want.openAICode == "" {
			require.Nil(t, o.Error.Code)
		} else {
			require.Equal(t, want.openAICode, *o.Error.Code)
		}
		require.JSONEq(t, fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":"what to do"},"request_id":"req_1"}`, want.anthropicType), string(e.Body("anthropic", "req_1")))
		require.NotContains(t, string(e.Body("openai", "")), "secret cause")
	}
}

// Google's form: a canonical status, and details where there is something to tell.
func TestGoogleErrors(t *testing.T) {
	require.JSONEq(t, `{"error":{"code":400,"message":"contents: no","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents","description":"contents: no"}]}]}}`,
		string((&llm.Error{Code: llm.CodeInvalidRequest, Message: "contents: no", Param: "contents"}).Body("gemini", "")))
	require.JSONEq(t, `{"error":{"code":429,"message":"slow \"down\"","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"},{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"req_1"}]}}`,
		string((&llm.Error{Code: llm.CodeRateLimited, Message: `slow "down"`, RetryAfter: 1500 * time.Millisecond}).Body("gemini", "req_1")))
	require.JSONEq(t, `{"error":{"code":503,"message":"","status":"UNAVAILABLE"}}`, string((&llm.Error{Code: llm.CodeOverloaded}).Body("gemini", "")))
}

func TestAsError(t *testing.T) {
	e := llm.Errorf(llm.CodeNotFound, "no %s", "route")
	require.Same(t, e, llm.AsError(fmt.Errorf("wrapped: %w", e)))
	require.Equal(t, llm.CodeInternal, llm.AsError(errors.New("x")).Code)
	require.NotContains(t, llm.AsError(errors.New("canary")).Message, "canary")
	require.Equal(t, 418, (&llm.Error{Code: llm.CodeUpstream, Status: 418}).HTTPStatus("openai"))
}

func TestCodeOfIsNeverAnAuthenticationErrorOfTheCaller(t *testing.T) {
	for status := 400; status < 600; status++ {
		code := llm.CodeOf(status)
		require.NotEqual(t, llm.CodeUnauthenticated, code)
		require.NotEqual(t, llm.CodePermissionDenied, code)
	}
}

func TestUsageAlgebra(t *testing.T) {
	var u llm.Usage
	require.False(t, u.Prompt().Known)
	require.False(t, u.Total().Known)
	u = llm.Usage{Input: llm.Known(10), CacheRead: llm.Known(5), Output: llm.Known(3), Reasoning: llm.Known(2)}
	require.Equal(t, llm.Known(15), u.Prompt())
	require.Equal(t, llm.Known(18), u.Total())
}

func TestCredentialsDoNotShow(t *testing.T) {
	c := llm.Credential{ID: "c", Source: "credential", APIKey: "sk-canary"}
	for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(f, c), "canary")
		require.NotContains(t, fmt.Sprintf(f, llm.Call{Credential: c}), "canary")
	}
}
