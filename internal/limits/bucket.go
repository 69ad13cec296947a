package limits

import (
	"math"
	"time"
)

const minute = int64(time.Minute)

// bucket holds up to one minute's allowance of requests or tokens and drains
// evenly. It counts whole units and the exact fraction of the next one, and knows
// no limit, so that a limit may change and nothing is lost to rounding.
type bucket struct {
	used int64 // over the limit: a debt
	// drained is how much ever left the bucket. What is put in at drained+used is
	// gone when drained has passed it: a bucket is a queue.
	drained int64
	part    int64 // of the next unit, in 1/minute
	at      int64 // when it was drained last, in monotonic ns
	limit   int64 // by which it was drained last
}

// drain brings the bucket to now. A clock that went back drains nothing.
func (b *bucket) drain(now, limit int64) {
	passed := now - b.at
	b.at, b.limit = now, limit
	if b.used == 0 || passed <= 0 {
		return
	}
	gone, part, ok := mulDiv(passed, limit, b.part, minute)
	if !ok || gone >= b.used {
		b.drained += b.used
		b.used, b.part = 0, 0
		return
	}
	b.used -= gone
	b.drained += gone
	b.part = part
}

// put adds n and returns the place in the queue where it ends.
func (b *bucket) put(n int64) int64 {
	b.used = add(b.used, n)
	return b.drained + b.used
}

// refund takes back n of what ended at place, less what of it has drained: time
// gave that back already, and it must not come twice.
func (b *bucket) refund(n, place int64) {
	n = min(n, max(place-b.drained, 0), b.used)
	b.used -= n
	b.drained += n
	if b.used == 0 {
		b.part = 0
	}
}

// until returns how long it takes before no more than level is used.
func (b *bucket) until(level, limit int64) time.Duration {
	excess := b.used - level
	if excess <= 0 {
		return 0
	}
	// (excess×minute − part) / limit, rounded up: a call that comes exactly then fits.
	wait, _, ok := mulDiv(excess-1, minute, minute-b.part+limit-1, limit)
	if !ok {
		return math.MaxInt64
	}
	return time.Duration(wait)
}
