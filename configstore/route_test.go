package configstore

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModelTargetMatch(t *testing.T) {
	for _, c := range []struct {
		name, upstream, model string
		star                  string
		ok                    bool
	}{
		{"m", "x", "m", "", true},
		{"m", "x", "mm", "", false},
		{"m", "x", "", "", false},
		{"gpt-*", "gpt-*", "gpt-5", "5", true},
		{"gpt-*", "gpt-*", "gpt-*", "*", true},
		{"gpt-4o*", "gpt-4o*", "gpt-4o", "", true},
		{"gpt-4o*", "gpt-4o*", "gpt-4", "", false},
		{"gpt-*", "gpt-*", "gpt-", "", true},
		{"a*a", "x", "a", "", false},
		{"a*a", "x", "aa", "", true},
		{"a*a", "x", "aba", "b", true},
		{"own/*", "*", "own/llama", "llama", true},
		{"own/*", "*", "own/", "", false},
		{"own/*", "fixed", "own/", "", true},
		{"*", "any/*", "x", "x", true},
		{"*", "any/*", "", "", false},
	} {
		target := ModelTarget{Name: c.name, Candidates: []ModelCandidate{{ProviderID: "p", UpstreamModel: c.upstream}}}
		star, ok := target.Match(c.model)
		require.Equal(t, c.ok, ok, c)
		require.Equal(t, c.star, star, c)

		// A default that is accepted is one that the target takes.
		route := LLMRoute{ID: "r", Protocol: "openai", MatchPolicy: MatchPolicy{PathPrefix: "/"},
			TargetPolicy: TargetPolicy{DefaultModel: c.model, ModelTargets: []ModelTarget{target}}}
		faults := route.Validate()
		if c.ok || c.model == "" {
			require.Empty(t, faults, c)
			continue
		}
		require.Len(t, faults, 1, c)
		require.Equal(t, "target_policy.default_model", faults[0].Field)
	}
}
