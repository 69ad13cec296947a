package mcpproxy

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// discard takes events, and does nothing.
type discard struct{}

func (discard) Record(context.Context, *metrics.Event) {}

// A request that is late, for a service as it was, is served, and ends nothing of the
// service as it is; what it began is ended in its turn.
func TestLateRequest(t *testing.T) {
	h := &mcptest.HTTP{}
	url := h.Start(t)
	transport := streamable.New(streamable.Options{})
	service := func() *Service {
		return &Service{Config: mcp.Service{ID: "s", URL: url}, Transport: transport, TransportName: "streamable_http", Isolation: PerSession, MaxInstances: 4, MaxPerKey: 4, MaxKeyless: 4, IdleTTL: time.Hour}
	}
	var later atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	e := New(Limits{}, nil, discard{}, slog.New(slog.DiscardHandler), now)
	t.Cleanup(func() { require.NoError(t, e.Close(t.Context())) })
	old, changed := service(), service()
	e.Keep(map[string]*Service{"s": old})
	use := func(svc *Service) *instance {
		inst, err := e.own(t.Context(), svc, "")
		require.NoError(t, err)
		inst.end(now())
		return inst
	}
	first := use(old)
	e.Keep(map[string]*Service{"s": changed})
	require.Eventually(t, first.isDying, 10*time.Second, time.Millisecond)

	next, late := use(changed), use(old)
	require.False(t, late.isDying())
	e.Sweep()
	require.Eventually(t, late.isDying, 10*time.Second, time.Millisecond)
	require.False(t, next.isDying())
	require.Same(t, next, use(changed))

	require.Eventually(t, func() bool { return len(e.pools.of(old).list()) == 0 }, 10*time.Second, time.Millisecond)
	later.Store(int64(lateBy + time.Second))
	e.Sweep()
	require.Len(t, e.pools.byService, 1)
}

// An upstream session that is ending takes nobody, and one that is used does not end for
// being idle.
func TestUsedOrEnding(t *testing.T) {
	i := &instance{}
	now := time.Now()
	require.True(t, i.begin())
	require.False(t, i.die(now.Add(time.Hour), time.Minute))
	i.end(now)
	require.False(t, i.die(now.Add(time.Second), time.Minute))
	require.True(t, i.die(now.Add(time.Hour), time.Minute))
	require.False(t, i.begin())
	require.False(t, i.die(now, always))
}
