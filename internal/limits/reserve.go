package limits

import (
	"context"
	"sync/atomic"
	"time"
)

// Reservation is what one call holds. Exactly one Settle or Cancel counts,
// whichever is first; the others do nothing. It is safe for concurrent use. The
// zero Reservation and nil hold nothing.
type Reservation struct {
	keeper *Keeper
	est    Estimate
	parts  []part
	room   [2]part
	done   atomic.Bool
}

// part is one subject's share of a reservation.
type part struct {
	subject *subject
	policy  Policy
	asks    bool    // the store, before it admits
	again   bool    // an earlier part has the same subject
	place   int64   // of the tokens in their bucket
	ledger  *ledger // nil without a budget
	held    amounts
}

// Reserve takes one request and the estimate from every limit of every subject,
// or nothing from any. Exactly one of its results is nil; compare a Refusal with
// nil before it becomes an error. A subject that is named twice must satisfy both
// policies and is charged once, by the first. Without a limit nothing is held.
//
// It may wait for the store when a lease of a budget is used up: until ctx is
// done, and no longer than Options.StoreTimeout.
func (k *Keeper) Reserve(ctx context.Context, subjects []Subject, est Estimate) (*Reservation, *Refusal) {
	if k.closed.Load() {
		return nil, &Refusal{Reason: Closed}
	}
	r := &Reservation{keeper: k, est: est}
	var timeout <-chan time.Time
	for {
		if refusal := r.enter(subjects); refusal != nil {
			return nil, refusal
		}
		op, refusal := r.try()
		if refusal != nil {
			return nil, refusal
		}
		if op == nil {
			return r, nil
		}
		if timeout == nil {
			timer := time.NewTimer(k.opts.StoreTimeout)
			defer timer.Stop()
			timeout = timer.C
		}
		var err error
		select {
		case <-op.done:
			err = op.err
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-timeout:
			err = context.DeadlineExceeded
		}
		if err != nil {
			return nil, &Refusal{Subject: op.subject, Reason: StoreUnavailable, RetryAfter: guess, Err: err}
		}
	}
}

// enter finds the subjects and locks them.
func (r *Reservation) enter(subjects []Subject) *Refusal {
	for {
		r.parts = r.room[:0]
		for i := range subjects {
			if subjects[i].Policy.none() {
				continue
			}
			s := r.keeper.subject(subjects[i].ID)
			if s == nil {
				return &Refusal{Subject: subjects[i].ID, Reason: Overloaded, RetryAfter: guess}
			}
			again := false
			for j := range r.parts {
				again = again || r.parts[j].subject == s
			}
			r.parts = append(r.parts, part{subject: s, policy: subjects[i].Policy, again: again})
		}
		r.lock()
		forgotten := false
		for i := range r.parts {
			forgotten = forgotten || r.parts[i].subject.forgotten
		}
		if !forgotten {
			return nil
		}
		r.unlock()
	}
}

// lock takes the subjects' locks in the order of their seq, as everybody does.
func (r *Reservation) lock() {
	for last := uint64(0); ; {
		var next *subject
		for i := range r.parts {
			if s := r.parts[i].subject; s.seq > last && (next == nil || s.seq < next.seq) {
				next = s
			}
		}
		if next == nil {
			return
		}
		next.mu.Lock()
		last = next.seq
	}
}

func (r *Reservation) unlock() {
	for i := range r.parts {
		if !r.parts[i].again {
			r.parts[i].subject.mu.Unlock()
		}
	}
}

// try takes everything, or returns why not, or the operation to wait for. It
// unlocks the subjects. The store is asked only for calls that nothing else stops.
func (r *Reservation) try() (*operation, *Refusal) {
	defer r.unlock()
	k := r.keeper
	now := k.now()
	waits := false
	for i := range r.parts {
		p := &r.parts[i]
		var refusal Refusal
		switch p.subject.check(p, r.est, now, &refusal) {
		case refuse:
			refused := refusal
			refused.Subject = p.subject.id
			return nil, &refused
		case ask:
			p.asks, waits = true, true
		}
	}
	if waits {
		return r.ask(now)
	}
	for i := range r.parts {
		p := &r.parts[i]
		if p.again {
			continue
		}
		p.subject.take(p, r.est)
		if l := p.ledger; l != nil && l.scarce(k.opts.Slice) {
			k.background(p.subject, now.mono)
		}
	}
	return nil, nil
}

// ask starts an operation, or joins it, for every subject that lacks something,
// and returns one of them.
func (r *Reservation) ask(now moment) (op *operation, refusal *Refusal) {
	for i := range r.parts {
		p := &r.parts[i]
		if !p.asks {
			continue
		}
		for u, want := range p.held {
			if a := &p.ledger.accounts[u]; want > a.free() {
				a.want = add(a.want, want)
			}
		}
		started := r.keeper.visit(p.subject)
		if started == nil {
			return nil, &Refusal{Subject: p.subject.id, Reason: Closed}
		}
		if op == nil {
			op = started
		}
	}
	return op, nil
}

// Settle ends the call: it took actual. It never waits for the store.
func (r *Reservation) Settle(actual Estimate) { r.end(actual) }

// Cancel ends a call that reached no upstream. Nothing is charged; the request
// still counts against RPM, since the gateway had its work.
func (r *Reservation) Cancel() { r.end(Estimate{CostKnown: true}) }

func (r *Reservation) end(actual Estimate) {
	if r == nil || !r.done.CompareAndSwap(false, true) || len(r.parts) == 0 {
		return
	}
	now := r.keeper.now()
	for i := range r.parts {
		p := &r.parts[i]
		if p.again {
			continue
		}
		s := p.subject
		s.mu.Lock()
		s.settle(p, r.est, actual, now.mono)
		if p.ledger != nil && p.ledger.overdrawn() {
			r.keeper.background(s, now.mono)
		}
		s.mu.Unlock()
	}
}
