package models

import (
	"strings"

	"github.com/agent-gateway/agent-gateway/llm"
)

// free is the price of what costs nothing.
var free = &Price{periods: []period{{base: Rates{Input: llm.Known(0), Output: llm.Known(0)}}}}

// Find returns what is known of a model. What was found once is found again without
// allocating.
func (c *Catalog) Find(q Query) Info {
	if len(q.Model) > maxName || len(q.ProviderType) > maxName || len(q.ProviderID) > maxName || len(q.Host) > 4*maxName {
		return Info{}
	}
	slot, e := c.memo.get(q)
	if e == nil {
		e = c.memo.put(slot, q, c.find(q))
	}
	return e.info
}

func (c *Catalog) find(q Query) (info Info) {
	model := strings.ToLower(strings.TrimSpace(q.Model))
	if model != "" {
		u := c.upstream(q.ProviderType, q.Host)
		id := strings.ToLower(q.ProviderType)
		if u != nil {
			id = u.id
			info.Upstream = id
			if m := u.find(model); m != nil {
				info.ID, info.Name, info.Price = m.id, m.name, m.price
				info.Caps.ContextTokens = m.context
			} else if id == "openrouter" && strings.HasSuffix(model, ":free") {
				info.Price = free
			}
		}
		context := info.Caps.ContextTokens
		info.Caps = capabilities(c.groups, id, family(model))
		if info.Caps.ContextTokens == 0 {
			info.Caps.ContextTokens = context
		}
	}
	c.overrides.apply(&info, q.ProviderID, q.Model)
	return info
}

// upstream tells by the URL whose prices count, and by the type where the URL says
// nothing: it may be the operator's own proxy.
func (d *data) upstream(typ, host string) *upstream {
	if host != "" {
		url := strings.ToLower(host)
		if _, rest, ok := strings.Cut(url, "://"); ok {
			url = rest
		} else if !strings.Contains(url, "/") {
			url += "/"
		}
		url = "https://" + url
		for _, u := range d.upstreams {
			if u.url != nil && u.url.MatchString(url) {
				return u
			}
		}
	}
	return d.byType[strings.ToLower(typ)]
}

func (u *upstream) find(model string) *modelInfo {
	for _, name := range spellings(u.id, model) {
		if m := u.first(name); m != nil {
			return m
		}
		for _, f := range u.fallback {
			if m := f.first(name); m != nil {
				return m
			}
		}
	}
	return nil
}

// first returns the first model that matches name.
func (u *upstream) first(name string) *modelInfo {
	best, ok := u.exact[name]
	for _, i := range u.others {
		if ok && i > best {
			break
		}
		if u.models[i].match.match(name) {
			best, ok = i, true
			break
		}
	}
	if !ok {
		return nil
	}
	return &u.models[best]
}
