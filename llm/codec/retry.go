package codec

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// MaxRetryAfter is as long as an upstream is believed to want to be left alone.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter reads how long an upstream wants to be left alone (RFC 9110, 10.2.3, and the
// header in milliseconds that OpenAI and Anthropic send), false when it does not say. It
// is no more than [MaxRetryAfter].
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 {
		return rounded(ms * 1e3), true
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil && s >= 0 {
		return rounded(s * 1e6), true
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(0, t.Sub(now)), MaxRetryAfter), true
	}
	return 0, false
}

// rounded is a number of microseconds, which is as much as a fraction can tell exactly
// when it is written and read again.
func rounded(us float64) time.Duration {
	return time.Duration(min(math.Round(us), float64(MaxRetryAfter/time.Microsecond))) * time.Microsecond
}
