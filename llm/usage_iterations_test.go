package llm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func used(input, output int64) Usage { return Usage{Input: Known(input), Output: Known(output)} }

func TestParts(t *testing.T) {
	type part struct {
		model string
		Usage
	}
	for name, c := range map[string]struct {
		counts Usage
		list   Iterations
		want   []part
		sum    Usage
	}{
		"no iterations":             {used(5, 2), nil, []part{{"", used(5, 2)}}, used(5, 2)},
		"a compaction alone":        {used(5, 2), Iterations{{Beyond: true, Usage: used(100, 10)}}, []part{{"", used(100, 10)}, {"", used(5, 2)}}, used(105, 12)},
		"one beyond and one within": {used(5, 2), Iterations{{Model: "a", Beyond: true, Usage: used(100, 10)}, {Usage: used(5, 2)}}, []part{{"a", used(100, 10)}, {"", used(5, 2)}}, used(105, 12)},
		"the counts have more":      {used(9, 2), Iterations{{Usage: used(5, 2)}}, []part{{"", used(5, 2)}, {"", used(4, 0)}}, used(9, 2)},
		"the counts have less":      {used(5, 2), Iterations{{Usage: used(5, 1)}, {Usage: used(6, 1)}}, []part{{"", used(5, 1)}, {"", used(6, 1)}}, used(11, 2)},
		"no counts":                 {Usage{}, Iterations{{Usage: used(5, 1)}}, []part{{"", used(5, 1)}}, used(5, 1)},
		"nothing is known":          {Usage{}, nil, []part{{"", Usage{}}}, Usage{}},
		"at the limit":              {used(maxCount, 0), Iterations{{Beyond: true, Usage: used(maxCount, 0)}}, []part{{"", used(maxCount, 0)}, {"", used(maxCount, 0)}}, used(maxCount, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			if c.list != nil {
				c.counts.Iterations = &c.list
			}
			c.counts.Final, c.sum.Final = true, true
			var got []part
			for model, u := range c.counts.Parts() {
				u.Final = false
				got = append(got, part{model, u})
			}
			require.Equal(t, c.want, got)
			require.Equal(t, c.sum, c.counts.Billed())
			for range c.counts.Parts() {
				break
			}
		})
	}
}

// However many an upstream tells of, few are kept and all are summed.
func TestIterationsAreBounded(t *testing.T) {
	var list Iterations
	const many = 10_000
	for i := range many {
		list.Add(Iteration{Model: []string{"", "a", "b"}[i%3], Beyond: i%2 == 0, Usage: used(2, 1)})
	}
	for range many {
		list.Add(Iteration{Model: "late", Usage: used(2, 1)})
	}
	require.Len(t, list, maxIterations)
	require.Equal(t, used(4*many, 2*many), Usage{Iterations: &list}.Billed())
	for range many {
		list.Add(Iteration{Usage: used(maxCount, maxCount)})
	}
	require.Equal(t, Count{maxCount, true}, Usage{Iterations: &list}.Billed().Output)
}
