package limits

import (
	"slices"
	"sync"
	"time"
)

// subject is the state of one. It is made on demand, and forgotten when nothing
// of it matters any more.
type subject struct {
	id  string
	seq uint64 // the order in which several are locked

	mu               sync.Mutex
	forgotten        bool // look it up again
	inFlight         int64
	usedAt           int64 // monotonic ns, like all times here
	requests, tokens bucket

	cur     *ledger   // nil before a budget is used
	ledgers []*ledger // cur, and earlier ones that are not settled
	book              // what is known of the store
}

// book is one subject's part in the store, as it was seen last.
type book struct {
	loaded    bool // rec and version have been read
	stale     bool // they must be read again before they are written
	rec       record
	version   int64
	checkedAt int64
	retryAt   int64      // when background writes may be tried again
	op        *operation // under way; nil: none
	unsure    *write     // may have happened, or not
}

// moment is one instant on both clocks.
type moment struct {
	mono int64
	wall time.Time
}

// recheck is how long a budget that is used up is believed to be: other keepers
// may give something back, or somebody may raise it in the store.
const recheck = time.Second

// verdict is what one subject says to a call.
type verdict int

const (
	admit verdict = iota
	refuse
	ask // the store must be asked first
)

// turnTo makes the ledger of the period that now is in the current one.
func (s *subject) turnTo(p Period, now moment) *ledger {
	if s.cur != nil && s.cur.holds(p, now.wall.Unix()) {
		return s.cur
	}
	at := p.at(now.wall)
	if s.loaded {
		at = s.rec.open(at)
	}
	for _, l := range s.ledgers {
		if l.kind == at.kind && l.start == at.start {
			s.cur = l
			return l
		}
	}
	l := &ledger{span: at, boost: 1}
	for u, used := range s.rec.used(at) {
		l.accounts[u].stored = used
	}
	s.cur = l
	s.ledgers = append(s.ledgers, l)
	s.tidy()
	return l
}

// tidy drops the earlier ledgers that are settled. Of one that a write may yet
// change nobody knows.
func (s *subject) tidy() {
	if s.op != nil || s.unsure != nil {
		return
	}
	s.ledgers = slices.DeleteFunc(s.ledgers, func(l *ledger) bool { return l != s.cur && l.settled() })
}

// check asks every limit of one subject and takes nothing yet. Only for a
// refusal it fills in r.
func (s *subject) check(p *part, est Estimate, now moment, r *Refusal) verdict {
	policy := &p.policy
	s.usedAt = now.mono
	if policy.Concurrency > 0 && s.inFlight >= policy.Concurrency {
		*r = Refusal{Limit: Concurrency, Reason: Exceeded, Max: policy.Concurrency, RetryAfter: guess}
		return refuse
	}
	if policy.RPM > 0 && !s.requests.admits(1, policy.RPM, now, Requests, r) {
		return refuse
	}
	if policy.TPM > 0 && !s.tokens.admits(clamp(est.Tokens), policy.TPM, now, Tokens, r) {
		return refuse
	}
	if !policy.hasBudget() {
		return admit
	}
	if policy.Budget.NanoUSD > 0 && !est.CostKnown {
		*r = Refusal{Limit: BudgetUSD, Reason: PriceUnknown, Max: policy.Budget.NanoUSD}
		return refuse
	}
	return s.checkBudget(p, est.amounts(), now, r)
}

func (s *subject) checkBudget(p *part, want amounts, now moment, r *Refusal) verdict {
	l := s.turnTo(p.policy.Budget.Period, now)
	p.ledger, p.held = l, amounts{}
	result := admit
	for u, budget := range p.policy.Budget.amounts() {
		a := &l.accounts[u]
		a.budget = budget
		if budget == 0 || want[u] == 0 {
			continue // a free call passes
		}
		p.held[u] = want[u]
		switch {
		case want[u] > budget:
			*r = Refusal{Limit: budgetLimits[u], Reason: TooLarge, Max: budget, Remaining: a.left(), Reset: l.reset()}
			return refuse
		case !s.loaded:
			result = ask
		case a.used()+want[u] > budget:
			// What is being given back counts as used until the write is done.
			if since := now.mono - s.checkedAt; since >= 0 && since < int64(recheck) && !s.stale && s.op == nil {
				*r = Refusal{Limit: budgetLimits[u], Reason: Exceeded, Max: budget, Remaining: a.left(), Reset: l.reset()}
				if !r.Reset.IsZero() {
					r.RetryAfter = max(r.Reset.Sub(now.wall), 1)
				}
				return refuse
			}
			s.stale = true
			result = ask
		case want[u] > a.free():
			result = ask
		}
	}
	return result
}

func (b *bucket) admits(n, limit int64, now moment, name Limit, r *Refusal) bool {
	limit = clamp(limit)
	b.drain(now.mono, limit)
	if n == 0 || b.used+n <= limit {
		return true
	}
	*r = Refusal{Limit: name, Reason: Exceeded, Max: limit, Remaining: max(limit-b.used, 0), Reset: b.reset(now.wall)}
	if n > limit {
		r.Reason = TooLarge
		return false
	}
	r.RetryAfter = b.until(limit-n, limit)
	return false
}

// reset is when the bucket is empty.
func (b *bucket) reset(now time.Time) time.Time {
	if b.used == 0 {
		return now
	}
	return now.Add(b.until(0, b.limit))
}

// take is check's other half: what it admitted is taken.
func (s *subject) take(p *part, est Estimate) {
	s.inFlight++
	if p.policy.RPM > 0 {
		s.requests.put(1)
	}
	if p.policy.TPM > 0 {
		p.place = s.tokens.put(clamp(est.Tokens))
	}
	if p.ledger != nil {
		p.ledger.hold(p.held)
	}
}

// settle gives back what take took and books what the call used.
func (s *subject) settle(p *part, est, actual Estimate, now int64) {
	s.inFlight--
	s.usedAt = max(s.usedAt, now)
	if limit := clamp(p.policy.TPM); limit > 0 {
		s.tokens.drain(now, limit)
		if more := clamp(actual.Tokens) - clamp(est.Tokens); more >= 0 {
			s.tokens.put(more)
		} else {
			s.tokens.refund(-more, p.place)
		}
	}
	if p.ledger == nil {
		return
	}
	used := actual.amounts()
	if !actual.CostKnown {
		used[usd] = p.held[usd]
	}
	for u, budget := range p.policy.Budget.amounts() {
		if budget == 0 {
			used[u] = 0
		}
	}
	p.ledger.settle(p.held, used)
}
