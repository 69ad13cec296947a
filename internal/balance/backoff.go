package balance

import "time"

// Backoff is how long to wait before retry number attempt, counted from 0: a
// random part of base, which doubles with each attempt up to limit. The whole
// range is used, so that clients which failed together do not come back
// together. rand returns numbers in [0, 1).
func Backoff(base, limit time.Duration, attempt int, rand func() float64) time.Duration {
	if base <= 0 || limit <= 0 {
		return 0
	}
	for ; attempt > 0 && base < limit; attempt-- {
		if base > limit/2 { // doubling could overflow
			base = limit
			break
		}
		base *= 2
	}
	return time.Duration(rand() * float64(min(base, limit)))
}
