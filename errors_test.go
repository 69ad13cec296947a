package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// Requests of each protocol that the fake upstream answers.
const (
	chatBody      = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`
	chatStream    = `{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`
	messageBody   = `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`
	messageStream = `{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}`
)

var dialects = []struct {
	name, path, body string
}{
	{"openai", "/v1/chat/completions", chatBody},
	{"anthropic", "/v1/messages", messageBody},
}

// requireError checks an error in the protocol's own form.
func requireError(t *testing.T, protocol string, got answer, kind string) {
	t.Helper()
	require.NoError(t, got.err)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.True(t, gjson.Valid(got.Body), got.Body)
	e := gjson.Parse(got.Body)
	require.Equal(t, kind, e.Get("error.type").Str, got.Body)
	require.NotEmpty(t, e.Get("error.message").Str, got.Body)
	if protocol == "anthropic" {
		require.Equal(t, "error", e.Get("type").Str, got.Body)
		require.Equal(t, got.Header.Get("X-Request-Id"), e.Get("request_id").Str, got.Body)
		return
	}
	require.True(t, e.Get("error.code").Exists() && e.Get("error.param").Exists(), got.Body)
}

// An upstream's own refusal is relayed, byte by byte; only Anthropic's 529 gets a
// status that OpenAI's clients know.
func TestUpstreamErrorIsRelayed(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for _, d := range dialects {
		for _, status := range []int{400, 402, 404, 408, 409, 413, 422, 429, 500, 503, 504, 529} {
			t.Run(d.name+" "+http.StatusText(status), func(t *testing.T) {
				up.Reset()
				up.Enqueue(llmtest.Fault{Status: status, Message: "because of ü", RetryAfter: "7"})
				got := s.do(t, "POST", d.path, d.body)
				want := status
				if status == 529 && d.name == "openai" {
					want = 503
				}
				require.Equal(t, want, got.Status)
				require.Contains(t, got.Body, "because of ü")
				require.Equal(t, "7", got.Header.Get("Retry-After"))
				require.Empty(t, got.Header.Get("X-Should-Retry"), "the gateway has not tried again by itself")
				require.Equal(t, 1, up.Count())
				e := s.event(t)
				require.Equal(t, want, e.StatusCode)
				require.False(t, e.Success)
				require.NotEmpty(t, e.ErrorType)
				require.False(t, e.LLM.TotalTokens.Known, "a refused call consumed nothing that is known")
			})
		}
	}
}

// What is no error of the protocol becomes one.
func TestForeignErrorPage(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	tests := []struct {
		fault             llmtest.Fault
		status            int
		openAI, anthropic string
	}{
		{llmtest.Fault{Status: 502, Body: llmtest.BodyHTML}, 502, "server_error", "api_error"},
		{llmtest.Fault{Status: 404, Body: llmtest.BodyText}, 404, "invalid_request_error", "not_found_error"},
		{llmtest.Fault{Status: 429, Body: llmtest.BodyEmpty, RetryAfter: "3"}, 429, "rate_limit_exceeded", "rate_limit_error"},
		{*llmtest.Raw(500, http.Header{"Content-Type": {"application/json"}}, []byte(`{"error":`)), 500, "server_error", "api_error"},
		{*llmtest.Raw(400, http.Header{"Content-Type": {"application/json"}}, []byte(`"just a string"`)), 400, "invalid_request_error", "invalid_request_error"},
		{*llmtest.Raw(500, http.Header{"Content-Type": {"application/json"}}, []byte(`{"error":"`+strings.Repeat("x", 1<<20)+`"}`)), 500, "server_error", "api_error"},
		{llmtest.Fault{Status: 500, Break: llmtest.MidEvent}, 500, "server_error", "api_error"},
	}
	for _, tt := range tests {
		for _, d := range dialects {
			up.Enqueue(tt.fault)
			got := s.do(t, "POST", d.path, d.body)
			require.Equal(t, tt.status, got.Status, got.Body)
			want := tt.openAI
			if d.name == "anthropic" {
				want = tt.anthropic
			}
			requireError(t, d.name, got, want)
			require.Equal(t, tt.fault.RetryAfter, got.Header.Get("Retry-After"))
			require.NotContains(t, got.Body, "<html>")
			require.Contains(t, got.Body, "provider "+map[string]string{"openai": "oai", "anthropic": "ant"}[d.name])
			require.Equal(t, tt.status, s.event(t).StatusCode)
		}
	}
}

// The upstream's 401 and 403 are about the gateway's key. Each key is tried, and
// the caller never learns more than that none was taken.
func TestUpstreamRefusesCredential(t *testing.T) {
	bundle := func(up *llmtest.Upstream) string {
		return oneProvider(up, "network: {max_retries: 3, retry_delay_seconds: 0.001}") + `
credentials:
  - {id: low, provider_id: oai, attributes: {api_key: sk-low}}
  - {id: high, provider_id: oai, attributes: {api_key: sk-high, priority: "5"}}
  - {id: off, provider_id: oai, attributes: {api_key: sk-off, priority: "9"}, disabled: true}
  - {id: of-type, provider_type: openai, attributes: {api_key: sk-type, priority: "-1"}}
  - {id: other, provider_id: ant, attributes: {api_key: sk-other}}
`
	}
	keys := func(up *llmtest.Upstream) (list []string) {
		for _, r := range up.Requests() {
			list = append(list, r.Header.Get("Authorization"))
		}
		return list
	}
	for _, status := range []int{401, 403} {
		up := llmtest.NewUpstream(t)
		s := newGateway(t, bundle(up))

		up.Enqueue(llmtest.Fault{Status: status}, llmtest.Fault{Status: status})
		got := s.do(t, "POST", "/v1/chat/completions", chatBody)
		require.Equal(t, 200, got.Status)
		require.Equal(t, []string{"Bearer " + upstreamKey, "Bearer sk-high", "Bearer sk-low"}, keys(up))
		e := s.event(t)
		require.Equal(t, "low", e.LLM.CredentialID)
		require.Equal(t, "credential", e.LLM.CredentialSource)
		require.Equal(t, 3, e.LLM.Attempts)
		require.True(t, e.Success)

		up.Reset()
		up.Script(func(llmtest.Recorded) *llmtest.Fault {
			return &llmtest.Fault{Status: status, Message: "wrong key sk-x"}
		})
		got = s.do(t, "POST", "/v1/chat/completions", chatBody)
		require.Equal(t, 502, got.Status)
		requireError(t, "openai", got, "server_error")
		require.Equal(t, "upstream_auth", gjson.Get(got.Body, "error.code").Str)
		require.Equal(t, "false", got.Header.Get("X-Should-Retry"))
		require.NotContains(t, got.Body, "wrong key")
		require.Equal(t, []string{"Bearer sk-low", "Bearer sk-type"}, keys(up), "those that were refused rest")
		e = s.event(t)
		require.Equal(t, "upstream_auth", e.ErrorType)
		require.Equal(t, 502, e.StatusCode)

		got = s.do(t, "POST", "/v1/messages", messageBody)
		require.Equal(t, 502, got.Status)
		requireError(t, "anthropic", got, "api_error")
		s.event(t)
	}
}

// The gateway does not take its key, or the caller's prompt, where an upstream
// points.
func TestRedirectIsNotFollowed(t *testing.T) {
	up, elsewhere := newUpstream(t), llmtest.NewUpstream(t)
	s := newGateway(t, oneProvider(up))
	for _, status := range []int{301, 302, 303, 307, 308} {
		up.Enqueue(llmtest.Fault{Status: status, Redirect: elsewhere.URL + "/v1/chat/completions"})
		got := s.do(t, "POST", "/v1/chat/completions", chatBody)
		require.Equal(t, 502, got.Status)
		requireError(t, "openai", got, "server_error")
		require.NotContains(t, got.Header, "Location")
		require.Zero(t, elsewhere.Count())
		require.Equal(t, "upstream_error", s.event(t).ErrorType)
	}
}

func TestUnreachableUpstream(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	s := newGateway(t, oneProvider(&llmtest.Upstream{URL: closed.URL}))
	for _, d := range dialects {
		got := s.do(t, "POST", d.path, d.body)
		require.Equal(t, 502, got.Status)
		requireError(t, d.name, got, map[string]string{"openai": "server_error", "anthropic": "api_error"}[d.name])
		require.NotContains(t, got.Body, "127.0.0.1", "where the upstream is, is not the caller's business")
		e := s.event(t)
		require.Equal(t, "upstream_error", e.ErrorType)
		require.Equal(t, 502, e.StatusCode)
	}
}

func TestUpstreamTimeout(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "network: {request_timeout_seconds: 0.1}"))
	for _, d := range dialects {
		up.Enqueue(llmtest.Fault{Delay: time.Minute})
		got := s.do(t, "POST", d.path, d.body)
		require.Equal(t, 504, got.Status)
		requireError(t, d.name, got, map[string]string{"openai": "timeout", "anthropic": "timeout_error"}[d.name])
		e := s.event(t)
		require.Equal(t, "upstream_timeout", e.ErrorType)
		require.Equal(t, 504, e.StatusCode)
	}
	// An answer that is no stream must be there in time as a whole.
	up.Enqueue(llmtest.Fault{Break: llmtest.Stall})
	_, err := s.client.Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(chatBody))
	require.Error(t, err, "an answer without its end must not look whole")
	require.Equal(t, "upstream_timeout", s.event(t).ErrorType)
	require.NoError(t, up.WaitIdle(t.Context()))
}

// An answer that is no stream and breaks off has no way to say so but to break
// the caller's connection.
func TestBrokenAnswerAborts(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for _, fault := range []llmtest.Fault{
		{Break: llmtest.MidEvent}, {Break: llmtest.AfterHeaders}, {Break: llmtest.MidEvent, Size: 1 << 20},
	} {
		for _, d := range dialects {
			up.Enqueue(fault)
			resp, err := s.client.Post(s.URL+d.path, "application/json", strings.NewReader(d.body))
			if err == nil { // else the connection broke before its first byte went out
				require.Equal(t, 200, resp.StatusCode)
				err = read(resp).err
			}
			require.Error(t, err, "%+v", fault)
			e := s.event(t)
			require.Equal(t, "upstream_error", e.ErrorType)
			require.False(t, e.Success)
			require.False(t, e.LLM.UsageFinalized)
		}
	}
}
