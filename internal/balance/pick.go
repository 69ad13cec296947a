package balance

import "math"

// pick returns the strategy's choice among the n members that are well. The
// views are those of the members, in their order.
func (g *Group) pick(views []view, n int, now int64) int {
	if g.strategy == LeastLatency {
		return g.faster(views, n, now)
	}
	best := int64(math.MaxInt64)
	for i := range views {
		if views[i].rank == well {
			best = min(best, views[i].class)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var total int64
	first := -1
	for i := range views {
		if views[i].rank != well || views[i].class != best {
			continue
		}
		m := &g.members[i]
		m.credit += m.weight
		total += m.weight
		if first < 0 || m.credit > g.members[first].credit {
			first = i
		}
	}
	g.members[first].credit -= total
	return first
}

// faster draws two members that are well and returns the faster.
func (g *Group) faster(views []view, n int, now int64) int {
	a := g.draw(n)
	if n == 1 {
		return nth(views, a)
	}
	b := g.draw(n - 1)
	if b >= a {
		b++
	}
	a, b = nth(views, a), nth(views, b)
	if g.members[b].health.expected(now) < g.members[a].health.expected(now) {
		return b
	}
	return a
}

func (g *Group) draw(n int) int { return min(int(g.reg.rand()*float64(n)), n-1) }

// nth finds the n-th member that is well.
func nth(views []view, n int) int {
	for i := range views {
		if views[i].rank == well {
			if n == 0 {
				return i
			}
			n--
		}
	}
	return -1
}

// prefer sets in which order the fallbacks come that are of one class, where
// that is not drawn.
func (g *Group) prefer(views []view, first int, now int64) {
	for i := range views {
		if views[i].rank != well {
			continue
		}
		m := &g.members[i]
		switch g.strategy {
		case RoundRobin:
			views[i].pref = float64((i - first + len(views)) % len(views))
		case LeastLatency:
			views[i].pref = m.health.expected(now)
		case LeastBusy:
			views[i].pref = -float64(m.weight)
		}
	}
}

// shuffle draws, within each class, who comes next from those that are left, by
// their weights.
func (g *Group) shuffle(views []view) {
	for i := range views {
		var total int64
		end := i
		for ; end < len(views) && views[end].class == views[i].class; end++ {
			total += g.members[views[end].member].weight
		}
		if end-i < 2 {
			continue
		}
		drawn := i
		for at := g.reg.rand() * float64(total); drawn < end-1; drawn++ {
			if at -= float64(g.members[views[drawn].member].weight); at < 0 {
				break
			}
		}
		views[i], views[drawn] = views[drawn], views[i]
	}
}
