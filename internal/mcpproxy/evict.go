package mcpproxy

import (
	"math"
	"time"
)

// Most clients that go away say so to nobody, and leave their sessions behind. Where there is
// no room for another session, the one that was abandoned for longest gives way.
const (
	// abandonedAfter is for how long a session has to be unused, without a stream, to give
	// way to another of its key's.
	abandonedAfter = time.Minute
	// abandonedToAll is the same for those of any key's.
	abandonedToAll = 10 * time.Minute
)

// unused is for how long a session has had neither a request nor a stream.
func (s *session) unused(now time.Time) time.Duration {
	if s.active.Load() > 0 {
		return 0
	}
	return now.Sub(time.Unix(0, s.used.Load()))
}

// mayGive says whether a session that was unused for so long gives way to one of this key's.
func mayGive(unused time.Duration, sameKey bool) bool {
	return unused >= abandonedAfter && sameKey || unused >= abandonedToAll
}

// makeRoom says whether a key may have one session more, for which it ends one if it must.
func (e *Engine) makeRoom(keyID string) bool {
	for !e.sessions.room(keyID, e.limits) {
		s := e.sessions.abandoned(keyID, e.limits, e.now())
		if s == nil {
			return false
		}
		e.endSession(s)
	}
	return true
}

// abandoned is the session that gives way to one of a key's, nil for none.
func (t *sessions) abandoned(keyID string, l Limits, now time.Time) (oldest *session) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	full := t.perKey[keyID] >= l.SessionsPerKey // then those of others do not help
	longest := time.Duration(0)
	for _, s := range t.byID {
		if full && s.keyID != keyID {
			continue
		}
		if unused := s.unused(now); unused > longest && mayGive(unused, s.keyID == keyID) {
			oldest, longest = s, unused
		}
	}
	return oldest
}

// spare says whether an upstream session gives way to one of a key's: one that no session of
// a caller's goes by, or whose sessions are all abandoned. unused is for how long they are.
// The caller holds mu.
func (i *instance) spare(now time.Time, keyID string) (unused time.Duration, vacant, ok bool) {
	if i.dying || i.active.Load() > 0 {
		return 0, false, false
	}
	if len(i.sessions) == 0 {
		// One that is for a session has none while that begins.
		return now.Sub(time.Unix(0, i.used.Load())), true, !i.own()
	}
	unused, ok = math.MaxInt64, true
	for s := range i.sessions {
		of := s.unused(now)
		unused, ok = min(unused, of), ok && mayGive(of, s.keyID == keyID)
	}
	return unused, false, ok
}

// evict ends an upstream session that is spare, and the sessions that go by it; false when
// it has come into use meanwhile.
func (e *Engine) evict(i *instance, keyID string) bool {
	i.mu.Lock()
	_, _, ok := i.spare(e.now(), keyID)
	i.dying = i.dying || ok
	i.mu.Unlock()
	if ok {
		e.bury(i)
	}
	return ok
}
