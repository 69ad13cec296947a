package limits

// write is one change of a subject's record.
type write struct {
	rec    record // as it will be
	base   int64  // the version that it replaces
	leases []lease
}

type lease struct {
	ledger *ledger
	change amounts
}

// plan makes the write that is needed, nil when none is. What it gives back can
// no longer be spent from then on.
func (k *Keeper) plan(s *subject) *write {
	w := &write{base: s.version}
	for _, l := range s.ledgers {
		change := lease{ledger: l}
		more := false
		for u := range l.accounts {
			a := &l.accounts[u]
			c := a.change(k.opts.Slice, l.boost)
			if l != s.cur && a.want == 0 {
				c = -a.free() // an earlier period needs no slice
			}
			a.surplus = 0
			a.leased += min(c, 0)
			change.change[u] = c
			more = more || c > 0
		}
		if more {
			l.quicken(k.now().mono)
		}
		if change.change == (amounts{}) {
			continue
		}
		if w.leases == nil {
			w.rec = s.rec.clone()
		}
		used := w.rec.used(l.span)
		for u, c := range change.change {
			used[u] = max(add(used[u], c), 0)
		}
		w.rec.book(l.span, used)
		w.leases = append(w.leases, change)
	}
	if w.leases == nil {
		return nil
	}
	w.rec.By, w.rec.Seq = k.id, k.writes.Add(1)
	return w
}

// granted counts a write that happened.
func (s *subject) granted(w *write) {
	for _, l := range w.leases {
		for u, c := range l.change {
			l.ledger.accounts[u].leased += max(c, 0)
		}
	}
}

// notGranted takes back what a write that did not happen would have given back.
func (s *subject) notGranted(w *write) {
	for _, l := range w.leases {
		for u, c := range l.change {
			a := &l.ledger.accounts[u]
			a.leased -= min(c, 0)
			a.surplus = max(-c, 0)
		}
	}
}

// adopt takes a record for what is in the store. If the store has lost what this
// keeper leased, it counts as used all the same, and the next write says so.
func (s *subject) adopt(rec record, version int64, now int64) {
	s.rec, s.version, s.checkedAt = rec, version, now
	s.loaded, s.stale = true, false
	for _, l := range s.ledgers {
		used := s.rec.used(l.span)
		lost := false
		for u := range used {
			a := &l.accounts[u]
			if used[u] < a.leased {
				used[u], lost = a.leased, true
			}
			a.stored = used[u]
		}
		if lost {
			s.rec.book(l.span, used)
		}
	}
	if s.cur != nil && s.rec.open(s.cur.span) != s.cur.span {
		// It is closed, which a call could not know before. That call asks again.
		s.cur.accounts[usd].want, s.cur.accounts[tokens].want = 0, 0
		s.cur = nil
	}
}
