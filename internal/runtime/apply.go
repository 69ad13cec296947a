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
		if err := rt.reloadLocked(ctx); err != nil {
			rt.log.WarnContext(ctx, "another process committed a configuration that cannot be served", "error", err)
			if rt.current.Load() == st { // not even read: there is nothing newer to plan on
				return fmt.Errorf("%w: %w", ErrStore, err)
			}
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
	if err != nil && !mends(err, st.problem) {
		return err
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
	if err != nil {
		rt.current.Store(&state{next, st.snap, err})
		return nil
	}
	rt.current.Store(&state{next, snap, nil})
	st.snap.closeBut(snap)
	return nil
}

// mends says whether a change to a set that cannot be served leaves fewer
// problems and no new ones, so that many can be mended one by one.
func mends(next, current error) bool {
	var after, before Problems
	if !errors.As(next, &after) || !errors.As(current, &before) || len(after) >= len(before) {
		return false
	}
	for _, p := range after {
		if !slices.Contains(before, p) {
			return false
		}
	}
	return true
}
