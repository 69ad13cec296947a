package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// A failure that may pass is tried again, as often as is configured, and then
// the caller is told not to multiply that.
func TestRetries(t *testing.T) {
	up := newUpstream(t)
	for _, status := range []int{408, 429, 500, 502, 503, 504, 529} {
		s := newGateway(t, oneProvider(up, "network: {max_retries: 2, retry_delay_seconds: 0.001}"))
		up.Reset()
		up.Enqueue(llmtest.Fault{Status: status}, llmtest.Fault{Status: status})
		got := s.do(t, "POST", "/v1/chat/completions", chatBody)
		require.Equal(t, 200, got.Status, status)
		require.Empty(t, got.Header.Get("X-Should-Retry"))
		for _, r := range up.Requests() {
			require.JSONEq(t, chatBody, string(r.Body))
		}
		e := s.event(t)
		require.Equal(t, 3, e.LLM.Attempts)
		require.True(t, e.Success)

		up.Reset()
		up.Script(func(llmtest.Recorded) *llmtest.Fault {
			return &llmtest.Fault{Status: status, Header: http.Header{"X-Should-Retry": {"true"}}}
		})
		got = s.do(t, "POST", "/v1/chat/completions", chatBody)
		require.GreaterOrEqual(t, got.Status, 400)
		require.Equal(t, []string{"false"}, got.Header["X-Should-Retry"])
		require.Equal(t, 3, up.Count())
		require.Equal(t, 3, s.event(t).LLM.Attempts)
	}
	s := newGateway(t, oneProvider(up, "network: {max_retries: 2, retry_delay_seconds: 0.001}"))
	for _, status := range []int{400, 404, 413, 422} {
		up.Reset()
		up.Enqueue(llmtest.Fault{Status: status})
		require.Equal(t, status, s.do(t, "POST", "/v1/chat/completions", chatBody).Status)
		require.Equal(t, 1, up.Count(), "a %d does not pass by itself", status)
		s.event(t)
	}
}

// Many callers whose calls all fail do not multiply what their upstream has to bear.
func TestRetryBudget(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "network: {max_retries: 3, retry_delay_seconds: 0.001}"))
	up.Script(func(llmtest.Recorded) *llmtest.Fault { return &llmtest.Fault{Status: 429} })
	const callers = 100
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			req, err := newRequest(t.Context(), s.URL+"/v1/chat/completions", chatBody)
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := s.client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode != 429 {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, up.Count(), callers*12/10)
	for range callers {
		s.event(t)
	}
}

// A connection that breaks before the answer is like a failure that may pass.
func TestRetryAfterBrokenConnection(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "network: {max_retries: 1, retry_delay_seconds: 0.001}"))
	up.Enqueue(llmtest.Fault{Break: llmtest.BeforeHeaders})
	require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", chatStream).Status)
	require.Equal(t, 2, s.event(t).LLM.Attempts)

	up.Reset()
	up.Script(func(llmtest.Recorded) *llmtest.Fault { return &llmtest.Fault{Break: llmtest.BeforeHeaders} })
	got := s.do(t, "POST", "/v1/chat/completions", chatStream)
	require.Equal(t, 502, got.Status)
	requireError(t, "openai", got, "server_error")
	require.Equal(t, "false", got.Header.Get("X-Should-Retry"))
	require.Equal(t, "upstream_error", s.event(t).ErrorType)
}

// Retry-After is obeyed: waited for when it is short, and told the caller when it
// is long.
func TestRetryAfter(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "network: {max_retries: 5, retry_delay_seconds: 0.001}"))
	const wait = 150 * time.Millisecond
	for _, h := range []http.Header{{"Retry-After": {"0.15"}}, {"Retry-After-Ms": {"150"}, "Retry-After": {"60"}}} {
		up.Enqueue(llmtest.Fault{Status: 429, Header: h})
		begun := time.Now()
		require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", chatBody).Status)
		require.GreaterOrEqual(t, time.Since(begun), wait)
		s.event(t)
	}
	for _, after := range []string{"31", "3600", "999999999999", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)} {
		up.Reset()
		up.Enqueue(llmtest.Fault{Status: 429, RetryAfter: after})
		got := s.do(t, "POST", "/v1/chat/completions", chatBody)
		require.Equal(t, 429, got.Status)
		require.Equal(t, after, got.Header.Get("Retry-After"))
		require.Equal(t, 1, up.Count())
		s.event(t)
	}
}

// A caller that goes away while the gateway waits ends the trying.
func TestRetryEndsWithCaller(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "network: {max_retries: 5}"))
	up.Script(func(llmtest.Recorded) *llmtest.Fault { return &llmtest.Fault{Status: 503, RetryAfter: "20"} })
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/v1/chat/completions", strings.NewReader(chatBody))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	done := make(chan error, 1)
	go func() {
		resp, err := s.client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		done <- err
	}()
	require.NoError(t, up.WaitCount(t.Context(), 1))
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	e := s.event(t)
	require.Equal(t, 499, e.StatusCode)
	require.Equal(t, "canceled", e.ErrorType)
	require.Equal(t, 1, up.Count())
}
