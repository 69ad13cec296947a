package mcpproxy

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// lasting are the streams that have no end of their own: what servers say of themselves.
type lasting struct {
	mu  sync.Mutex
	all map[*stream]struct{}
}

// stream is one of them.
type stream struct {
	still func() bool // whether its caller may use it still; nil for ever
	end   func()
}

// lasting has end called when the engine drains, or when the caller may not use the route
// any longer, unless stop is called before.
func (x *exchange) lasting(end func()) (stop func()) {
	s := &stream{x.hop.Still, end}
	x.streams.mu.Lock()
	if x.streams.all == nil {
		x.streams.all = map[*stream]struct{}{}
	}
	x.streams.all[s] = struct{}{}
	x.streams.mu.Unlock()
	drained := context.AfterFunc(x.Engine.listening, end)
	return func() {
		drained()
		x.streams.mu.Lock()
		defer x.streams.mu.Unlock()
		delete(x.streams.all, s)
	}
}

// check ends the streams of those who may not have them any longer.
func (l *lasting) check() {
	l.mu.Lock()
	all := slices.Collect(maps.Keys(l.all))
	l.mu.Unlock()
	for _, s := range all {
		if s.still != nil && !s.still() {
			s.end()
		}
	}
}
