package llm

// Usage is what one call consumed, in one algebra for all protocols: Input is
// what was neither read from nor written to a cache, so that the whole prompt is
// Input + CacheRead + CacheWrite. Output includes Reasoning. Its zero value is
// "nothing is known".
type Usage struct {
	Input, Output Count
	CacheRead     Count
	CacheWrite    Count
	// CacheWrite1h is the part of CacheWrite that is kept for an hour, which some
	// charge more for.
	CacheWrite1h Count
	Reasoning    Count
	// Final says that the upstream reported these numbers at the end of its
	// answer; otherwise they are what was seen until a break, or an estimate.
	Final bool
}

// Prompt is the number of tokens of the whole prompt, cached ones included.
func (u Usage) Prompt() Count { return u.Input.Plus(u.CacheRead).Plus(u.CacheWrite) }

// Total is Prompt plus Output.
func (u Usage) Total() Count { return u.Prompt().Plus(u.Output) }

// Count is a number that may be unknown. The zero value is unknown.
type Count struct {
	N     int64
	Known bool
}

// maxCount is more tokens than any call has, and few enough that sums of some do not
// overflow.
const maxCount = 1 << 50

// Known returns a known count. What cannot be one, as an upstream that is broken may
// report it, is unknown.
func Known(n int64) Count {
	if n < 0 || n > maxCount {
		return Count{}
	}
	return Count{N: n, Known: true}
}

// Plus adds what is known; the sum of two unknowns is unknown.
func (c Count) Plus(d Count) Count {
	return Count{N: c.N + d.N, Known: c.Known || d.Known}
}
