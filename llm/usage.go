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
	// Iterations are what the call was made of, where the counts above are not what
	// is billed: some of it is beyond them, or has another model's price. It is nil
	// where they are, and shared, and must not be changed.
	Iterations *Iterations
	// Final says that the upstream reported these numbers at the end of its
	// answer; otherwise they are what was seen until a break, or an estimate.
	Final bool
}

// Prompt is the number of tokens of the whole prompt, cached ones included, without
// what is beyond it in Iterations. [Usage.Billed] has that.
func (u Usage) Prompt() Count { return u.Input.Plus(u.CacheRead).Plus(u.CacheWrite) }

// Total is Prompt plus Output.
func (u Usage) Total() Count { return u.Prompt().Plus(u.Output) }

// Count is a number that may be unknown. The zero value is unknown.
type Count struct {
	N     int64
	Known bool
}

// maxCount is more tokens than any call has. Sums stop there, and do not overflow.
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
	return Count{N: min(c.N+d.N, maxCount), Known: c.Known || d.Known}
}
