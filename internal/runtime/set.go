package runtime

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// Entry is one object of a set, with what follows from it. It is immutable.
type Entry struct {
	Kind                 configstore.Kind
	Object               configstore.Object
	Static               bool
	CreatedAt, UpdatedAt time.Time

	rev  int64 // of the record; 0 for static ones
	refs []configstore.Ref
	hash [32]byte // of a virtual key's text
}

// ID is the object's id.
func (e *Entry) ID() string { return e.Object.ObjectID() }

// View is a copy of the object as it may be shown, secrets masked.
func (e *Entry) View() configstore.Object {
	o := configstore.Clone(e.Object)
	m := &configstore.Meta{Source: "store", CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt}
	if e.Static {
		m.Source, m.ReadOnly = "static", true
	}
	configstore.SetMeta(o, m)
	return o
}

// Set is the whole configuration. It is immutable; its changes are new sets.
type Set struct {
	// Rev is the store's revision.
	Rev     int64
	entries map[string]map[string]*Entry // kind, id
}

// Get returns an entry, nil when there is none.
func (s *Set) Get(kind, id string) *Entry { return s.entries[kind][id] }

// List returns the entries of a kind, ordered by id.
func (s *Set) List(kind string) []*Entry {
	return slices.SortedFunc(maps.Values(s.entries[kind]), func(a, b *Entry) int { return strings.Compare(a.ID(), b.ID()) })
}

// with returns a set in which the entries stand in place of those of the same
// kind and id; a nil entry removes.
func (s *Set) with(rev int64, changed map[[2]string]*Entry) *Set {
	next := &Set{Rev: rev, entries: maps.Clone(s.entries)}
	if next.entries == nil {
		next.entries = map[string]map[string]*Entry{}
	}
	cloned := map[string]bool{}
	for key, e := range changed {
		kind, id := key[0], key[1]
		if !cloned[kind] {
			next.entries[kind] = maps.Clone(next.entries[kind])
			if next.entries[kind] == nil {
				next.entries[kind] = map[string]*Entry{}
			}
			cloned[kind] = true
		}
		if e == nil {
			delete(next.entries[kind], id)
		} else {
			next.entries[kind][id] = e
		}
	}
	return next
}

// without lists the ids of a kind that s has and next has not.
func (s *Set) without(next *Set, kind string) (ids []string) {
	for id := range s.entries[kind] {
		if next.Get(kind, id) == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// newEntry derives what follows from an object.
func newEntry(k configstore.Kind, o configstore.Object, sealer *configstore.Sealer) *Entry {
	e := &Entry{Kind: k, Object: o, refs: configstore.Refs(o)}
	if key, ok := o.(*configstore.VirtualKey); ok {
		e.hash = sealer.KeyHash(key.Key.Reveal())
	}
	return e
}

// Problem is one reason why a set cannot be served.
type Problem struct {
	Kind, ID string
	Field    string
	Text     string
	// Conflict says that the object is at odds with another one, rather than
	// wrong in itself; Other is that one's id.
	Conflict bool
	Other    string
	// Dangling says that the object refers to one that is not there.
	Dangling bool
}

func (p Problem) Error() string {
	s := p.Kind + " " + p.ID + ": "
	if p.Field != "" {
		s += p.Field + " "
	}
	return s + p.Text
}

// Problems are all reasons; there is at least one.
type Problems []Problem

func (p Problems) Error() string {
	s := p[0].Error()
	if len(p) > 1 {
		s += fmt.Sprintf(" (and %d more)", len(p)-1)
	}
	return s
}
