package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/mcpproxy"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// Config is what a runtime is made from.
type Config struct {
	Store  configstore.Store
	Sealer *configstore.Sealer
	// Static are the objects of static configuration; nothing may change them.
	Static []configstore.Object
	// Factories make providers by their type.
	Factories map[string]llm.Factory
	// Providers are made already; they stand in the set as static objects of the
	// type "custom".
	Providers map[string]llm.Provider
	// Transports reach MCP servers, by the names that services have for them.
	Transports map[string]mcp.Transport
	Log        *slog.Logger
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Runtime holds the configuration that is served. It is safe for concurrent use.
type Runtime struct {
	store    configstore.Store
	sealer   *configstore.Sealer
	compiler *compiler
	static   map[[2]string]*Entry
	log      *slog.Logger

	discovered discovered
	services   func(map[string]*mcpproxy.Service)

	current atomic.Pointer[state]
	mu      sync.Mutex // held by whoever changes current

	stop context.CancelFunc
	done chan struct{}
}

// state is a set and what it compiled to. snap is nil when no set has compiled
// yet; problem then says why, and later why the newest set is not served.
type state struct {
	set     *Set
	snap    *Snapshot
	problem error
}

// CustomType is the type of providers that an embedder made.
const CustomType = "custom"

// Open loads the store and begins to follow it. A stored set that does not
// compile is no error: it shows in Ready, and the Admin API can mend it. ctx
// bounds Open only.
func Open(ctx context.Context, cfg Config) (*Runtime, error) {
	rt := &Runtime{
		store: cfg.Store, sealer: cfg.Sealer, log: cfg.Log,
		compiler: &compiler{factories: cfg.Factories, given: cfg.Providers, fleet: newFleet(cfg.Now), transports: cfg.Transports},
		static:   map[[2]string]*Entry{}, done: make(chan struct{}),
		discovered: discovered{known: map[string]*discovery{}, asked: map[string]time.Time{}},
	}
	rt.compiler.fleet.discovered, rt.compiler.fleet.discover = rt.discoveredNames, rt.discoverLately
	stored, err := rt.checkKey(ctx)
	if err != nil {
		return nil, err
	}
	if err := rt.addStatic(ctx, cfg); err != nil {
		return nil, err
	}
	set, err := rt.decode(stored, nil)
	if err != nil {
		return nil, err
	}
	rt.mu.Lock()
	rt.swap(set)
	rt.mu.Unlock()
	if st := rt.current.Load(); st.problem != nil {
		if err := rt.beyondMending(st.problem); err != nil {
			st.snap.closeBut(nil)
			return nil, fmt.Errorf("the static configuration cannot be served: %w", err)
		}
		rt.log.ErrorContext(ctx, "the stored configuration cannot be served; mend it through the Admin API", "error", st.problem)
	}
	follow, stop := context.WithCancel(context.WithoutCancel(ctx))
	revs, err := rt.store.Watch(follow, set.Rev)
	if err != nil {
		stop()
		rt.current.Load().snap.closeBut(nil)
		return nil, fmt.Errorf("watch the configuration store: %w", err)
	}
	rt.stop = stop
	go rt.follow(follow, revs)
	return rt, nil
}

// beyondMending returns the problems of static objects, which nobody can change
// while the gateway runs. What they refer to may yet be added, and a stored
// object that they are at odds with may be changed.
func (rt *Runtime) beyondMending(problem error) error {
	var all, static Problems
	errors.As(problem, &all)
	for _, p := range all {
		mendable := p.Dangling || p.Conflict && rt.static[[2]string{p.Kind, p.Other}] == nil
		if !mendable && rt.static[[2]string{p.Kind, p.ID}] != nil {
			static = append(static, p)
		}
	}
	if len(static) == 0 {
		return nil
	}
	return static
}

// Close stops following the store and closes the providers' idle connections.
// The store stays open: who opened it closes it.
func (rt *Runtime) Close() {
	rt.stop()
	<-rt.done
	rt.current.Load().snap.closeBut(nil)
}

// Snapshot is what serves requests now; nil when nothing has compiled yet.
func (rt *Runtime) Snapshot() *Snapshot { return rt.current.Load().snap }

// Set is the configuration as it is stored.
func (rt *Runtime) Set() *Set { return rt.current.Load().set }

// Ready says why the newest configuration is not served; nil when it is.
func (rt *Runtime) Ready() error { return rt.current.Load().problem }

// KeyHash is what virtual keys are looked up by.
func (rt *Runtime) KeyHash(key string) [32]byte { return rt.sealer.KeyHash(key) }

// ProviderTypes lists the types that providers may have.
func (rt *Runtime) ProviderTypes() []string {
	return slices.Sorted(maps.Keys(rt.compiler.factories))
}

// keyCheck is a record whose one secret tells whether the master key is right.
const keyCheck = "_master_key"

// checkKey loads the store and refuses it when another master key sealed it.
func (rt *Runtime) checkKey(ctx context.Context) (configstore.Snapshot, error) {
	for {
		stored, err := rt.store.Load(ctx)
		if err != nil {
			return stored, fmt.Errorf("load the configuration store: %w", err)
		}
		for _, r := range stored.Records {
			if r.Kind == keyCheck {
				if _, err := rt.sealer.Open(keyCheck, string(r.Data)); err != nil {
					return stored, errors.New("the master key is not the one that this store's secrets were sealed with: give the right one in AGW_MASTER_KEY or the key file beside the database")
				}
				return stored, nil
			}
		}
		op := configstore.Op{Kind: keyCheck, ID: "check", Data: []byte(rt.sealer.Seal(keyCheck, "agent-gateway"))}
		if _, err := rt.store.Commit(ctx, stored.Rev, op); err != nil && !errors.Is(err, configstore.ErrConflict) {
			return stored, fmt.Errorf("write to the configuration store: %w", err)
		}
	}
}

// addStatic makes the entries that lie over the stored ones.
func (rt *Runtime) addStatic(ctx context.Context, cfg Config) error {
	add := func(o configstore.Object) {
		kind, _ := configstore.KindOf(o)
		e := newEntry(kind, o, rt.sealer)
		e.Static = true
		rt.static[[2]string{kind.Name, o.ObjectID()}] = e
	}
	for _, o := range cfg.Static {
		o = configstore.Clone(o)
		if key, ok := o.(*configstore.VirtualKey); ok && key.Key.Reveal() == "" {
			text, err := rt.rememberedKey(ctx, key.ID)
			if err != nil {
				return fmt.Errorf("static virtual_key %s: %w", key.ID, err)
			}
			key.Key = configstore.NewSecret(text)
		}
		add(o)
	}
	for id := range cfg.Providers {
		add(&configstore.Provider{ID: id, ProviderType: CustomType})
	}
	return nil
}

// staticKeys is the bucket of the keys made for static virtual keys.
const staticKeys = "static_virtual_keys"

// rememberedKey returns the key that was made for a static virtual key, making it
// the first time.
func (rt *Runtime) rememberedKey(ctx context.Context, id string) (string, error) {
	states, ok := rt.store.(configstore.StateStore)
	if !ok {
		rt.log.WarnContext(ctx, "this store cannot remember the key of a static virtual key: it will change with the next start", "virtual_key", id)
		return configstore.NewVirtualKey(), nil
	}
	where := staticKeys + ":" + id
	for {
		v, err := states.Get(ctx, staticKeys, id)
		if err == nil {
			return rt.sealer.Open(where, string(v.Data))
		}
		if !errors.Is(err, configstore.ErrNotFound) {
			return "", err
		}
		text := configstore.NewVirtualKey()
		_, err = states.Put(ctx, staticKeys, id, []byte(rt.sealer.Seal(where, text)), 0, time.Time{})
		if err == nil {
			return text, nil
		}
		if !errors.Is(err, configstore.ErrVersion) { // else another process was first
			return "", err
		}
	}
}

// decode makes a set of what is stored. Entries whose record has not changed are
// taken over from prev.
func (rt *Runtime) decode(stored configstore.Snapshot, prev *Set) (*Set, error) {
	changed := make(map[[2]string]*Entry, len(stored.Records)+len(rt.static))
	for _, r := range stored.Records {
		if r.Kind[0] == '_' {
			continue
		}
		kind, ok := configstore.KindByName(r.Kind)
		if !ok {
			return nil, fmt.Errorf("the store holds the %s %q, a kind that this version does not know: use the version that wrote it, or a newer one", r.Kind, r.ID)
		}
		if prev != nil {
			if e := prev.Get(r.Kind, r.ID); e != nil && !e.Static && e.rev == r.Rev {
				changed[[2]string{r.Kind, r.ID}] = e
				continue
			}
		}
		o, err := kind.Decode(r, rt.sealer)
		if err != nil {
			return nil, err
		}
		e := newEntry(kind, o, rt.sealer)
		e.rev, e.CreatedAt, e.UpdatedAt = r.Rev, r.CreatedAt, r.UpdatedAt
		changed[[2]string{r.Kind, r.ID}] = e
	}
	for key, e := range rt.static {
		if changed[key] != nil {
			rt.log.Warn("a static object hides the stored one of the same id", "kind", key[0], "id", key[1])
		}
		changed[key] = e
	}
	return (&Set{}).with(stored.Rev, changed), nil
}

// swap serves a set if it compiles, and else keeps the last good snapshot. The
// caller holds mu.
func (rt *Runtime) swap(set *Set) {
	prev := rt.current.Load()
	var old *Snapshot
	if prev != nil {
		old = prev.snap
		for _, id := range prev.set.without(set, "provider") {
			rt.forgetDiscovery(id)
		}
	}
	snap, err := rt.compiler.compile(set, old)
	if err != nil {
		rt.current.Store(&state{set, old, err})
		return
	}
	rt.current.Store(&state{set, snap, nil})
	rt.compiler.fleet.keep(set, snap)
	rt.tellServices(snap)
	old.closeBut(snap)
}

// reloadAgain is how soon a store that could not be read is read again.
const reloadAgain = 5 * time.Second

// follow takes over what others commit.
func (rt *Runtime) follow(ctx context.Context, revs <-chan int64) {
	defer close(rt.done)
	again := time.NewTimer(reloadAgain)
	again.Stop()
	for {
		select {
		case rev, ok := <-revs:
			if !ok {
				return
			}
			if rev <= rt.Set().Rev {
				continue // our own
			}
		case <-again.C:
		}
		rt.mu.Lock()
		unread, err := rt.reload(ctx)
		rt.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			rt.log.ErrorContext(ctx, "the changed configuration cannot be served; the last good one goes on", "error", err)
		}
		if unread {
			again.Reset(reloadAgain)
		}
	}
}

// reload takes over the store's newest set. When that cannot be read, unread is
// true and everything stays, but for what Ready says. The caller holds mu.
func (rt *Runtime) reload(ctx context.Context) (unread bool, err error) {
	st := rt.current.Load()
	stored, err := rt.store.Load(ctx)
	if err == nil && stored.Rev == st.set.Rev {
		return false, nil
	}
	var set *Set
	if err == nil {
		set, err = rt.decode(stored, st.set)
	}
	if err != nil {
		rt.current.Store(&state{st.set, st.snap, fmt.Errorf("the store's newest configuration cannot be read: %w", err)})
		return true, err
	}
	rt.swap(set)
	return false, rt.Ready()
}
