package metrics_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/metrics"
	"github.com/agent-gateway/agent-gateway/metrics/metricstest"
	"github.com/stretchr/testify/require"
)

func TestMemory(t *testing.T) {
	metricstest.Run(t, func(*testing.T) metricstest.Store {
		m := metrics.NewMemory(0)
		return metricstest.Store{Reader: m, Store: func(ctx context.Context, events ...*metrics.Event) error {
			for _, e := range events {
				m.Record(ctx, e)
			}
			return nil
		}}
	})
}

func TestMemoryKeepsTheLast(t *testing.T) {
	m := metrics.NewMemory(3)
	for i := range 5 {
		m.Record(t.Context(), metricstest.Event(fmt.Sprint(i), time.Duration(i)*time.Second))
	}
	page, err := m.LLMEvents(t.Context(), metrics.Query{})
	require.NoError(t, err)
	require.Len(t, page.Events, 3)
	require.Equal(t, "4", page.Events[0].EventID)
	require.Equal(t, "2", page.Events[2].EventID)
}
