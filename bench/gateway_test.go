package main

import (
	"bytes"
	"cmp"
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/metrics"
)

// seen is a sink that keeps events.
type seen struct {
	mu     sync.Mutex
	events []*metrics.Event
}

func (s *seen) Record(_ context.Context, e *metrics.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func (s *seen) take() (all []*metrics.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, s.events = s.events, nil
	return all
}

// are waits for the events of the calls of one scenario, and of what was sent before.
func (s *seen) are(t *testing.T, of scenario, calls, before int) {
	t.Helper()
	var all []*metrics.Event
	require.Eventually(t, func() bool { all = append(all, s.take()...); return len(all) == calls+before }, time.Minute, time.Millisecond)
	for i, e := range all {
		require.True(t, e.Success, e.ErrorType)
		if of.mcp != "" {
			if i >= before {
				require.Equal(t, "write_note", e.MCP.ToolName)
				require.Equal(t, of.mcp == mcpBare, e.MCP.ExecutionMode == "bare")
			}
			continue
		}
		require.Equal(t, of.upstreamModel(), e.LLM.Model)
		require.Equal(t, metrics.Count{N: 450, Known: true}, e.LLM.TotalTokens)
		require.Equal(t, strings.Trim(cmp.Or(of.route, "chat"), "/"), e.RouteID)
		if !of.limited {
			require.Nil(t, e.LLM.CostUSD, "its model has no price")
			continue
		}
		require.Equal(t, "limited", e.VirtualKeyID)
		require.Equal(t, of.model, e.LLM.LogicalModel)
		require.Contains(t, []string{"first", "second"}, e.LLM.ProviderID)
		require.NotNil(t, e.LLM.CostUSD, "the budget has something to count")
	}
}

// The limits are of the key that the scenarios use: with a limit of one call, they
// refuse the second.
func TestLimitsAreOn(t *testing.T) {
	s := one(t, "small-limits")
	up := serveUpstream(t, scenarios())
	tight := bytes.Replace(bundle("http://"+up), []byte("rpm: 1000000000"), []byte("rpm: 1"), 1)
	srv := httptest.NewServer(newGatewayOf(t, tight, &seen{}))
	defer srv.Close()
	callers, hangUp, err := connect(&target{addr: srv.Listener.Addr().String(), key: virtualKey}, s, 1)
	require.NoError(t, err)
	defer hangUp()
	o := driveFor(t.Context(), callers, 0, time.Minute)
	require.ErrorContains(t, o.err, "status 429")
	require.Equal(t, 2, o.requests)
}
