package llmtest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// Enqueue plans faults for the next requests, one each, in order. The zero
// Fault is a good answer.
func (u *Upstream) Enqueue(faults ...Fault) {
	u.update(func() { u.queue = append(u.queue, faults...) })
}

// Reply plans an exact answer to the next request; see [Raw].
func (u *Upstream) Reply(status int, header http.Header, writes ...[]byte) {
	u.Enqueue(*Raw(status, header, writes...))
}

// Script decides about every request for which nothing is enqueued; a nil
// result leaves it to the request's own marker. fn must be safe for concurrent
// use. A nil fn removes the script.
func (u *Upstream) Script(fn func(r Recorded) *Fault) {
	u.update(func() { u.script = fn })
}

// Requests returns the latest requests, at most 1000, oldest first; never nil.
func (u *Upstream) Requests() []Recorded {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Recorded{}, u.recorded...)
}

// Last returns the latest request; the zero value when there was none.
func (u *Upstream) Last() Recorded {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.recorded) == 0 {
		return Recorded{}
	}
	return u.recorded[len(u.recorded)-1]
}

// Count is how many requests there were since the last Reset.
func (u *Upstream) Count() int { return u.read(func() int { return u.total }) }

// InFlight is how many requests are being answered now.
func (u *Upstream) InFlight() int { return u.read(func() int { return u.inFlight }) }

// OpenConns is how many connections are open now.
func (u *Upstream) OpenConns() int { return u.read(func() int { return len(u.conns) }) }

// Canceled is how many requests their callers broke off since the last Reset.
func (u *Upstream) Canceled() int { return u.read(func() int { return u.canceled }) }

// Reset forgets what was recorded, counted, planned, scripted and stored.
func (u *Upstream) Reset() {
	u.update(func() {
		u.total, u.recorded, u.canceled, u.awaited = 0, nil, 0, 0
		u.queue, u.script, u.used = nil, nil, nil
		u.serial, u.store, u.order = 0, nil, nil
	})
}

// WaitCanceled returns when a caller has broken off a request: each
// cancellation ends one call of WaitCanceled, be it before or after.
func (u *Upstream) WaitCanceled(ctx context.Context) error {
	return u.wait(ctx, "a cancelled request", func() bool {
		if u.awaited >= u.canceled {
			return false
		}
		u.awaited++
		return true
	})
}

// WaitCount returns when there were at least n requests since the last Reset.
func (u *Upstream) WaitCount(ctx context.Context, n int) error {
	return u.wait(ctx, fmt.Sprintf("request %d", n), func() bool { return u.total >= n })
}

// WaitIdle returns when no request is being answered.
func (u *Upstream) WaitIdle(ctx context.Context) error {
	return u.wait(ctx, "the end of all requests", func() bool { return u.inFlight == 0 })
}

// wait returns when cond holds; cond is called with the lock held.
func (u *Upstream) wait(ctx context.Context, what string, cond func() bool) error {
	for {
		u.mu.Lock()
		if cond() {
			u.mu.Unlock()
			return nil
		}
		if u.changed == nil {
			u.changed = make(chan struct{})
		}
		changed := u.changed
		total, inFlight, canceled := u.total, u.inFlight, u.canceled
		u.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("fake upstream: waited for %s (%d requests, %d in flight, %d cancelled): %w",
				what, total, inFlight, canceled, context.Cause(ctx))
		}
	}
}

// update changes the state under the lock and wakes those who wait.
func (u *Upstream) update(change func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change()
	if u.changed != nil {
		close(u.changed)
		u.changed = nil
	}
}

func (u *Upstream) read(get func() int) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return get()
}

// stored is something that a later request can ask for: a file, a response.
type stored struct {
	kind string // "openai.file", "openai.response", …
	json []byte
	data []byte // a file's content
	mime string
}

// nextID returns a new id; ids are sequential, so that tests are repeatable.
func (u *Upstream) nextID(prefix string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.serial++
	return fmt.Sprintf("%s%d", prefix, u.serial)
}

func (u *Upstream) put(id string, s stored) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.store == nil {
		u.store = map[string]stored{}
	}
	if len(u.order) == maxStored {
		delete(u.store, u.order[0])
		u.order = u.order[1:]
	}
	u.store[id] = s
	u.order = append(u.order, id)
}

func (u *Upstream) get(kind, id string) (stored, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	s, ok := u.store[id]
	return s, ok && s.kind == kind
}

func (u *Upstream) drop(kind, id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if s, ok := u.store[id]; !ok || s.kind != kind {
		return false
	}
	delete(u.store, id)
	u.order = slices.DeleteFunc(u.order, func(have string) bool { return have == id })
	return true
}

// list returns the stored objects of a kind, oldest first.
func (u *Upstream) list(kind string) (ids []string, objects []rawJSON) {
	u.mu.Lock()
	defer u.mu.Unlock()
	objects = []rawJSON{}
	for _, id := range u.order {
		if s := u.store[id]; s.kind == kind {
			ids, objects = append(ids, id), append(objects, s.json)
		}
	}
	return ids, objects
}
