package models

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
)

// A call of several iterations is billed at the price of each one's model, each in the
// tier of its own prompt, and rounded once.
func TestCostOfIterations(t *testing.T) {
	rates := func(n int64) Rates { return Rates{Input: llm.Known(n), Output: llm.Known(n), Request: llm.Known(7)} }
	prices := map[string]*Price{
		"":       {periods: []period{{base: rates(1e6), tiers: []tier{{above: 100, rates: rates(2e6)}}}}},
		"dear":   {periods: []period{{base: rates(1e9)}}},
		"halves": {periods: []period{{base: rates(500_000)}}},
	}
	own := func(n int64) llm.Iteration { return llm.Iteration{Usage: usage(n, 0, 0, 0)} }
	beyond := func(model string, n int64) llm.Iteration {
		return llm.Iteration{Model: model, Beyond: true, Usage: usage(n, 0, 0, 0)}
	}
	unknown := beyond("", 0)
	unknown.Input = llm.Count{}
	for name, c := range map[string]struct {
		list  llm.Iterations
		want  int64
		known bool
	}{
		"none":                      {nil, 2*150 + 7, true},
		"of short prompts":          {llm.Iterations{own(80), own(70)}, 150 + 7, true},
		"a long prompt beyond":      {llm.Iterations{beyond("", 101), own(80), own(70)}, 2*101 + 150 + 7, true},
		"another model":             {llm.Iterations{beyond("dear", 3), own(80), own(70)}, 3000 + 150 + 7, true},
		"rounded once":              {llm.Iterations{beyond("halves", 1), beyond("halves", 1), own(80), own(70)}, 1 + 150 + 7, true},
		"a model that nobody knows": {llm.Iterations{beyond("unknown", 3), own(80), own(70)}, 0, false},
		"one that was not counted":  {llm.Iterations{unknown, own(80), own(70)}, 0, false},
		"fewer than the counts":     {llm.Iterations{own(20)}, 20 + 2*130 + 7, true},
	} {
		u := usage(150, 0, 0, 0)
		if c.list != nil {
			u.Iterations = &c.list
		}
		got, known := Cost(u, when, func(model string) *Price { return prices[model] })
		require.Equal(t, c.known, known, name)
		require.Equal(t, c.want, got, name)
	}
	u := usage(150, 0, 0, 0)
	u.Iterations = &llm.Iterations{beyond("dear", 3)}
	got, known := prices[""].Cost(u, when)
	require.Equal(t, int64(307), got, "the price of one model says nothing of the others")
	require.True(t, known)
}

func TestCostAllocatesNothing(t *testing.T) {
	p, u := each(1e6), usage(1, 2, 3, 4)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = Cost(u, when, func(string) *Price { return p }) }))
}
