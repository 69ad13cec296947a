package codec

import (
	"net/http"
	"strconv"
	"time"
)

// RetryAfter reads how long an upstream wants to be left alone (RFC 9110, 10.2.3, and the
// header in milliseconds that OpenAI and Anthropic send), false when it does not say. A
// number is taken for a day at most.
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
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
