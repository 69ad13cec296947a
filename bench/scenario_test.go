package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// one is the scenario of a name.
func one(t *testing.T, name string) scenario {
	t.Helper()
	all := scenarios()
	i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return all[i]
}

func TestRequestsHaveTheirSize(t *testing.T) {
	sizes := map[string][2]int{"small": {950, 1150}, "agent": {50_000, 52_000}, "stream": {100, 300}, "slow": {100, 300}}
	for _, s := range scenarios() {
		if s.mcp != "" {
			require.InDelta(t, 1024, len(s.body), 150)
			require.InDelta(t, 1024, len(toolResult), 300)
			continue
		}
		require.True(t, strings.HasPrefix(string(s.body), `{"model":"`+s.model+`"`), "the upstream looks for the first model")
		require.Greater(t, len(s.body), sizes[s.base()][0], s.name)
		require.Less(t, len(s.body), sizes[s.base()][1], s.name)
	}
	require.InDelta(t, 2048, len(prepare(one(t, "agent")).pieces[0]), 150)
	require.InDelta(t, 1024, len(prepare(one(t, "small")).pieces[0]), 150)
}

// What is compared has the same answers of the upstream.
func TestAnswersAreComparable(t *testing.T) {
	for _, s := range scenarios() {
		if s.mcp != "" {
			continue
		}
		a, base := prepare(s), prepare(one(t, s.base()))
		require.Len(t, a.pieces, len(base.pieces), s.name)
		require.Len(t, a.pieces, max(s.events, 1), s.name)
		if s.asks == messages {
			require.Equal(t, base, a, s.name)
		}
	}
}

// What is compared is measured together, and what only the gateway does by it alone.
func TestLegs(t *testing.T) {
	all := scenarios()
	groups := families([]scenario{one(t, "stream-translated"), one(t, "small"), one(t, "stream"), one(t, "small-limits")})
	require.Len(t, groups, 2)
	require.Equal(t, []string{"stream-translated", "stream"}, names(groups[0]))
	require.Equal(t, []string{"small", "small-limits"}, names(groups[1]))

	b := &bench{targets: []*target{{name: "direct"}, {name: "gateway"}}}
	order := func(round int) (said []string) {
		for _, l := range b.legs(families(all)[0], round) {
			said = append(said, l.t.name+" "+l.s.name)
			require.Equal(t, round, l.m.round)
		}
		return said
	}
	require.Equal(t, []string{"direct small", "gateway small", "gateway small-translated", "gateway small-limits"}, order(0))
	require.Equal(t, []string{"gateway small-limits", "gateway small-translated", "gateway small", "direct small"}, order(1))
	require.Equal(t, []string{"gateway small", "gateway small-translated", "gateway small-limits", "direct small"}, order(2))
	b.targets = b.targets[:1]
	require.Empty(t, b.legs([]scenario{one(t, "small-limits")}, 3))

	b.targets = []*target{{name: "direct"}, {name: "relay"}, {name: "reverseproxy"}, {name: "gateway"}}
	for name, by := range map[string][]string{"mcp-session": {"direct", "reverseproxy", "gateway"}, "mcp-stdio": {"direct", "gateway"}} {
		var said []string
		for _, l := range b.legs([]scenario{one(t, name)}, 0) {
			said = append(said, l.t.name)
		}
		require.Equal(t, by, said)
	}
}
