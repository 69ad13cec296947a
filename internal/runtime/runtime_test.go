package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
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

// What is wrong with a set, and that nothing of it is kept.
func TestCompileRefuses(t *testing.T) {
	anthropic := route("r", "/", "p")
	anthropic.Protocol = "anthropic"
	broken := provider("broken")
	broken.BaseURL = "http://broken"
	hosted := func(id, host string, methods ...string) *configstore.LLMRoute {
		r := route(id, "/", "p")
		r.MatchPolicy.Host, r.MatchPolicy.Methods = host, methods
		return r
	}
	tests := []struct {
		name     string
		objects  []configstore.Object
		problem  string // "" none
		conflict bool
	}{
		{"empty", nil, "", false},
		{"whole", []configstore.Object{provider("p"), route("r", "/", "p"), key("k", "0123456789abcdef", "r", "*")}, "", false},
		{"unknown type", []configstore.Object{&configstore.Provider{ID: "p", ProviderType: "nope"}}, `provider p: provider_type is "nope"; this gateway has fake`, false},
		{"factory fails", []configstore.Object{broken}, "provider broken: cannot be made: broken", false},
		{"missing provider", []configstore.Object{route("r", "/", "p")}, `llm_route r: target_policy.provider_target.provider_id refers to provider "p", which does not exist`, false},
		{"missing route", []configstore.Object{key("k", "0123456789abcdef", "*", "r")}, `virtual_key k: allowed_route_ids[1] refers to llm_route "r", which does not exist`, false},
		{"same match", []configstore.Object{provider("p"), route("a", "/x", "p"), route("b", "/x/", "p")}, `llm_route b: match_policy takes the same requests as llm_route "a"`, true},
		{"same host", []configstore.Object{provider("p"), hosted("a", "H.example"), hosted("b", "h.EXAMPLE")}, "llm_route b: match_policy", true},
		{"same wildcard", []configstore.Object{provider("p"), hosted("a", "*.example"), hosted("b", "*.example", "GET")}, "llm_route b: match_policy", true},
		{"wildcard and host", []configstore.Object{provider("p"), hosted("a", "*.example"), hosted("b", "h.example")}, "", false},
		{"other methods", []configstore.Object{provider("p"), hosted("a", "", "GET"), hosted("b", "", "POST")}, "", false},
		{"overlapping methods", []configstore.Object{provider("p"), hosted("a", "", "GET", "POST"), hosted("b", "", "POST")}, "llm_route b: match_policy", true},
		{"two protocols", []configstore.Object{provider("p"), route("o", "/", "p"), anthropic}, "", false},
		{"same key", []configstore.Object{key("k1", "0123456789abcdef"), key("k2", "0123456789abcdef")}, `virtual_key k2: key is the key of virtual_key "k1" too`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &factory{}
			store := memory(t)
			rt := open(t, store, f)
			rev := rt.Set().Rev
			err := rt.Apply(t.Context(), false, write(tt.objects...))
			if tt.problem == "" {
				require.NoError(t, err)
				require.NoError(t, rt.Ready())
				return
			}
			var problems Problems
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems, 1)
			require.Contains(t, err.Error(), tt.problem)
			require.Equal(t, tt.conflict, problems[0].Conflict)
			require.NoError(t, rt.Ready(), "the set before it is served")
			require.Equal(t, rev, rt.Set().Rev)
			require.Empty(t, f.open(), "what was opened is closed")
			stored, err := store.Load(t.Context())
			require.NoError(t, err)
			require.Equal(t, rev, stored.Rev)
		})
	}
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

	// It can be mended from here, and only mended.
	require.Error(t, here.Apply(t.Context(), false, write(provider("unrelated"))))
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

// Credentials are tried in a fixed order: the provider's own key, then by
// priority, then by id.
func TestCredentialOrder(t *testing.T) {
	rt := open(t, memory(t), &factory{})
	p := provider("p")
	p.APIKey = configstore.NewSecret("own")
	cred := func(id, priority string, mutate ...func(*configstore.Credential)) *configstore.Credential {
		c := &configstore.Credential{ID: id, ProviderID: "p", Attributes: configstore.CredentialAttributes{APIKey: configstore.NewSecret("key-" + id), Priority: priority}}
		for _, m := range mutate {
			m(c)
		}
		return c
	}
	require.NoError(t, rt.Apply(t.Context(), false, write(p, provider("bare"), provider("other"), route("r", "/", "p"), route("b", "/b", "bare"),
		cred("z", "2"), cred("a", ""), cred("m", "2"), cred("low", "-5"),
		cred("off", "9", func(c *configstore.Credential) { c.Disabled = true }),
		cred("other", "9", func(c *configstore.Credential) { c.ProviderID = "other" }),
		cred("typed", "1", func(c *configstore.Credential) { c.ProviderID, c.ProviderType = "", "fake" }))))
	ids := func(path string) (list []string) {
		m, _, ok := rt.Snapshot().Match(httptest.NewRequest("POST", path+"/v1/chat/completions", nil), nil)
		require.True(t, ok)
		for _, c := range m.Route.target.Credentials {
			list = append(list, c.ID+"="+c.APIKey)
		}
		return list
	}
	require.Equal(t, []string{"=own", "m=key-m", "z=key-z", "typed=key-typed", "a=key-a", "low=key-low"}, ids(""))
	require.Equal(t, []string{"typed=key-typed"}, ids("/b"))
}

// large makes a snapshot with so many keys and routes.
func large(t testing.TB, keys, routes int) (*Runtime, *http.Request) {
	t.Helper()
	objects := []configstore.Object{provider("p")}
	for i := range routes {
		r := route(fmt.Sprintf("r%d", i), fmt.Sprintf("/team-%d", i), "p")
		r.AuthPolicy.RequireVirtualKey = true
		objects = append(objects, r)
	}
	for i := range keys {
		objects = append(objects, key(fmt.Sprintf("k%d", i), fmt.Sprintf("vk-0123456789-%d", i), "*"))
	}
	rt := open(t, memory(t), &factory{})
	require.NoError(t, rt.Apply(context.Background(), false, write(objects...)))
	req := httptest.NewRequest("POST", fmt.Sprintf("/team-%d/v1/chat/completions", routes-1), nil)
	req.Header.Set("Authorization", fmt.Sprintf("Bearer vk-0123456789-%d", keys-1))
	return rt, req
}

func admit(t testing.TB, rt *Runtime, req *http.Request) {
	snap := rt.Snapshot()
	m, _, ok := snap.Match(req, nil)
	if !ok {
		t.Fatal("no route")
	}
	if _, err := snap.Authenticate(req.Header, m.Route, rt.KeyHash, time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// What a request costs does not depend on how much is configured.
func TestCostIsFlat(t *testing.T) {
	small, one := large(t, 10, 10)
	big, other := large(t, 10_000, 1_000)
	allocs := func(rt *Runtime, req *http.Request) float64 {
		return testing.AllocsPerRun(200, func() { admit(t, rt, req) })
	}
	require.Equal(t, allocs(small, one), allocs(big, other))
}

func BenchmarkMatchAndAuthenticate(b *testing.B) {
	for _, size := range [][2]int{{10, 10}, {100_000, 1_000}} {
		b.Run(fmt.Sprintf("keys=%d/routes=%d", size[0], size[1]), func(b *testing.B) {
			rt, req := large(b, size[0], size[1])
			b.ReportAllocs()
			for b.Loop() {
				admit(b, rt, req)
			}
		})
	}
}
