package limits

import "math/bits"

// Subject is whom a policy binds: "key:<id>", "route:<id>". Its ID names its
// state, in memory and in the store.
type Subject struct {
	ID     string
	Policy Policy
}

// Policy is what a subject may use. Each limit that is 0, or less, does not
// apply; the zero Policy allows everything and costs nothing.
type Policy struct {
	RPM         int64 // requests per minute
	TPM         int64 // tokens per minute
	Concurrency int64 // calls at once
	Budget      Budget
}

// Budget is what a subject may spend in each period. An amount of 0 does not
// apply, and without either there is no budget. What a unit without a limit
// costs is not counted, so a limit that is added later begins at nothing used.
type Budget struct {
	NanoUSD int64 // billionths of a dollar
	Tokens  int64
	Period  Period
}

// Estimate is what a call takes: before it what it may take at most, as far as
// anybody can tell, afterwards what it took.
type Estimate struct {
	Tokens int64
	// Cost is in nano-dollars. It counts only if CostKnown: a known cost of 0 is
	// free, an unknown one is refused where there is a dollar budget.
	Cost      int64
	CostKnown bool
}

// The units of budgets.
const (
	usd = iota
	tokens
	units
)

// amounts has one value a unit.
type amounts [units]int64

const (
	maxAmount = 1 << 60 // of one limit or call
	maxSum    = 1 << 61 // two of these can be added without a wrap
)

func (e Estimate) amounts() amounts {
	a := amounts{tokens: clamp(e.Tokens)}
	if e.CostKnown {
		a[usd] = clamp(e.Cost)
	}
	return a
}

func (b *Budget) amounts() amounts { return amounts{clamp(b.NanoUSD), clamp(b.Tokens)} }

func (p *Policy) hasBudget() bool { return p.Budget.NanoUSD > 0 || p.Budget.Tokens > 0 }

func (p *Policy) none() bool {
	return p.RPM <= 0 && p.TPM <= 0 && p.Concurrency <= 0 && !p.hasBudget()
}

func clamp(n int64) int64 { return min(max(n, 0), maxAmount) }

func add(a, b int64) int64 { return min(a+b, maxSum) }

// mulDiv returns a×b/c and the remainder; ok is false when the result has no
// room in 63 bits. No argument is negative, and c is not 0.
func mulDiv(a, b, plus, c int64) (quo, rem int64, ok bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	lo, carry := bits.Add64(lo, uint64(plus), 0)
	hi += carry
	if hi >= uint64(c) {
		return 0, 0, false
	}
	q, r := bits.Div64(hi, lo, uint64(c))
	if q > 1<<62 {
		return 0, 0, false
	}
	return int64(q), int64(r), true
}
