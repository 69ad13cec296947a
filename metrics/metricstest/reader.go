// Package metricstest checks that a [metrics.Reader] answers as its interface
// promises.
package metricstest

import (
	"context"
	"testing"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/stretchr/testify/require"
)

// Store is what is checked: a reader, and the way in for its events.
type Store struct {
	metrics.Reader
	// Store keeps events; what it was given is readable when it returns.
	Store func(ctx context.Context, events ...*metrics.Event) error
}

// Run checks the stores that open returns, empty ones, which open also closes.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			for _, tc := range []struct {
				name string
				run  func(t *testing.T, s side)
			}{
				{"an empty store", testEmpty},
				{"an event comes back as it was", testRoundTrip},
				{"events come newest first", testOrder},
				{"pages join without gaps", testPages},
				{"pages stay stable while events come", testPagesWhileWriting},
				{"filters select", testFilters},
				{"bad queries are the asker's fault", testBadQueries},
				{"a done context ends a query", testContext},
			} {
				t.Run(tc.name, func(t *testing.T) { tc.run(t, side{open(t), k}) })
			}
			t.Run("the summary sums what is known", func(t *testing.T) { k.testSummary(t, open(t)) })
		})
	}
	t.Run("LLM tools select", func(t *testing.T) { testToolFilters(t, side{open(t), kinds[0]}) })
}

func store(t *testing.T, s Store, events ...*metrics.Event) {
	t.Helper()
	require.NoError(t, s.Store(t.Context(), events...))
}

func ids(events []*metrics.Event) []string {
	list := []string{}
	for _, e := range events {
		list = append(list, e.EventID)
	}
	return list
}
