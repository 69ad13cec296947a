package codec

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		header, value string
		want          time.Duration
		said          bool
	}{
		{"Retry-After", "2", 2 * time.Second, true},
		{"Retry-After", "0.5", 500 * time.Millisecond, true},
		{"Retry-After", "-1", 0, false},
		{"Retry-After", "NaN", 0, false},
		{"Retry-After", "1e300", 24 * time.Hour, true},
		{"Retry-After", "Thu, 01 Jan 2026 00:00:07 GMT", 7 * time.Second, true},
		{"Retry-After", "Wed, 31 Dec 2025 00:00:00 GMT", 0, true},
		{"Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT", 24 * time.Hour, true},
		{"Retry-After-Ms", "1500", 1500 * time.Millisecond, true},
		{"Retry-After-Ms", "1e300", 24 * time.Hour, true},
	} {
		got, ok := RetryAfter(http.Header{c.header: {c.value}}, now)
		require.Equal(t, c.want, got, "%s: %s", c.header, c.value)
		require.Equal(t, c.said, ok)
	}
}
