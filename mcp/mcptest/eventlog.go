package mcptest

import (
	"context"
	"slices"
	"sync"
)

// eventLog is the messages of one stream, which are kept for who reads them, and reads
// them again.
type eventLog struct {
	mu        sync.Mutex
	items     []string
	closed    bool // nothing more comes
	broken    bool
	left      int // where the connection is to end although the stream goes on; 0 for nowhere
	resumable bool
	shared    bool // by calls, none of which ends it
	changed   chan struct{}
}

func newLog() *eventLog { return &eventLog{changed: make(chan struct{})} }

func (l *eventLog) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *eventLog) send(data []byte) {
	l.change(func() { l.items = append(l.items, string(data)) })
}

func (l *eventLog) garbage() {
	l.change(func() { l.items = append(slices.Clip(l.items), nonsense...) })
}

func (l *eventLog) leave() bool {
	l.change(func() { l.left = len(l.items) })
	return l.resumable
}

func (l *eventLog) close() { l.change(func() { l.closed = l.closed || !l.shared }) }

func (l *eventLog) crash() { l.change(func() { l.broken, l.closed = true, true }) }

// state is what there is at a place of a log.
type state struct {
	item         string
	ok           bool // there is an item
	more         bool // and one behind it
	over, broken bool
}

// at waits for the item at i, or for the end before it. first says that the log is read
// by the connection that it was made for.
func (l *eventLog) at(ctx, live context.Context, i int, first bool) state {
	for {
		l.mu.Lock()
		s := state{over: l.closed, broken: l.broken}
		if i < len(l.items) {
			s.item, s.ok, s.more = l.items[i], true, i+1 < len(l.items)
		}
		if first && l.left > 0 && i >= l.left {
			s.ok, s.over = false, true
		}
		changed := l.changed
		l.mu.Unlock()
		if s.ok || s.over {
			return s
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return state{over: true, broken: true}
		case <-live.Done():
			return state{over: true, broken: true}
		}
	}
}
