package runtime

import (
	"cmp"
	"io"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/balance"
	"github.com/agent-gateway/agent-gateway/internal/limits"
	"github.com/agent-gateway/agent-gateway/internal/llmproxy"
	"github.com/agent-gateway/agent-gateway/internal/mcpproxy"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/models"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// Snapshot is what serves requests. It is immutable.
type Snapshot struct {
	routes    map[string][]*Route // by path prefix, the most specific host first
	keys      map[[32]byte]*Key
	providers map[string]liveProvider
	services  map[string]liveService
	catalog   *models.Catalog

	// What it refers to of the fleet.
	targets     []balance.Key
	credentials map[credentialKey]*llmproxy.CredentialState
}

// Route is a compiled route.
type Route struct {
	ID, Protocol string
	Disabled     bool
	RequireKey   bool
	host         string // "" any, ".example.org" a wildcard
	prefix       string
	methods      []string
	plan         *llmproxy.Plan
	mcp          *mcpRoute
	limits       limits.Policy // of all callers together
	unavailable  string        // why there is no plan
}

// Key is a compiled virtual key.
type Key struct {
	ID       string
	disabled bool
	expires  time.Time
	routes   map[string]struct{} // by id; "*" is every one
	caller   llmproxy.Caller
	tools    *mcpproxy.Tools // nil: every one
}

type liveProvider struct {
	entry    *Entry
	provider llm.Provider
	given    bool // the embedder made it, and closes it
}

// compiler makes snapshots. It keeps nothing between them.
type compiler struct {
	factories map[string]llm.Factory
	// given are the providers that the embedder made.
	given map[string]llm.Provider
	fleet *fleet
	// transports reach MCP servers, by the names that services have for them.
	transports map[string]mcp.Transport
}

// compile makes a snapshot of a set. Providers whose entry has not changed are
// taken over from prev, connections and all. On failure what was opened is closed.
func (c *compiler) compile(set *Set, prev *Snapshot) (*Snapshot, error) {
	snap := &Snapshot{routes: map[string][]*Route{}, keys: make(map[[32]byte]*Key, len(set.entries["virtual_key"])), providers: map[string]liveProvider{}, services: map[string]liveService{}, credentials: map[credentialKey]*llmproxy.CredentialState{}}
	var problems Problems
	problems = append(problems, compileCatalog(set, snap)...)
	problems = append(problems, checkRefs(set)...)
	problems = append(problems, checkRouteIDs(set)...)
	problems = append(problems, checkServiceAuth(set)...)
	problems = append(problems, c.compileProviders(set, prev, snap)...)
	problems = append(problems, c.compileServices(set, prev, snap)...)
	problems = append(problems, c.compileRoutes(set, snap)...)
	problems = append(problems, checkCredentials(set)...)
	problems = append(problems, compileKeys(set, snap)...)
	if len(problems) > 0 {
		snap.closeBut(prev)
		slices.SortStableFunc(problems, func(a, b Problem) int {
			return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.ID, b.ID))
		})
		return nil, problems
	}
	return snap, nil
}

// closeBut closes the providers that other does not use.
func (s *Snapshot) closeBut(other *Snapshot) {
	if s == nil {
		return
	}
	for id, p := range s.providers {
		if p.given || other != nil && other.providers[id].provider == p.provider {
			continue
		}
		if c, ok := p.provider.(io.Closer); ok {
			_ = c.Close()
		}
	}
}

func checkRefs(set *Set) (problems Problems) {
	for _, byID := range set.entries {
		for _, e := range byID {
			for _, ref := range e.refs {
				if !slices.ContainsFunc(ref.Kinds, func(kind string) bool { return set.Get(kind, ref.ID) != nil }) {
					problems = append(problems, Problem{Kind: e.Kind.Name, ID: e.ID(), Field: ref.Field, Dangling: true,
						Text: "refers to " + strings.Join(ref.Kinds, " or ") + " " + strconv.Quote(ref.ID) + ", which does not exist"})
				}
			}
		}
	}
	return problems
}

func (c *compiler) compileProviders(set *Set, prev, snap *Snapshot) (problems Problems) {
	for id, e := range set.entries["provider"] {
		if p, ok := c.given[id]; ok {
			snap.providers[id] = liveProvider{e, p, true}
			continue
		}
		if prev != nil && prev.providers[id].entry == e {
			snap.providers[id] = prev.providers[id]
			continue
		}
		o := e.Object.(*configstore.Provider)
		factory := c.factories[o.ProviderType]
		if factory == nil {
			problems = append(problems, Problem{Kind: "provider", ID: id, Field: "provider_type",
				Text: "is " + strconv.Quote(o.ProviderType) + "; this gateway has " + strings.Join(slices.Sorted(maps.Keys(c.factories)), ", ")})
			continue
		}
		p, err := factory(providerConfig(o))
		if err != nil {
			problems = append(problems, Problem{Kind: "provider", ID: id, Text: "cannot be made: " + err.Error()})
			continue
		}
		snap.providers[id] = liveProvider{e, p, false}
	}
	return problems
}

func providerConfig(o *configstore.Provider) llm.Config {
	n := o.Network
	cfg := llm.Config{
		ID: o.ID, Type: o.ProviderType, BaseURL: o.BaseURL, Options: llm.Options{Compact: o.Options.Compact, API: o.Options.API, APIVersion: o.Options.APIVersion},
		Network: llm.Network{
			RequestTimeout: seconds(n.RequestTimeoutSeconds), MaxIdleConns: n.MaxIdleConnections, MaxIdleConnsPerHost: n.MaxIdleConnectionsPerHost,
			IdleConnTimeout: seconds(n.IdleKeepAliveTimeoutSeconds), ProxyURL: n.ProxyURL, ExtraHeaders: map[string]string{},
		},
	}
	for k, v := range n.ExtraHeaders {
		cfg.Network.ExtraHeaders[k] = v.Reveal()
	}
	return cfg
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// checkCredentials refuses credentials that would authenticate nobody.
func checkCredentials(set *Set) (problems Problems) {
	for id, e := range set.entries["credential"] {
		if e.Object.(*configstore.Credential).Attributes.APIKey.Reveal() == "" {
			problems = append(problems, Problem{Kind: "credential", ID: id, Field: "attributes.api_key", Text: "is required"})
		}
	}
	return problems
}

func (c *compiler) compileRoutes(set *Set, snap *Snapshot) (problems Problems) {
	for _, e := range set.List("llm_route") {
		o := e.Object.(*configstore.LLMRoute)
		r := newRoute(o.ID, o.Protocol, o.MatchPolicy, o.AuthPolicy, o.Disabled)
		plan, unavailable, wrong := c.plan(set, snap, o)
		problems = append(problems, wrong...)
		r.plan, r.unavailable = plan, unavailable
		r.limits = policyOf(o.Policy.RateLimit, o.Policy.Budget)
		problems = append(problems, snap.add(r, "llm_route")...)
	}
	problems = append(problems, compileMCPRoutes(set, snap)...)
	for _, routes := range snap.routes {
		slices.SortStableFunc(routes, func(a, b *Route) int { return hostRank(b.host) - hostRank(a.host) })
	}
	return problems
}

// newRoute is a route as far as routes of all protocols are alike.
func newRoute(id, protocol string, m configstore.MatchPolicy, a configstore.AuthPolicy, disabled bool) *Route {
	return &Route{
		ID: id, Protocol: protocol, Disabled: disabled, RequireKey: a.RequireVirtualKey,
		host: strings.TrimPrefix(m.Host, "*"), prefix: (&url.URL{Path: m.PathPrefix}).EscapedPath(), methods: m.Methods,
	}
}

// add adds a route, unless no request could tell it from one that is there.
func (s *Snapshot) add(r *Route, kind string) (problems Problems) {
	for _, other := range s.routes[r.prefix] {
		if sameWire(other.Protocol, r.Protocol) && other.host == r.host && overlap(other.methods, r.methods) {
			// Either may be the one that is being written.
			problems = append(problems, sameRequests(kind, r.ID, other.ID), sameRequests(kind, other.ID, r.ID))
		}
	}
	s.routes[r.prefix] = append(s.routes[r.prefix], r)
	return problems
}

// sameWire says whether no request could tell two protocols apart.
func sameWire(a, b string) bool {
	wire := func(p string) string {
		if p == "cc" {
			return "anthropic"
		}
		return p
	}
	return wire(a) == wire(b)
}

func sameRequests(kind, id, other string) Problem {
	return Problem{Kind: kind, ID: id, Field: "match_policy", Conflict: true, Other: other, Text: "takes the same requests as " + kind + " " + strconv.Quote(other)}
}

// hostRank orders hosts by how specific they are.
func hostRank(host string) int {
	switch {
	case host == "":
		return 0
	case host[0] == '.':
		return len(host)
	}
	return 1 << 16
}

func overlap(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(m string) bool { return slices.Contains(b, m) })
}

func compileKeys(set *Set, snap *Snapshot) (problems Problems) {
	for id, e := range set.entries["virtual_key"] {
		o := e.Object.(*configstore.VirtualKey)
		k := &Key{ID: id, disabled: o.Disabled, expires: o.ExpiresAt, routes: setOf(o.AllowedRouteIDs), caller: llmproxy.Caller{KeyID: id, Policy: policyOf(o.RateLimit, o.Budget)}}
		k.tools = toolsOf(o.ToolPolicy.Mode, o.ToolPolicy.Tools, nil)
		if len(o.AllowedModels) > 0 {
			k.caller.Models = setOf(o.AllowedModels)
		}
		if other := snap.keys[e.hash]; other != nil {
			problems = append(problems, sameKey(id, other.ID), sameKey(other.ID, id))
			continue
		}
		snap.keys[e.hash] = k
	}
	return problems
}

func sameKey(id, other string) Problem {
	return Problem{Kind: "virtual_key", ID: id, Field: "key", Conflict: true, Other: other, Text: "is the key of virtual_key " + strconv.Quote(other) + " too"}
}

// policyOf is what a rate limit and a budget allow.
func policyOf(l configstore.RateLimit, b configstore.Budget) limits.Policy {
	return limits.Policy{
		RPM: l.RPM, TPM: l.TPM, Concurrency: l.Concurrency,
		Budget: limits.Budget{NanoUSD: int64(math.Round(b.USD * 1e9)), Tokens: b.Tokens, Period: limits.Period(b.Period)},
	}
}

func setOf(list []string) map[string]struct{} {
	m := make(map[string]struct{}, len(list))
	for _, s := range list {
		m[s] = struct{}{}
	}
	return m
}
