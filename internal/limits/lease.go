package limits

import (
	"context"
	"errors"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// operation is one visit to the store for one subject. Its own goroutine makes
// it, under its own deadline: were it a caller's, each caller who gave up would
// leave a write behind of which nobody knows whether it happened.
type operation struct {
	subject string
	done    chan struct{}
	err     error // once done is closed
}

// background starts an operation that nobody waits for, unless one is under way
// or the last one failed a moment ago. The subject is locked.
func (k *Keeper) background(s *subject, now int64) {
	if s.op == nil && (now >= s.retryAt || s.retryAt-now > int64(guess)) {
		k.visit(s)
	}
}

// visit joins the subject's operation or starts one; nil when the keeper is
// closed. The subject is locked.
func (k *Keeper) visit(s *subject) *operation {
	if s.op != nil {
		return s.op
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed.Load() {
		return nil
	}
	op := &operation{subject: s.id, done: make(chan struct{})}
	s.op = op
	k.pending.Go(func() {
		op.err = k.sync(s)
		k.report(op)

		s.mu.Lock()
		defer s.mu.Unlock()
		for _, l := range s.ledgers { // whoever still wants something says so again
			l.accounts[usd].want, l.accounts[tokens].want = 0, 0
		}
		if op.err != nil {
			s.retryAt = k.now().mono + int64(guess)
		}
		s.op = nil
		s.tidy()
		close(op.done)
	})
	return op
}

// report logs the first failure and the first success after it.
func (k *Keeper) report(op *operation) {
	switch {
	case op.err == nil:
		if k.failing.CompareAndSwap(true, false) {
			k.log.Info("budgets are persisted again")
		}
	case k.failing.CompareAndSwap(false, true):
		k.log.Error("budgets cannot be persisted: calls that need more of theirs are refused until this is repaired",
			"error", op.err, "subject", op.subject)
	}
}

// sync brings one subject's record and its leases to what is needed. One
// goroutine at a time does it for a subject.
func (k *Keeper) sync(s *subject) error {
	ctx, cancel := context.WithTimeout(k.ctx, k.opts.StoreTimeout)
	defer cancel()
	select {
	case k.visits <- struct{}{}:
		defer func() { <-k.visits }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		s.mu.Lock()
		read := !s.loaded || s.stale
		s.mu.Unlock()
		if read {
			if err := k.load(ctx, s); err != nil {
				return err
			}
		}
		s.mu.Lock()
		w := k.plan(s)
		s.mu.Unlock()
		if w == nil {
			return nil
		}
		version, err := k.store.Put(ctx, stateBucket, s.id, w.rec.encode(), w.base, w.rec.expires())
		s.mu.Lock()
		switch {
		case err == nil:
			s.granted(w)
			s.adopt(w.rec, version, k.now().mono)
			s.mu.Unlock()
			return nil
		case errors.Is(err, configstore.ErrVersion):
			s.notGranted(w)
			s.stale = true
		default:
			s.unsure, s.stale = w, true
		}
		s.mu.Unlock()
		if !errors.Is(err, configstore.ErrVersion) || ctx.Err() != nil {
			return err
		}
	}
}

// load reads the record.
func (k *Keeper) load(ctx context.Context, s *subject) error {
	var rec record
	v, err := k.store.Get(ctx, stateBucket, s.id)
	switch {
	case errors.Is(err, configstore.ErrNotFound):
		v.Version = 0
	case err != nil:
		return err
	default:
		if rec, err = decode(v.Data); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.unsure; w != nil {
		s.unsure = nil
		switch {
		case v.Version == w.base:
			s.notGranted(w)
		case rec.By == w.rec.By && rec.Seq == w.rec.Seq:
			s.granted(w)
		default:
			// Somebody has written since. Neither is a lease taken for granted nor
			// one that was to be given back: the budget may lose it, never gain it.
		}
	}
	s.adopt(rec, v.Version, k.now().mono)
	return nil
}

// giveBack is what Close does last: nothing else runs any more.
func (k *Keeper) giveBack() {
	for s := range k.all() {
		s.mu.Lock()
		s.yield()
		needed := s.unsure != nil
		for _, l := range s.ledgers {
			needed = needed || l.accounts[usd].free() != 0 || l.accounts[tokens].free() != 0
		}
		s.mu.Unlock()
		if !needed {
			continue
		}
		if err := k.sync(s); err != nil {
			k.report(&operation{subject: s.id, err: err})
			if k.ctx.Err() != nil {
				return
			}
		}
	}
}
