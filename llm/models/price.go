package models

import (
	"math"
	"math/bits"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Rates are what tokens cost, in nano-dollars (1e-9 US dollars) per million. The
// zero value of a field says that the rate is not known.
type Rates struct {
	Input, Output llm.Count
	// Reasoning is known where thoughts cost something else than Output.
	Reasoning llm.Count
	CacheRead llm.Count
	// CacheWrite is for the provider's default life of an entry, CacheWrite1h for
	// an entry that lives for an hour.
	CacheWrite, CacheWrite1h llm.Count
	// Audio and Image are known where these cost something else than text.
	AudioInput, AudioOutput, AudioCacheRead, ImageOutput llm.Count

	// Request and WebSearch are for one, in nano-dollars.
	Request, WebSearch llm.Count
}

// Price is what a model costs at one provider. It does not change, and is safe for
// concurrent use. A nil *Price is the price of a model of which none is known.
type Price struct {
	periods []period
}

// period is a price that holds from a day on, or daily between two times; always,
// when it says neither.
type period struct {
	from       time.Time
	start, end int // seconds of the day in UTC; both 0: all day
	base       Rates
	tiers      []tier // by above, ascending
}

type tier struct {
	above int64
	rates Rates
}

// Rates returns what holds at a time for a prompt of so many tokens, cached ones
// included: providers choose the tier by the whole prompt, and charge all of the
// call at it. Of several periods that a time falls into, the last one wins.
func (p *Price) Rates(at time.Time, prompt int64) Rates {
	if p == nil || len(p.periods) == 0 {
		return Rates{}
	}
	chosen := &p.periods[0]
	for i := len(p.periods) - 1; i > 0; i-- {
		if p.periods[i].holds(at) {
			chosen = &p.periods[i]
			break
		}
	}
	r := chosen.base
	for _, t := range chosen.tiers {
		if prompt > t.above {
			r = t.rates
		}
	}
	return r
}

func (p *period) holds(at time.Time) bool {
	if at.Before(p.from) {
		return false
	}
	if p.start == p.end {
		return true
	}
	h, m, s := at.UTC().Clock()
	now := h*3600 + m*60 + s
	if p.end < p.start {
		return now >= p.start || now < p.end
	}
	return now >= p.start && now < p.end
}

// Cost is what one call with this usage costs, in nano-dollars, at the list price of
// the time at which it was made. The sum is exact, and rounded once, half up.
//
// It is not known when the price is not, when Input or Output was not counted, when
// a part was used whose rate is not known, and when the sum is out of range. What
// does not count against it:
//
//   - cache reads, cache writes and reasoning that were not counted, which an
//     upstream that has none leaves out;
//   - cached tokens of a model whose price says nothing about a cache: they are
//     priced as input. A write for an hour, however, is dearer than one for five
//     minutes wherever there are both, so it needs its own rate or none of the two;
//   - the output of a model that has a price for input alone, as embeddings do, as
//     long as there is none;
//   - searches on the web and audio in the prompt, which [llm.Usage] does not count.
//     The sum is then a lower bound. Audio and images in the answer cost several
//     times as much as text, so a model that makes them has no cost for its output.
//
// Of a call that was made of several iterations, it is what the counts cost that are
// the call's own. [Cost] has the rest.
func (p *Price) Cost(u llm.Usage, at time.Time) (nanoUSD int64, known bool) {
	u.Iterations = nil
	return Cost(u, at, func(string) *Price { return p })
}

// Cost is what a call with this usage costs, all of its iterations, each at the price
// of its model: price returns that of a name, and the call's own for "". What is
// charged for a call whatever it used is charged once. See [Price.Cost] for when it is
// known.
func Cost(u llm.Usage, at time.Time, price func(model string) *Price) (nanoUSD int64, known bool) {
	own := price("")
	t := total{ok: true}
	for model, part := range u.Parts() {
		p := own
		if model != "" {
			p = price(model)
		}
		if !p.add(&t, part, at) {
			return 0, false
		}
	}
	if r := own.Rates(at, u.Prompt().N).Request; r.Known {
		t.add(perMillion, r)
	}
	return t.nano()
}

// add adds what the tokens cost; false when that is not known.
func (p *Price) add(t *total, u llm.Usage, at time.Time) bool {
	if p == nil || !u.Input.Known || u.Input.N < 0 || u.Output.N < 0 || u.CacheRead.N < 0 || u.CacheWrite.N < 0 || u.Reasoning.N < 0 {
		return false
	}
	prompt, ok := sum(u.Input.N, u.CacheRead.N, u.CacheWrite.N)
	if !ok {
		return false
	}
	r := p.Rates(at, prompt)
	output := r.Output
	if r.AudioOutput.Known || r.ImageOutput.Known {
		output = llm.Count{}
	} else if output.Known && !u.Output.Known {
		return false
	}
	write1h := min(u.CacheWrite1h.N, u.CacheWrite.N)
	reasoning := min(u.Reasoning.N, u.Output.N)

	t.add(u.Input.N, r.Input)
	t.add(u.CacheRead.N, or(r.CacheRead, r.Input))
	t.add(u.CacheWrite.N-write1h, or(r.CacheWrite, r.Input))
	if r.CacheWrite.Known || r.CacheWrite1h.Known {
		t.add(write1h, r.CacheWrite1h)
	} else {
		t.add(write1h, r.Input)
	}
	t.add(u.Output.N-reasoning, output)
	t.add(reasoning, or(r.Reasoning, output))
	return t.ok
}

func or(a, b llm.Count) llm.Count {
	if a.Known {
		return a
	}
	return b
}

func sum(ns ...int64) (s int64, ok bool) {
	for _, n := range ns {
		if n > math.MaxInt64-s {
			return 0, false
		}
		s += n
	}
	return s, true
}

const perMillion = 1_000_000

// total adds products in 128 bits.
type total struct {
	hi, lo uint64
	ok     bool
}

func (t *total) add(n int64, rate llm.Count) {
	if n == 0 {
		return
	}
	if !rate.Known || n < 0 || rate.N < 0 {
		t.ok = false
		return
	}
	hi, lo := bits.Mul64(uint64(n), uint64(rate.N))
	var carry uint64
	t.lo, carry = bits.Add64(t.lo, lo, 0)
	// A product of two int64 is below 2^126.
	t.hi, carry = bits.Add64(t.hi, hi, carry)
	t.ok = t.ok && carry == 0
}

func (t *total) nano() (int64, bool) {
	lo, carry := bits.Add64(t.lo, perMillion/2, 0)
	hi := t.hi + carry
	if !t.ok || hi >= perMillion {
		return 0, false
	}
	n, _ := bits.Div64(hi, lo, perMillion)
	if n > math.MaxInt64 {
		return 0, false
	}
	return int64(n), true
}
