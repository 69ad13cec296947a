package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// Change is one change of a set: an object to write, or an id to delete.
type Change struct {
	Kind configstore.Kind
	ID   string
	// Object is complete, secrets included; nil deletes.
	Object configstore.Object
}

// ErrStore says that the store failed, rather than that a change is wrong.
var ErrStore = errors.New("the configuration store failed")

// Apply makes the changes that plan asks for: all or none. The set that they
// lead to is compiled first; when it does not, Apply fails with [Problems] and
// nothing has changed. plan sees the newest set, and is called again when
// another process was faster. With dryRun nothing is committed.
func (rt *Runtime) Apply(ctx context.Context, dryRun bool, plan func(*Set) ([]Change, error)) error {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	for {
		st := rt.current.Load()
		changes, err := plan(st.set)
		if err != nil || len(changes) == 0 {
			return err
		}
		err = rt.commit(ctx, st, dryRun, changes)
		if !errors.Is(err, configstore.ErrConflict) {
			return err
		}
		unread, err := rt.reload(ctx)
		if unread { // there is nothing newer to plan on
			return fmt.Errorf("%w: %w", ErrStore, err)
		}
		if err != nil {
			rt.log.WarnContext(ctx, "another process committed a configuration that cannot be served", "error", err)
		}
	}
}

func (rt *Runtime) commit(ctx context.Context, st *state, dryRun bool, changes []Change) error {
	ops := make([]configstore.Op, 0, len(changes))
	entries := make(map[[2]string]*Entry, len(changes))
	now := time.Now().UTC()
	for _, c := range changes {
		key := [2]string{c.Kind.Name, c.ID}
		if c.Object == nil {
			ops = append(ops, configstore.Op{Kind: c.Kind.Name, ID: c.ID, Delete: true})
			entries[key] = nil
			continue
		}
		data, err := c.Kind.Encode(c.Object, rt.sealer)
		if err != nil {
			return err
		}
		ops = append(ops, configstore.Op{Kind: c.Kind.Name, ID: c.ID, Data: data})
		e := newEntry(c.Kind, configstore.Clone(c.Object), rt.sealer)
		e.rev, e.CreatedAt, e.UpdatedAt = st.set.Rev+1, now, now
		if old := st.set.Get(c.Kind.Name, c.ID); old != nil {
			e.CreatedAt = old.CreatedAt
		}
		entries[key] = e
	}
	next := st.set.with(st.set.Rev+1, entries)
	snap, err := rt.compiler.compile(next, st.snap)
	if added := fresh(err, st.problem); added != nil {
		return added
	}
	if dryRun {
		snap.closeBut(st.snap)
		return nil
	}
	if _, failed := rt.store.Commit(ctx, st.set.Rev, ops...); failed != nil {
		snap.closeBut(st.snap)
		if errors.Is(failed, configstore.ErrConflict) {
			return failed
		}
		return fmt.Errorf("%w: %w", ErrStore, failed)
	}
	defer func() {
		for _, id := range st.set.without(next, "provider") {
			rt.keepDiscovery(ctx, id, nil)
			rt.forgetDiscovery(id)
		}
	}()
	if err != nil {
		rt.current.Store(&state{next, st.snap, err})
		return nil
	}
	rt.current.Store(&state{next, snap, nil})
	rt.compiler.fleet.keep(next, snap)
	rt.tellServices(snap)
	st.snap.closeBut(snap)
	return nil
}

// fresh returns those problems of a set that another one, which cannot be served
// either, does not have. Where there are fewer problems than before, none counts:
// to mend one can bring another to light.
func fresh(next, current error) error {
	var after, before Problems
	if !errors.As(next, &after) || !errors.As(current, &before) {
		return next
	}
	if len(after) < len(before) {
		return nil
	}
	after = slices.DeleteFunc(slices.Clone(after), func(p Problem) bool { return slices.Contains(before, p) })
	if len(after) == 0 {
		return nil
	}
	return after
}
