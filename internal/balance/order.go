package balance

import (
	"cmp"
	"slices"
)

// Order is how the candidates of a group are tried for one call. It belongs to
// one goroutine.
type Order struct {
	// Index lists every candidate, by its place in what the group was made of: the
	// strategy's pick, its fallbacks, then those that are resting, then those whose
	// breaker is open.
	Index []int
	// Well is how many of them, from the front, were well. When it is 0, a call is
	// still tried, at Index[0].
	Well int

	group *Group
	at    int64 // when it was made
	next  int
	begun bool
}

// Next begins an attempt at the next candidate, which must be ended, and returns
// the candidate's index; false means that none is left. Candidates that are not
// well are passed over, unless there is no other: then there is one attempt. For
// another round, after a pause, order again. The first attempt counts from when
// the order was made, which saves a look at the clock.
func (o *Order) Next() (index int, a Attempt, ok bool) {
	for o.next < o.Well {
		now := o.at
		if o.next > 0 {
			now = o.group.reg.clock()
		}
		i := o.Index[o.next]
		o.next++
		if a, ok := o.group.healths[i].begin(now, false); ok {
			o.begun = true
			return i, a, true
		}
	}
	if o.begun || len(o.Index) == 0 {
		return -1, Attempt{}, false
	}
	o.begun = true
	return o.Index[0], o.group.healths[o.Index[0]].Begin(), true
}

// More says whether candidates are left that were well when the call was placed.
func (o *Order) More() bool { return o.next < o.Well }

// view is a member as one call sees it. Views are sorted by rank, then class,
// then preference, the lowest first.
type view struct {
	member int
	rank   rank
	class  int64 // priority, load, or when a member that is unwell is due
	pref   float64
}

type rank int8

const (
	lead rank = iota
	well
	resting
	open
)

// Order places one call. A candidate with the key of affinity leads if it is
// well; the turns of the others do not change by that. The zero Key is nobody's.
func (g *Group) Order(affinity Key) Order {
	now := g.reg.clock()
	var few [8]view // stays on the stack
	views := few[:0]
	o := Order{group: g, at: now, Index: make([]int, len(g.members))}
	first := -1
	for i := range g.members {
		v := g.view(i, now)
		if v.rank == well {
			o.Well++
			if affinity != (Key{}) && g.members[i].key == affinity {
				first = i
			}
		}
		views = append(views, v)
	}
	switch {
	case o.Well == 0:
		if g.members[0].fallback {
			first = 0
		}
	case first < 0:
		first = g.pick(views, o.Well, now)
	}
	if first >= 0 {
		views[first].rank = lead
	}
	if o.Well > 2 { // else there is one fallback
		g.prefer(views, first, now)
	}
	slices.SortStableFunc(views, func(a, b view) int {
		if a.rank != b.rank {
			return int(a.rank) - int(b.rank)
		}
		if a.class != b.class {
			return cmp.Compare(a.class, b.class)
		}
		return cmp.Compare(a.pref, b.pref)
	})
	if o.Well > 2 && (g.strategy == Weighted || g.strategy == Priority) {
		g.shuffle(views[1:o.Well])
	}
	for i := range views {
		o.Index[i] = g.members[views[i].member].index
	}
	return o
}

func (g *Group) view(i int, now int64) view {
	m := &g.members[i]
	state, due := m.health.state(now)
	v := view{member: i, rank: well}
	switch {
	case state == Resting:
		v.rank, v.class = resting, due
	case !state.Well():
		v.rank, v.class = open, due
	case g.strategy == Priority:
		v.class = -m.priority
	case g.strategy == LeastBusy:
		v.class = m.health.inFlight.Load()
	}
	return v
}
