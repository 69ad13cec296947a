package runtime

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/balance"
	"github.com/agent-gateway/agent-gateway/internal/llmproxy"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/models"
)

// fleet is what is known of upstreams from one configuration to the next: how targets
// and credentials fare, where conversations went, how many retries there were.
type fleet struct {
	health *balance.Registry
	now    func() time.Time

	mu          sync.Mutex
	credentials map[credentialKey]*llmproxy.CredentialState
	retries     map[string]*balance.RetryBudget  // by provider
	affinity    map[string]*llmproxy.Affinity    // by route
	discovered  func(providerID string) []string // the models that a provider has said it has
	discover    func(ctx context.Context, providerID string)
}

// retryFloor is how many retries a provider may have in ten seconds however few its
// calls were; beyond it a fifth of them.
const retryFloor = 10

// credentialKey names a secret: one that is replaced starts anew.
type credentialKey struct{ provider, id, secret string }

func newFleet(now func() time.Time) *fleet {
	if now == nil {
		now = time.Now
	}
	return &fleet{
		health: balance.NewRegistry(balance.Settings{}, now, nil), now: now,
		credentials: map[credentialKey]*llmproxy.CredentialState{}, retries: map[string]*balance.RetryBudget{}, affinity: map[string]*llmproxy.Affinity{},
		discovered: func(string) []string { return nil }, discover: func(context.Context, string) {},
	}
}

func (f *fleet) credential(k credentialKey) *llmproxy.CredentialState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return entry(f.credentials, k, func() *llmproxy.CredentialState { return new(llmproxy.CredentialState) })
}

func (f *fleet) retryBudget(provider string) *balance.RetryBudget {
	f.mu.Lock()
	defer f.mu.Unlock()
	return entry(f.retries, provider, func() *balance.RetryBudget {
		return balance.NewRetryBudget(balance.BudgetSettings{Floor: retryFloor}, f.now)
	})
}

func (f *fleet) affinityOf(route string) *llmproxy.Affinity {
	f.mu.Lock()
	defer f.mu.Unlock()
	return entry(f.affinity, route, llmproxy.NewAffinity)
}

func entry[K comparable, V any](m map[K]*V, k K, make func() *V) *V {
	v := m[k]
	if v == nil {
		v = make()
		m[k] = v
	}
	return v
}

// keep forgets what the set has no use for.
func (f *fleet) keep(set *Set, snap *Snapshot) {
	f.health.Keep(snap.targets)
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.retries {
		if set.Get("provider", id) == nil {
			delete(f.retries, id)
		}
	}
	for id := range f.affinity {
		if set.Get("llm_route", id) == nil {
			delete(f.affinity, id)
		}
	}
	for k := range f.credentials {
		if snap.credentials[k] == nil {
			delete(f.credentials, k)
		}
	}
}

// target compiles how a route with this policy reaches a provider.
func (c *compiler) target(set *Set, snap *Snapshot, o *configstore.Provider, policy configstore.TargetPolicy) *llmproxy.Target {
	scoped, off := map[string]*llmproxy.Credentials{}, map[string]bool{}
	list := managed(set, o.ID)
	for _, m := range list {
		if m.CredentialScope != "" {
			scoped[m.UpstreamModel] = llmproxy.NewCredentials(policy.CredentialSelector, c.credentials(set, snap, o, policy, m.CredentialScope))
		}
		if !m.IsEnabled() {
			off[m.UpstreamModel] = true
		}
	}
	return &llmproxy.Target{
		ProviderID: o.ID, ProviderType: o.ProviderType, Provider: snap.providers[o.ID].provider, DefaultModel: o.DefaultModel,
		Credentials: llmproxy.NewCredentials(policy.CredentialSelector, c.credentials(set, snap, o, policy, "")), Scoped: scoped, Off: off,
		MaxRetries: o.Network.MaxRetries, RetryDelay: seconds(o.Network.RetryDelaySeconds),
		Retries: c.fleet.retryBudget(o.ID),
		Model: func(model string) models.Info {
			return snap.catalog.Find(models.Query{ProviderID: o.ID, ProviderType: o.ProviderType, Host: o.BaseURL, Model: model})
		},
		Models:   func() []string { return c.knownModels(o, list, off) },
		Discover: func(ctx context.Context) { c.fleet.discover(ctx, o.ID) },
	}
}

// managed lists the managed models of a provider.
func managed(set *Set, provider string) (list []*configstore.ManagedModel) {
	for _, e := range set.List("managed_model") {
		if m := e.Object.(*configstore.ManagedModel); m.ProviderID == provider {
			list = append(list, m)
		}
	}
	return list
}

// knownModels are the models that a provider is known to have: its default, those that
// it has said it has, and those that are managed, but for those that are not enabled.
func (c *compiler) knownModels(o *configstore.Provider, managed []*configstore.ManagedModel, off map[string]bool) []string {
	names := slices.Clone(c.fleet.discovered(o.ID))
	if o.DefaultModel != "" {
		names = append(names, o.DefaultModel)
	}
	for _, m := range managed {
		names = append(names, m.UpstreamModel)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(m string) bool { return off[m] })
}

// credentials lists what a provider authenticates with: its own key, which comes
// first unless the policy orders otherwise, and the credentials for it. With the scope of
// a managed model, those of that scope are left, and where the policy's order has
// model_custom, those of the other scopes that it names.
func (c *compiler) credentials(set *Set, snap *Snapshot, p *configstore.Provider, policy configstore.TargetPolicy, custom string) (list []llmproxy.Credential) {
	order := policy.CredentialScopeOrder
	usable := func(scope string) bool {
		switch {
		case scope == "" || custom == "" || scope == "model_custom":
			return scope != ""
		}
		return slices.Contains(order, "model_custom") && slices.Contains(order, scope)
	}
	rank := func(scope, typ string) int {
		return rankOf(order, scope)*10 + rankOf(policy.CredentialTypeOrder, typ)
	}
	add := func(rank, priority int, cred llm.Credential) {
		k := credentialKey{p.ID, cred.ID, cred.APIKey}
		state := c.fleet.credential(k)
		snap.credentials[k] = state
		list = append(list, llmproxy.Credential{Credential: cred, Rank: rank, Priority: priority, State: state})
	}
	own := wordOf("id:"+p.ID, custom, p)
	if key := p.APIKey.Reveal(); key != "" && usable(own) {
		add(rank(own, "api_key"), 1<<30, llm.Credential{Source: "provider", APIKey: key})
	}
	for _, e := range set.List("credential") {
		o := e.Object.(*configstore.Credential)
		if o.ProviderID != "" && o.ProviderID != p.ID && o.Scope != "type:"+p.ProviderType || o.ProviderID == "" && o.ProviderType != p.ProviderType {
			continue
		}
		scope := wordOf(o.Scope, custom, p)
		if o.Disabled || !usable(scope) {
			continue
		}
		priority, _ := strconv.Atoi(o.Attributes.Priority) // validated; absent is 0
		add(rank(scope, o.Type), priority, llm.Credential{ID: o.ID, Source: "credential", APIKey: o.Attributes.APIKey.Reveal(), BaseURL: o.Attributes.BaseURL, AccountID: o.Attributes.AccountID})
	}
	return list
}

// wordOf is the word of credential_scope_order for a scope, "" for one whose credentials
// the provider may not use. custom is the scope that a managed model names.
func wordOf(scope, custom string, p *configstore.Provider) string {
	switch scope {
	case custom:
		return "model_custom"
	case "id:" + p.ID:
		return "provider_id"
	case "type:" + p.ProviderType:
		return "provider_type"
	}
	return ""
}

func rankOf(order []string, word string) int {
	if i := slices.Index(order, word); i >= 0 {
		return i
	}
	return len(order)
}

// plan compiles a route's target policy. unavailable says why there is none.
func (c *compiler) plan(set *Set, snap *Snapshot, o *configstore.LLMRoute) (plan *llmproxy.Plan, unavailable string, problems Problems) {
	t := o.TargetPolicy
	plan = &llmproxy.Plan{Timeouts: llmproxy.Timeouts{
		Connect: seconds(o.Policy.Timeouts.ConnectSeconds), FirstByte: seconds(o.Policy.Timeouts.FirstByteSeconds),
		Idle: seconds(o.Policy.Timeouts.IdleSeconds), Total: seconds(o.Policy.Timeouts.TotalSeconds),
	}}
	if t.Direct() {
		p, why, problem := c.provider(set, snap, o, "target_policy.provider_target.provider_id", t.ProviderTarget.ProviderID)
		if problem != nil {
			return nil, "", append(problems, problem...)
		}
		if p == nil {
			return nil, why, nil
		}
		plan.Direct = c.target(set, snap, p, t)
		return plan, "", nil
	}
	plan.Default, plan.Models, plan.Affinity = t.DefaultModel, map[string]*llmproxy.Logical{}, c.fleet.affinityOf(o.ID)
	plan.Fallback = fallback(t.Fallback)
	targets := map[string]*llmproxy.Target{}
	for i, m := range t.ModelTargets {
		logical := &llmproxy.Logical{Name: m.Name, Match: m.Match}
		var candidates []balance.Candidate
		for j, cand := range m.Candidates {
			field := fmt.Sprintf("target_policy.model_targets[%d].candidates[%d].provider_id", i, j)
			p, _, problem := c.provider(set, snap, o, field, cand.ProviderID)
			problems = append(problems, problem...)
			if p == nil {
				continue // the others serve
			}
			if targets[p.ID] == nil {
				targets[p.ID] = c.target(set, snap, p, t)
			}
			key := balance.Key{Provider: p.ID, Model: cand.UpstreamModel}
			snap.targets = append(snap.targets, key)
			candidates = append(candidates, balance.Candidate{Key: key, Weight: cand.Weight, Priority: cand.Priority, Default: isDefault(m, cand)})
			logical.Candidates = append(logical.Candidates, llmproxy.Candidate{Target: targets[p.ID], Upstream: cand.UpstreamModel, Key: key, Health: c.fleet.health.Health(key), Detours: balance.NewDetours(len(m.Candidates), c.fleet.now)})
		}
		if len(candidates) > 0 { // or all of its providers are disabled, and it has no group
			group, err := c.fleet.health.NewGroup(balance.Strategy(cmp.Or(m.Strategy, t.ModelSelectorStrategy)), candidates)
			if err != nil {
				problems = append(problems, Problem{Kind: "llm_route", ID: o.ID, Field: fmt.Sprintf("target_policy.model_targets[%d]", i), Text: err.Error()})
				continue
			}
			logical.Group = group
		}
		if strings.Contains(m.Name, "*") {
			plan.Patterns = append(plan.Patterns, logical)
		} else {
			plan.Models[m.Name] = logical
		}
	}
	slices.SortStableFunc(plan.Patterns, func(a, b *llmproxy.Logical) int { return len(b.Name) - len(a.Name) })
	return plan, "", problems
}

func fallback(f configstore.Fallback) int {
	switch {
	case f.Enabled != nil && !*f.Enabled:
		return 0
	case f.MaxNum > 0:
		return f.MaxNum
	}
	return 1 << 10
}

func isDefault(m configstore.ModelTarget, c configstore.ModelCandidate) bool {
	if m.DefaultCandidate == "" {
		return c.Default
	}
	if !slices.ContainsFunc(m.Candidates, func(o configstore.ModelCandidate) bool { return o.ProviderID+"/"+o.UpstreamModel == m.DefaultCandidate }) {
		first := slices.IndexFunc(m.Candidates, func(o configstore.ModelCandidate) bool {
			return o.UpstreamModel == m.DefaultCandidate || o.ProviderID == m.DefaultCandidate
		})
		return first >= 0 && m.Candidates[first] == c
	}
	return c.ProviderID+"/"+c.UpstreamModel == m.DefaultCandidate
}

// provider finds the provider of a target. It is nil, with the reason, for one that is
// disabled, and with nothing for one that is a problem already.
func (c *compiler) provider(set *Set, snap *Snapshot, o *configstore.LLMRoute, field, id string) (*configstore.Provider, string, Problems) {
	if snap.providers[id].provider == nil {
		return nil, "the provider " + id + " is missing", nil
	}
	p := set.Get("provider", id).Object.(*configstore.Provider)
	if !serves(snap.providers[id].provider, o.Protocol) {
		return nil, "", Problems{{Kind: "llm_route", ID: o.ID, Field: field,
			Text: "is provider " + strconv.Quote(id) + " of type " + p.ProviderType + ", which can serve nothing of the route's protocol " + o.Protocol}}
	}
	if p.Disabled {
		return nil, "provider " + id + " is disabled", nil
	}
	return p, "", nil
}

// serves says whether a provider can serve something of a protocol, translated or not.
func serves(p llm.Provider, protocol string) bool {
	return slices.ContainsFunc(llmproxy.Operations(protocol), func(op llm.Operation) bool { return len(p.Native(op, "")) > 0 })
}

// modelProblems says what is wrong with what a managed model knows better, in the words
// of its fields. Each error begins with the name that the catalogue has for one.
func modelProblems(id string, err error) (problems Problems) {
	all := []error{err}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		all = many.Unwrap()
	}
	for _, err := range all {
		field, text, _ := strings.Cut(err.Error(), " ")
		if name, ok := strings.CutPrefix(field, "capabilities."); ok {
			field = "capability_overrides." + name
		} else {
			field = "price." + field
		}
		problems = append(problems, Problem{Kind: "managed_model", ID: id, Field: field, Text: text})
	}
	return problems
}

// compileCatalog makes what is known of models, with what the set says better.
func compileCatalog(set *Set, snap *Snapshot) (problems Problems) {
	var overrides []models.Override
	for _, e := range set.List("managed_model") {
		m := e.Object.(*configstore.ManagedModel)
		p := m.Price
		o := models.Override{
			Model: m.UpstreamModel, ProviderID: m.ProviderID, Capabilities: m.CapabilityOverrides,
			InputPerMTok: p.InputPerMTok, OutputPerMTok: p.OutputPerMTok, ReasoningPerMTok: p.ReasoningPerMTok,
			CacheReadPerMTok: p.CacheReadPerMTok, CacheWritePerMTok: p.CacheWritePerMTok, CacheWrite1hPerMTok: p.CacheWrite1hPerMTok, PerRequest: p.PerRequest,
		}
		if err := o.Validate(); err != nil {
			problems = append(problems, modelProblems(e.ID(), err)...)
			continue
		}
		overrides = append(overrides, o)
	}
	snap.catalog = models.Embedded()
	if len(overrides) > 0 {
		catalog, err := snap.catalog.With(overrides...)
		if err != nil { // the store has one object an id
			return append(problems, Problem{Kind: "managed_model", Text: err.Error()})
		}
		snap.catalog = catalog
	}
	return problems
}
