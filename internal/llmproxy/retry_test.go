package llmproxy

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		header http.Header
		want   time.Duration
		ok     bool
	}{
		{http.Header{}, 0, false},
		{http.Header{"Retry-After": {"2"}}, 2 * time.Second, true},
		{http.Header{"Retry-After": {"0"}}, 0, true},
		{http.Header{"Retry-After": {"0.5"}}, 500 * time.Millisecond, true},
		{http.Header{"Retry-After": {"-1"}}, 0, false},
		{http.Header{"Retry-After": {"soon"}}, 0, false},
		{http.Header{"Retry-After": {"NaN"}}, 0, false},
		{http.Header{"Retry-After": {"1e300"}}, 24 * time.Hour, true},
		{http.Header{"Retry-After": {"Thu, 01 Jan 2026 00:00:07 GMT"}}, 7 * time.Second, true},
		{http.Header{"Retry-After": {"Wed, 31 Dec 2025 00:00:00 GMT"}}, 0, true},
		{http.Header{"Retry-After": {"9"}, "Retry-After-Ms": {"1500"}}, 1500 * time.Millisecond, true},
		{http.Header{"Retry-After": {"9"}, "Retry-After-Ms": {"x"}}, 9 * time.Second, true},
	} {
		got, ok := codec.RetryAfter(tt.header, now)
		require.Equal(t, tt.ok, ok, tt.header)
		require.Equal(t, tt.want, got, tt.header)
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		require.NoError(t, sleep(t.Context(), time.Minute))
		require.Equal(t, time.Minute, time.Since(begun))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, sleep(ctx, time.Hour), context.DeadlineExceeded)
		require.Equal(t, time.Minute+time.Second, time.Since(begun))
	})
}

func TestRetryable(t *testing.T) {
	for status := 100; status < 600; status++ {
		want := status == 408 || status == 409 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504 || status >= 520 && status <= 529
		require.Equal(t, want, retryable(status), status)
	}
}
