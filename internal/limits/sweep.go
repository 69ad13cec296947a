package limits

import (
	"iter"
	"time"
)

// sweeps looks after the subjects until Close.
func (k *Keeper) sweeps() {
	defer close(k.swept)
	ticker := time.NewTicker(k.opts.Sweep)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			k.sweep()
		case <-k.stop:
			return
		}
	}
}

// sweep gives back leases that are larger than needed, books what is overdrawn
// and could not be booked before, and forgets subjects that are idle and of which
// memory knows no more than the store.
func (k *Keeper) sweep() {
	now := k.now()
	for s := range k.all() {
		s.mu.Lock()
		idle := s.inFlight == 0 && (now.mono-s.usedAt >= int64(k.opts.Idle) || now.mono < s.usedAt)
		if idle {
			s.yield()
		}
		visit := s.unsure != nil
		for _, l := range s.ledgers {
			for u := range l.accounts {
				a := &l.accounts[u]
				a.review(k.opts.Slice, l.boost)
				visit = visit || a.surplus > 0 || a.free() < 0 || l != s.cur && a.free() != 0
			}
		}
		if visit {
			k.background(s, now.mono)
		}
		forget := idle && s.neutral(now.mono)
		s.forgotten = forget
		s.mu.Unlock()
		if forget {
			k.forget(s)
		}
	}
}

// yield makes every ledger an earlier one, which needs no lease. The next call
// makes its own the current one again.
func (s *subject) yield() { s.cur = nil }

// neutral says that a new subject would be no different from s.
func (s *subject) neutral(now int64) bool {
	if s.op != nil || s.unsure != nil || s.inFlight > 0 {
		return false
	}
	for _, b := range []*bucket{&s.requests, &s.tokens} {
		if b.used > 0 {
			b.drain(now, b.limit)
		}
		if b.used > 0 {
			return false
		}
	}
	for _, l := range s.ledgers {
		if !l.settled() {
			return false
		}
	}
	return true
}

func (k *Keeper) forget(s *subject) {
	sh := k.shard(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.subjects, s.id)
	k.subjects.Add(-1)
}

// all yields the subjects. No lock is held meanwhile.
func (k *Keeper) all() iter.Seq[*subject] {
	return func(yield func(*subject) bool) {
		var list []*subject
		for i := range k.shards {
			sh := &k.shards[i]
			list = list[:0]
			sh.mu.RLock()
			for _, s := range sh.subjects {
				list = append(list, s)
			}
			sh.mu.RUnlock()
			for _, s := range list {
				if !yield(s) {
					return
				}
			}
		}
	}
}
