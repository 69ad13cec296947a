package limits

import (
	"context"
	"errors"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// Usage is how one limit stands.
type Usage struct {
	Limit Limit
	Max   int64
	// Used includes what calls in flight hold, and what other keepers have
	// leased. It may be over Max: see the package comment.
	Used int64
	// Remaining is never negative.
	Remaining int64
	// Reset is when the whole limit is available again if nothing is used until
	// then; zero when that is never, or not known.
	Reset time.Time
}

// Usage returns the limits that policy sets, as they stand for the subject id. It
// asks the store when the subject is not in memory, and fails when the store does.
// It takes nothing and leaves no trace.
func (k *Keeper) Usage(ctx context.Context, id string, policy Policy) ([]Usage, error) {
	s := k.find(id)
	if s == nil {
		s = &subject{id: id} // as a new one would be
	}
	now := k.now()
	s.mu.Lock()
	var list []Usage
	report := func(limit Limit, most, used int64, reset time.Time) {
		most = clamp(most)
		list = append(list, Usage{limit, most, used, max(most-used, 0), reset})
	}
	if policy.RPM > 0 {
		used, reset := s.requests.stand(clamp(policy.RPM), now)
		report(Requests, policy.RPM, used, reset)
	}
	if policy.TPM > 0 {
		used, reset := s.tokens.stand(clamp(policy.TPM), now)
		report(Tokens, policy.TPM, used, reset)
	}
	if policy.Concurrency > 0 {
		report(Concurrency, policy.Concurrency, s.inFlight, time.Time{})
	}
	if !policy.hasBudget() {
		s.mu.Unlock()
		return list, nil
	}
	rec, loaded := s.rec.clone(), s.loaded
	s.mu.Unlock()

	if !loaded {
		ctx, cancel := context.WithTimeout(ctx, k.opts.StoreTimeout)
		defer cancel()
		v, err := k.store.Get(ctx, stateBucket, id)
		if err == nil {
			rec, err = decode(v.Data)
		}
		if err != nil && !errors.Is(err, configstore.ErrNotFound) {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loaded {
		rec = s.rec
	}
	at := rec.open(policy.Budget.Period.at(now.wall))
	stored := rec.used(at)
	for u, budget := range policy.Budget.amounts() {
		if budget == 0 {
			continue
		}
		a := account{stored: stored[u]}
		for _, l := range s.ledgers {
			if l.span == at {
				a = l.accounts[u]
				a.stored = max(a.stored, stored[u])
			}
		}
		report(budgetLimits[u], budget, a.used(), at.reset())
	}
	return list, nil
}

// stand is what drain and reset would find; it changes nothing.
func (b *bucket) stand(limit int64, now moment) (used int64, reset time.Time) {
	c := *b
	c.drain(now.mono, limit)
	return c.used, c.reset(now.wall)
}
