package llmproxy

import (
	"context"
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
