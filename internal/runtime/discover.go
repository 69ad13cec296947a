package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/llmproxy"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/models"
)

// DiscoveredModel is a model that a provider has said it has.
type DiscoveredModel struct {
	ProviderID    string           `json:"provider_id"`
	ProviderType  string           `json:"provider_type"`
	UpstreamModel string           `json:"upstream_model"`
	DisplayName   string           `json:"display_name"`
	Description   string           `json:"description"`
	Capabilities  llm.Capabilities `json:"capabilities"`
	// Status is that of the last time that the provider was asked: "ok" or "error".
	// After an error, the models are those of the time before.
	Status    string    `json:"status"`
	FetchedAt time.Time `json:"fetched_at"`
	LastError string    `json:"last_error"`
	// LastErrorAt is when that was; nil without one.
	LastErrorAt *time.Time `json:"last_error_at"`
}

// discovery is what one provider has said.
type discovery struct {
	Models    []llm.Model `json:"models"`
	FetchedAt time.Time   `json:"fetched_at"`
	LastError string      `json:"last_error,omitempty"`
	FailedAt  time.Time   `json:"failed_at,omitzero"`
}

const (
	discoveries     = "discovered_models" // the bucket
	discoverTimeout = 30 * time.Second
	maxDiscovered   = 10_000
)

// Errors of [Runtime.RefreshModels].
var (
	ErrNoProvider = errors.New("there is no such provider, or it is disabled")
	ErrNoListing  = errors.New("providers of this type cannot list their models")
)

// discovered keeps what providers have said in memory, and in the store if it can.
type discovered struct {
	mu    sync.Mutex
	known map[string]*discovery
	asked map[string]time.Time // when callers' requests last led to a question
}

// askAgain is how long a provider is left alone that could not say which models it has.
const askAgain = time.Minute

// discoverLately asks a provider for its models, for a caller who wants to know them,
// if it was not asked lately.
func (rt *Runtime) discoverLately(ctx context.Context, id string) {
	now := rt.compiler.fleet.now()
	rt.discovered.mu.Lock()
	last, asked := rt.discovered.asked[id]
	due := !asked || now.Sub(last) >= askAgain
	if due {
		rt.discovered.asked[id] = now
	}
	rt.discovered.mu.Unlock()
	if !due {
		return
	}
	if _, err := rt.RefreshModels(ctx, id); err != nil && !errors.Is(err, ErrNoListing) {
		rt.log.WarnContext(ctx, "a provider does not list its models", "provider", id, "error", err)
	}
}

// Discovered lists the models that a provider has said it has.
func (rt *Runtime) Discovered(ctx context.Context, id string) ([]DiscoveredModel, error) {
	e := rt.Set().Get("provider", id)
	if e == nil {
		return nil, ErrNoProvider
	}
	d := rt.discovery(ctx, id)
	return rt.shown(e.Object.(*configstore.Provider), d), nil
}

func (rt *Runtime) shown(o *configstore.Provider, d *discovery) []DiscoveredModel {
	list := []DiscoveredModel{}
	if d == nil {
		return list
	}
	catalog := models.Embedded()
	if snap := rt.Snapshot(); snap != nil {
		catalog = snap.catalog
	}
	for _, m := range d.Models {
		info := catalog.Find(models.Query{ProviderID: o.ID, ProviderType: o.ProviderType, Host: o.BaseURL, Model: m.ID})
		item := DiscoveredModel{
			ProviderID: o.ID, ProviderType: o.ProviderType, UpstreamModel: m.ID, DisplayName: m.DisplayName, Capabilities: info.Caps,
			Status: "ok", FetchedAt: d.FetchedAt, LastError: d.LastError,
		}
		if item.DisplayName == "" {
			item.DisplayName = info.Name
		}
		if d.LastError != "" {
			item.Status = "error"
			if !d.FailedAt.IsZero() {
				item.LastErrorAt = &d.FailedAt
			}
		}
		list = append(list, item)
	}
	return list
}

// RefreshModels asks a provider for its models.
func (rt *Runtime) RefreshModels(ctx context.Context, id string) ([]DiscoveredModel, error) {
	snap, e := rt.Snapshot(), rt.Set().Get("provider", id)
	if snap == nil || e == nil || snap.providers[id].provider == nil {
		return nil, ErrNoProvider
	}
	o := e.Object.(*configstore.Provider)
	lister, ok := snap.providers[id].provider.(llm.ModelLister)
	if !ok {
		return nil, ErrNoListing
	}
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	// What serves is not to be written to.
	own := &Snapshot{credentials: map[credentialKey]*llmproxy.CredentialState{}}
	list := rt.compiler.credentials(rt.Set(), own, o, configstore.TargetPolicy{}, "")
	cred := llmproxy.NewCredentials("", list).First(rt.compiler.fleet.now())
	found, err := lister.ListModels(ctx, cred)
	if err != nil && cred.APIKey != "" && strings.Contains(err.Error(), cred.APIKey) {
		err = llm.Errorf(llm.AsError(err).Code, "its error shows the key that it was asked with, and is not repeated")
	}
	d := &discovery{FetchedAt: rt.compiler.fleet.now().UTC()}
	if err != nil {
		d.LastError, d.FailedAt = llm.AsError(err).Message, d.FetchedAt
		if old := rt.discovery(ctx, id); old != nil {
			d.Models, d.FetchedAt = old.Models, old.FetchedAt
		}
	} else {
		slices.SortFunc(found, func(a, b llm.Model) int { return strings.Compare(a.ID, b.ID) })
		d.Models = found[:min(len(found), maxDiscovered)]
	}
	rt.discovered.mu.Lock()
	rt.discovered.known[id] = d
	rt.discovered.mu.Unlock()
	text, _ := json.Marshal(d) // plain values always marshal
	rt.keepDiscovery(ctx, id, text)
	if rt.Set().Get("provider", id) == nil { // it was deleted meanwhile
		rt.keepDiscovery(ctx, id, nil)
		rt.forgetDiscovery(id)
	}
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", id, err)
	}
	return rt.shown(o, d), nil
}

// keepDiscovery writes what a provider has said to the store, if that can keep it; nil
// deletes it there.
func (rt *Runtime) keepDiscovery(ctx context.Context, id string, text []byte) {
	states, ok := rt.store.(configstore.StateStore)
	if !ok {
		return
	}
	if _, err := states.Put(context.WithoutCancel(ctx), discoveries, id, text, -1, time.Time{}); err != nil {
		rt.log.WarnContext(ctx, "what models a provider has cannot be written to the store: after the next start, it is as it was before", "provider", id, "error", err)
	}
}

// forgetDiscovery drops what a provider has said from memory. One that is made anew under
// its id is another.
func (rt *Runtime) forgetDiscovery(id string) {
	rt.discovered.mu.Lock()
	defer rt.discovered.mu.Unlock()
	delete(rt.discovered.known, id)
	delete(rt.discovered.asked, id)
}

// discovery returns what a provider has said, nil when it was never asked.
func (rt *Runtime) discovery(ctx context.Context, id string) *discovery {
	rt.discovered.mu.Lock()
	d, known := rt.discovered.known[id]
	rt.discovered.mu.Unlock()
	if known {
		return d
	}
	if states, ok := rt.store.(configstore.StateStore); ok {
		v, err := states.Get(ctx, discoveries, id)
		switch {
		case err == nil && json.Unmarshal(v.Data, &d) != nil:
			d = nil
		case err != nil && !errors.Is(err, configstore.ErrNotFound):
			return nil // the next one may learn it
		}
	}
	rt.discovered.mu.Lock()
	rt.discovered.known[id] = d
	rt.discovered.mu.Unlock()
	return d
}

// discoveredNames are the names of the models that a provider has said it has.
func (rt *Runtime) discoveredNames(id string) (names []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if d := rt.discovery(ctx, id); d != nil {
		for _, m := range d.Models {
			names = append(names, m.ID)
		}
	}
	return names
}

// CredentialStatus tells how a credential fares. Where several providers use it, it is
// unavailable when it is so for one of them.
func (rt *Runtime) CredentialStatus(id string) (state configstore.CredentialState) {
	snap := rt.Snapshot()
	if snap == nil {
		return state
	}
	now := rt.compiler.fleet.now()
	for k, known := range snap.credentials {
		if k.id != id {
			continue
		}
		st := known.Status(now)
		state.Unavailable, state.AuthInvalid = state.Unavailable || st.Unavailable, state.AuthInvalid || st.AuthInvalid
		if state.LastError == "" || st.LastError != "" && st.NextRetryAfter.After(state.NextRetryAfter) {
			state.NextRetryAfter, state.LastError = st.NextRetryAfter, st.LastError
		}
	}
	return state
}
