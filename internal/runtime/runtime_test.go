package runtime

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/llm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a provider that knows whether it was closed.
type fake struct {
	cfg    llm.Config
	closed atomic.Bool
}

func (f *fake) Native(op llm.Operation, _ string) []llm.Operation { return []llm.Operation{op} }
func (f *fake) Send(context.Context, *llm.Call) (*llm.Response, error) {
	return llm.JSONResponse(200, []byte("{}")), nil
}
func (f *fake) Close() error { f.closed.Store(true); return nil }

// factory makes fakes and remembers them.
type factory struct{ made []*fake }

func (f *factory) new(cfg llm.Config) (llm.Provider, error) {
	if cfg.BaseURL == "http://broken" {
		return nil, errors.New("broken")
	}
	p := &fake{cfg: cfg}
	f.made = append(f.made, p)
	return p, nil
}

func (f *factory) open() (ids []string) {
	for _, p := range f.made {
		if !p.closed.Load() {
			ids = append(ids, p.cfg.ID)
		}
	}
	return ids
}

var sealer = func() *configstore.Sealer {
	s, err := configstore.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		panic(err)
	}
	return s
}()

func open(t testing.TB, store configstore.Store, f *factory, static ...configstore.Object) *Runtime {
	t.Helper()
	rt, err := Open(context.Background(), Config{Store: store, Sealer: sealer, Static: static, Factories: map[string]llm.Factory{"fake": f.new}, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(rt.Close)
	return rt
}

func memory(t testing.TB) *configstore.Memory {
	m := configstore.NewMemory()
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func write(objects ...configstore.Object) func(*Set) ([]Change, error) {
	return func(*Set) (changes []Change, err error) {
		for _, o := range objects {
			if d, ok := o.(configstore.Defaulter); ok {
				d.Default()
			}
			kind, _ := configstore.KindOf(o)
			changes = append(changes, Change{Kind: kind, ID: o.ObjectID(), Object: o})
		}
		return changes, nil
	}
}

func remove(kind, id string) func(*Set) ([]Change, error) {
	return func(*Set) ([]Change, error) {
		k, _ := configstore.KindByName(kind)
		return []Change{{Kind: k, ID: id}}, nil
	}
}

func provider(id string) *configstore.Provider {
	return &configstore.Provider{ID: id, ProviderType: "fake"}
}

func route(id, prefix, to string) *configstore.LLMRoute {
	return &configstore.LLMRoute{ID: id, Protocol: "openai", MatchPolicy: configstore.MatchPolicy{PathPrefix: prefix},
		TargetPolicy: configstore.TargetPolicy{ProviderTarget: configstore.ProviderTarget{ProviderID: to}}}
}

func key(id, text string, routes ...string) *configstore.VirtualKey {
	return &configstore.VirtualKey{ID: id, Key: configstore.NewSecret(text), AllowedRouteIDs: routes}
}

func match(t *testing.T, rt *Runtime, path string) string {
	t.Helper()
	m, _, ok := rt.Snapshot().Match(httptest.NewRequest("POST", path, nil), nil)
	if !ok {
		return ""
	}
	return m.Route.ID
}

// A provider whose configuration has not changed is the same one after a change
// of something else, and one that has left is closed.
func TestProvidersAreKept(t *testing.T) {
	f := &factory{}
	rt := open(t, memory(t), f)
	require.NoError(t, rt.Apply(t.Context(), false, write(provider("a"), provider("b"), route("r", "/", "a"))))
	require.Len(t, f.made, 2)
	live := func(id string) llm.Provider { return rt.Snapshot().providers[id].provider }
	a, b := live("a"), live("b")

	cred := &configstore.Credential{ID: "c", ProviderID: "a", Attributes: configstore.CredentialAttributes{APIKey: configstore.NewSecret("sk")}}
	require.NoError(t, rt.Apply(t.Context(), false, write(cred, route("r2", "/x", "b"), key("k", "0123456789abcdef", "*"))))
	require.Len(t, f.made, 2, "none was made anew")
	require.Same(t, a, live("a"))
	require.Same(t, b, live("b"))

	changed := provider("a")
	changed.BaseURL = "http://other"
	require.NoError(t, rt.Apply(t.Context(), false, write(changed)))
	require.NotSame(t, a, live("a"))
	require.True(t, a.(*fake).closed.Load())
	require.Same(t, b, live("b"))
	require.False(t, b.(*fake).closed.Load())

	require.Error(t, rt.Apply(t.Context(), false, remove("provider", "b")), "a route needs it")
	require.False(t, b.(*fake).closed.Load())
	require.NoError(t, rt.Apply(t.Context(), true, func(s *Set) ([]Change, error) {
		one, _ := remove("llm_route", "r2")(s)
		two, _ := remove("provider", "b")(s)
		return append(one, two...), nil
	}))
	require.False(t, b.(*fake).closed.Load(), "it was a dry run")
	require.NoError(t, rt.Apply(t.Context(), false, remove("llm_route", "r2")))
	require.NoError(t, rt.Apply(t.Context(), false, remove("provider", "b")))
	require.True(t, b.(*fake).closed.Load())
	require.Equal(t, []string{"a"}, f.open())

	dry := provider("c")
	require.NoError(t, rt.Apply(t.Context(), true, write(dry)))
	require.Equal(t, []string{"a"}, f.open(), "a dry run leaves nothing open")
	require.Nil(t, rt.Set().Get("provider", "c"))
	rt.Close()
	require.Empty(t, f.open())
}

// failing is a store whose commits fail in a way of the test's.
type failing struct {
	*configstore.Memory
	err    error
	before func()
}

func (s *failing) Commit(ctx context.Context, base int64, ops ...configstore.Op) (int64, error) {
	if s.before != nil {
		before := s.before
		s.before = nil
		before()
	}
	if s.err != nil {
		return 0, s.err
	}
	return s.Memory.Commit(ctx, base, ops...)
}

func TestStoreFails(t *testing.T) {
	f, store := &factory{}, &failing{Memory: memory(t)}
	rt := open(t, store, f)
	require.NoError(t, rt.Apply(t.Context(), false, write(provider("a"))))
	store.err = errors.New("disk full")
	err := rt.Apply(t.Context(), false, write(provider("b")))
	require.ErrorIs(t, err, ErrStore)
	require.ErrorContains(t, err, "disk full")
	require.Nil(t, rt.Set().Get("provider", "b"))
	require.Equal(t, []string{"a"}, f.open())
}

// Whoever loses a race plans again, on what the winner left.
func TestConflictIsPlannedAgain(t *testing.T) {
	store := &failing{Memory: memory(t)}
	a, b := open(t, store, &factory{}), open(t, store.Memory, &factory{})
	store.before = func() { require.NoError(t, b.Apply(t.Context(), false, write(provider("other")))) }
	plans := 0
	require.NoError(t, a.Apply(t.Context(), false, func(s *Set) ([]Change, error) {
		plans++
		if plans == 2 {
			require.NotNil(t, s.Get("provider", "other"))
		}
		return write(provider("mine"))(s)
	}))
	require.Equal(t, 2, plans)
	require.Len(t, a.Set().List("provider"), 2)
}

// A set that another process commits and that cannot be served here leaves the
// last good one serving.
func TestLastGoodSnapshotStays(t *testing.T) {
	store := memory(t)
	f := &factory{}
	here := open(t, store, f)
	more := &factory{}
	there, err := Open(t.Context(), Config{Store: store, Sealer: sealer, Factories: map[string]llm.Factory{"fake": more.new, "new": more.new}, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(there.Close)
	require.NoError(t, here.Apply(t.Context(), false, write(provider("p"), route("r", "/", "p"))))
	const chat = "/v1/chat/completions"
	follow := func(rt, other *Runtime) {
		t.Helper()
		require.Eventually(t, func() bool { return rt.Set().Rev == other.Set().Rev }, 5*time.Second, time.Millisecond)
	}
	follow(there, here)
	require.Equal(t, "r", match(t, there, chat))

	require.NoError(t, there.Apply(t.Context(), false, write(&configstore.Provider{ID: "q", ProviderType: "new"}, route("r2", "/two", "q"))))
	follow(here, there)
	require.ErrorContains(t, here.Ready(), "provider q")
	require.Equal(t, "r", match(t, here, chat), "the last good one goes on")
	require.Empty(t, match(t, here, "/two"+chat))
	require.Equal(t, []string{"p"}, f.open())

	// It can be mended from here; what is wrong in itself is still refused.
	require.ErrorContains(t, here.Apply(t.Context(), false, write(route("r3", "/three", "nothing"))), "llm_route r3")
	require.NoError(t, here.Apply(t.Context(), false, write(provider("unrelated"))))
	require.ErrorContains(t, here.Ready(), "provider q")
	require.NoError(t, here.Apply(t.Context(), false, write(provider("q"))))
	require.NoError(t, here.Ready())
	require.Equal(t, "r2", match(t, here, "/two"+chat))
	follow(there, here)
	require.NoError(t, there.Ready())
}

// A static object hides a stored one, and its made key is remembered.
func TestStatic(t *testing.T) {
	store := memory(t)
	first := open(t, store, &factory{})
	require.NoError(t, first.Apply(t.Context(), false, write(provider("p"), route("stored", "/", "p"))))
	static := provider("p")
	static.DefaultModel = "static"
	second := open(t, store, &factory{}, static, &configstore.VirtualKey{ID: "k"})
	e := second.Set().Get("provider", "p")
	require.True(t, e.Static)
	require.Equal(t, "static", e.Object.(*configstore.Provider).DefaultModel)
	text := second.Set().Get("virtual_key", "k").Object.(*configstore.VirtualKey).Key.Reveal()
	require.NotEmpty(t, text)
	third := open(t, store, &factory{}, &configstore.VirtualKey{ID: "k"})
	require.Equal(t, text, third.Set().Get("virtual_key", "k").Object.(*configstore.VirtualKey).Key.Reveal())
}
