package balance

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

// Strategy says which of the candidates that are well a call goes to.
type Strategy string

// The strategies.
const (
	// Weighted gives each candidate its share, smoothly and exactly: of as many
	// calls as the weights add up to, each gets its weight. The fallbacks are drawn
	// by weight.
	Weighted Strategy = "weighted"
	// Priority takes the highest priority first, and is Weighted among equals.
	Priority Strategy = "priority"
	// RoundRobin takes one after the other, whatever their weights.
	RoundRobin Strategy = "round_robin"
	// LeastLatency takes the faster to the first byte of two that are drawn, so
	// that calls do not all rush to one.
	LeastLatency Strategy = "least_latency"
	// LeastBusy takes the one with the fewest calls in flight, and is Weighted
	// among equals.
	LeastBusy Strategy = "least_busy"
)

// ParseStrategy reads a strategy's name. Weighted is also called "auto", and is
// what an empty name means.
func ParseStrategy(name string) (Strategy, error) {
	switch s := Strategy(name); s {
	case Weighted, Priority, RoundRobin, LeastLatency, LeastBusy:
		return s, nil
	case "", "auto":
		return Weighted, nil
	}
	return "", fmt.Errorf("strategy is %q; it must be auto, weighted, priority, round_robin, least_latency or least_busy", name)
}

// Candidate is one target of a group.
type Candidate struct {
	Key Key
	// Weight is its share under Weighted and among equals; 0 means 1.
	Weight int
	// Priority orders the candidates under Priority, the highest first.
	Priority int
	// Default is tried when none is well, and is first in turn among equals. One
	// candidate may have it.
	Default bool
}

// Group is what a logical model is served by. It is safe for concurrent use.
// Make it with [Registry.NewGroup].
type Group struct {
	reg      *Registry
	strategy Strategy
	healths  []*Health // by the candidates' index

	// members are in the order of their turns.
	members []member
	mu      sync.Mutex // guards their credit
}

type member struct {
	index    int
	key      Key
	health   *Health
	weight   int64
	priority int64
	fallback bool // is the default
	// credit is what the candidate is owed: its weight for each call that it was
	// there for, less all weights for each that it got.
	credit int64
}

// NewGroup makes a group of at least one candidate, whose health is looked up
// by its key.
func (r *Registry) NewGroup(s Strategy, candidates []Candidate) (*Group, error) {
	s, err := ParseStrategy(string(s))
	if err != nil {
		return nil, err
	}
	if len(candidates) == 0 {
		return nil, errors.New("candidates is empty; a logical model needs at least one")
	}
	if err := check(candidates); err != nil {
		return nil, err
	}
	g := &Group{reg: r, strategy: s}
	for i, c := range candidates {
		h := r.Health(c.Key)
		g.healths = append(g.healths, h)
		m := member{index: i, key: c.Key, health: h, weight: int64(max(c.Weight, 1)), priority: int64(max(c.Priority, -math.MaxInt)), fallback: c.Default}
		if s == RoundRobin {
			m.weight = 1
		}
		if c.Default {
			g.members = slices.Insert(g.members, 0, m)
		} else {
			g.members = append(g.members, m)
		}
	}
	return g, nil
}

func check(candidates []Candidate) error {
	seen := make(map[Key]int, len(candidates))
	first := -1
	for i, c := range candidates {
		if c.Weight < 0 || c.Weight > math.MaxInt32 {
			return fmt.Errorf("candidates[%d].weight is %d; it must be from 0, which means 1, to %d", i, c.Weight, math.MaxInt32)
		}
		if other, ok := seen[c.Key]; ok {
			return fmt.Errorf("candidates[%d] is the same target as candidates[%d]; give that one more weight", i, other)
		}
		seen[c.Key] = i
		if c.Default && first >= 0 {
			return fmt.Errorf("candidates[%d].default is set, and so is that of candidates[%d]; one can be the default", i, first)
		}
		if c.Default {
			first = i
		}
	}
	return nil
}
