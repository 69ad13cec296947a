package runtime

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
)

// running counts the requests under way, so that whoever ends the gateway can
// wait for them. A sync.WaitGroup would not allow that new ones begin meanwhile.
type running struct {
	n     atomic.Int64 // draining is added to it once somebody waits
	setup sync.Once
	end   sync.Once
	ended chan struct{}
}

const draining = math.MinInt64 / 2

func (r *running) enter() { r.n.Add(1) }

func (r *running) leave() {
	if r.n.Add(-1) == draining {
		r.end.Do(func() { close(r.ended) })
	}
}

func (r *running) drain(ctx context.Context) error {
	r.setup.Do(func() {
		r.ended = make(chan struct{})
		if r.n.Add(draining) == draining {
			r.end.Do(func() { close(r.ended) })
		}
	})
	select {
	case <-r.ended:
		return nil
	default:
	}
	select {
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
