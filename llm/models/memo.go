package models

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// memo remembers answers. It is bounded, and takes no lock: a name has one of two
// places, and a newcomer takes the place of whoever is there. A caller who makes
// names up costs others a search at most.
type memo [memoSize]atomic.Pointer[entry]

const memoSize = 1 << 11

var seed = maphash.MakeSeed()

type entry struct {
	q    Query
	info Info
}

// get returns the entry for q, or nil and where to put one.
func (m *memo) get(q Query) (slot uint64, e *entry) {
	h := maphash.String(seed, q.Model)
	h = h*31 + maphash.String(seed, q.Host)
	h = h*31 + maphash.String(seed, q.ProviderID)
	h = h*31 + maphash.String(seed, q.ProviderType)
	a, b := h%memoSize, (h>>32)%memoSize
	ea := m[a].Load()
	if ea != nil && ea.q == q {
		return a, ea
	}
	eb := m[b].Load()
	if eb != nil && eb.q == q {
		return b, eb
	}
	if ea != nil && (eb == nil || h&(1<<31) != 0) {
		return b, nil
	}
	return a, nil
}

func (m *memo) put(slot uint64, q Query, info Info) *entry {
	// The strings may be pieces of a request's body.
	e := &entry{Query{strings.Clone(q.ProviderID), strings.Clone(q.ProviderType), strings.Clone(q.Host), strings.Clone(q.Model)}, info}
	m[slot].Store(e)
	return e
}
