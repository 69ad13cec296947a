package llmproxy

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// maxRetryWait is the longest that a caller is kept waiting for another try.
const maxRetryWait = 30 * time.Second

// defaultRetryDelay is the first wait when the provider configures none.
const defaultRetryDelay = 500 * time.Millisecond

// retryable says whether a status may pass by itself.
func retryable(status int) bool {
	switch status {
	case 408, 409, 429, 500, 502, 503, 504:
		return true
	}
	return status >= 520 && status <= 529 // 529 is Anthropic's, the others Cloudflare's
}

// retryAfter reads how long an upstream wants to be left alone.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 {
		return time.Duration(min(ms, 86400e3) * float64(time.Millisecond)), true
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil && s >= 0 {
		return time.Duration(min(s, 86400) * float64(time.Second)), true
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now)), true
	}
	return 0, false
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
