package mcpproxy

import (
	"context"
	"time"
)

// isBuried says that nothing can be sent on it any longer.
func (i *instance) isBuried() bool { return i.live.Err() != nil }

// closeGrace bounds how long an upstream session is waited for that ends.
const closeGrace = 10 * time.Second

// retire ends an upstream session, without waiting for it.
func (e *Engine) retire(i *instance) {
	if i.die(e.now(), always) {
		e.bury(i)
	}
}

// retireForgotten ends an upstream session that its server has forgotten. Calls that are
// under way on it may have been taken before that, and are waited for a while; own are those
// of who has found out.
func (e *Engine) retireForgotten(i *instance, own int32) {
	if !i.die(e.now(), always) {
		return
	}
	i.pool.forget(i)
	if i.active.Load() <= own || !e.spawn(func() {
		for range endGrace / pollEvery {
			if i.active.Load() == 0 || !pause(e.live, pollEvery) {
				break
			}
		}
		e.bury(i)
	}) {
		e.bury(i)
	}
}

// pollEvery is how often is looked whether something has ended that is only waited for.
const pollEvery = 100 * time.Millisecond

// retireIdle ends an upstream session, unless somebody uses it or has used it for less
// than d.
func (e *Engine) retireIdle(i *instance, d time.Duration) bool {
	if !i.die(e.now(), d) {
		return false
	}
	e.bury(i)
	return true
}

// bury ends an upstream session that is to.
func (e *Engine) bury(i *instance) {
	i.kill()
	closed := i.pool.closes(i.scope)
	i.pool.forget(i)
	end := func(ctx context.Context) {
		defer closed()
		i.close(ctx)
	}
	if !e.spawn(func() { end(context.WithoutCancel(e.live)) }) {
		end(e.live)
	}
	for _, s := range i.members() {
		e.endSession(s)
	}
}

// lost retires an upstream session that has ended by itself.
func (e *Engine) lost(i *instance, err error) {
	i.lost.Do(func() {
		if i.isDying() {
			return
		}
		i.broken.Store(true)
		e.log.Warn("an MCP server's session has ended", "service", i.svc.Config.ID, "error", err)
		if now := e.now(); now.Sub(i.created) < shortLife {
			i.pool.fail(i.scope, err, now)
		}
		e.retire(i)
	})
}

// over says whether it has ended by itself, as far as that can be known.
func (i *instance) over() bool {
	c, ok := i.conn.(interface{ Err() error })
	return ok && c.Err() != nil
}

func (i *instance) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closeGrace)
	defer cancel()
	_ = i.conn.Close(ctx) // it is over either way
}
