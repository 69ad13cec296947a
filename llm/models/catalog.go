package models

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/agent-gateway/agent-gateway/llm"
)

// Query says which model is meant.
type Query struct {
	// ProviderID is the configured provider's, for the overrides that name one.
	ProviderID string
	// ProviderType is its type, as "openai" or "openrouter".
	ProviderType string
	// Host is the host that it talks to, or its base URL; empty for its type's own.
	// Some upstreams can be told apart by the URL's path alone.
	Host string
	// Model is the upstream's name for the model.
	Model string
}

// Info is what is known of a model. Its zero value is nothing. What it refers to
// is shared, and must not be changed.
type Info struct {
	// Name is for people, and ID the model's name in the list of prices; empty
	// when the model is not in it.
	Name, ID string
	// Upstream is whose list of prices it is, as "anthropic" or "aws"; empty when
	// the provider is not known.
	Upstream string
	Caps     llm.Capabilities
	// Price is nil when it is not known.
	Price *Price
}

// Catalog is what is known of models. It does not change, and is safe for
// concurrent use. [Embedded] and [Catalog.With] make one.
type Catalog struct {
	*data
	overrides overrides
	memo      memo
}

// data is shared by all catalogs.
type data struct {
	upstreams []*upstream
	byID      map[string]*upstream
	byType    map[string]*upstream
	groups    []group
}

type upstream struct {
	id       string
	url      *regexp.Regexp // nil: not known by it
	fallback []*upstream
	models   []modelInfo
	exact    map[string]int // the first model that is exactly of this name
	others   []int          // the models with rules that are not exact
}

type modelInfo struct {
	id, name string
	match    rule
	context  int64
	price    *Price
}

var embedded = sync.OnceValue(func() *Catalog {
	d, err := load(pricesJSON, claudeJSON, capabilitiesJSON)
	if err != nil {
		// The files are part of the program, and a test reads them.
		panic("models: " + err.Error())
	}
	return &Catalog{data: d}
})

// Embedded returns the catalog that is part of the program. It is read at the first
// call, which takes some tens of milliseconds.
func Embedded() *Catalog { return embedded() }

func load(prices, claude, caps []byte) (*data, error) {
	var p pricesFile
	if err := decode(prices, &p); err != nil {
		return nil, fmt.Errorf("prices.json: %w", err)
	}
	d := &data{byID: map[string]*upstream{}, byType: map[string]*upstream{}}
	for _, j := range p.Providers {
		u, err := newUpstream(j)
		if err != nil {
			return nil, fmt.Errorf("prices.json: %s: %w", j.ID, err)
		}
		d.add(u)
	}
	for _, j := range p.Providers {
		for _, id := range j.Fallback {
			if d.byID[id] == nil {
				return nil, fmt.Errorf("prices.json: %s: fallback %s is not a provider", j.ID, id)
			}
			d.byID[j.ID].fallback = append(d.byID[j.ID].fallback, d.byID[id])
		}
	}
	for _, f := range []struct {
		name string
		b    []byte
	}{{"claude.json", claude}, {"capabilities.json", caps}} {
		var c capabilitiesFile
		if err := decode(f.b, &c); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		groups, err := newGroups(f.name, c.Groups)
		if err != nil {
			return nil, err
		}
		d.groups = append(d.groups, groups...)
		for _, j := range c.Upstreams {
			if err := d.alias(j); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", f.name, j.ID, err)
			}
		}
	}
	return d, nil
}

func (d *data) add(u *upstream) {
	d.upstreams = append(d.upstreams, u)
	d.byID[u.id], d.byType[u.id] = u, u
}

func (d *data) alias(j upstreamJSON) error {
	u := d.byID[j.ID]
	if u == nil {
		u = &upstream{id: j.ID}
		d.add(u)
	}
	for _, t := range j.Types {
		d.byType[t] = u
	}
	if j.URL == "" {
		return nil
	}
	url := j.URL
	if u.url != nil {
		url = "(?:" + u.url.String() + "|" + url + ")"
	}
	var err error
	u.url, err = regexp.Compile("^(?:" + url + ")")
	return err
}

func newUpstream(j providerJSON) (*upstream, error) {
	u := &upstream{id: j.ID, exact: map[string]int{}}
	var err error
	if u.url, err = regexp.Compile("^(?:" + j.URL + ")"); err != nil {
		return nil, err
	}
	for i, m := range j.Models {
		info := modelInfo{id: m.ID, name: m.Name, match: m.Match, context: m.Context}
		if info.match == nil {
			info.match = rule{{{kind: '=', text: strings.ToLower(m.ID)}}}
		}
		if len(m.Prices) > 0 {
			info.price = &Price{}
		}
		for _, p := range m.Prices {
			period, err := p.period()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.ID, err)
			}
			info.price.periods = append(info.price.periods, period)
		}
		u.models = append(u.models, info)
		names, exact := info.match.exact()
		if !exact {
			u.others = append(u.others, i)
		}
		for _, n := range names {
			if _, ok := u.exact[n]; !ok && exact {
				u.exact[n] = i
			}
		}
	}
	return u, nil
}
