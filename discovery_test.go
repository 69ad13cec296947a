package gateway_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/configstore/sqlite"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// A provider that is deleted takes with it what it has said, in the store too; one that is
// made anew under its id has said nothing, and may be asked at once.
func TestDeletedProvidersAreForgotten(t *testing.T) {
	up := newUpstream(t)
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	start := func() *stack {
		return newAdmin(t, gateway.WithStore(store), gateway.WithMasterKey([]byte(strings.Repeat("k", 32))))
	}
	s, other := start(), start()
	const discovered, refresh = "/llm/models/providers/p/discovered", "/llm/models/providers/p/refresh"
	count := func(s *stack) int64 { return s.admin(t, 200, "GET", discovered, "").Get("items.#").Int() }
	create := func() {
		s.admin(t, 201, "POST", "/llm/providers", providerAt("p", "openai", up.URL+"/v1"))
		require.Eventually(t, func() bool {
			return s.do(t, "GET", other.AdminURL+"/llm/providers/p", "").Status == 200
		}, patience, time.Millisecond)
	}
	create()
	s.admin(t, 200, "POST", refresh, "")
	require.Equal(t, int64(3), count(s))
	require.Equal(t, int64(3), count(other))
	s.admin(t, 200, "POST", "/llm/providers/p/disable", "")
	require.Equal(t, int64(3), count(s), "a disabled one is remembered")

	s.admin(t, 200, "DELETE", "/llm/providers/p", "")
	s.admin(t, 404, "GET", discovered, "")
	require.Eventually(t, func() bool {
		return s.do(t, "GET", other.AdminURL+"/llm/providers/p", "").Status == 404
	}, patience, time.Millisecond)
	create()
	require.Zero(t, count(s))
	require.Zero(t, count(other))
	require.Zero(t, count(start()), "after a restart")
}

// When asking failed is shown beside when the list is from.
func TestTimeOfAFailedDiscovery(t *testing.T) {
	up, clock := newUpstream(t), new(movable)
	s := newAdmin(t, gateway.WithClock(clock.now))
	const discovered, refresh = "/llm/models/providers/p/discovered", "/llm/models/providers/p/refresh"
	s.admin(t, 201, "POST", "/llm/providers", providerAt("p", "openai", up.URL+"/v1"))
	first := s.admin(t, 200, "POST", refresh, "").Get("items.0")
	require.Equal(t, "null", first.Get("last_error_at").Raw)
	for range 2 {
		clock.forward(time.Hour)
		up.Enqueue(llmtest.Fault{Status: 503})
		s.admin(t, 502, "POST", refresh, "")
		kept := s.admin(t, 200, "GET", discovered, "").Get("items.0")
		require.Equal(t, first.Get("fetched_at").Str, kept.Get("fetched_at").Str)
		require.WithinDuration(t, clock.now(), kept.Get("last_error_at").Time(), time.Minute)
	}
	clock.forward(time.Hour)
	again := s.admin(t, 200, "POST", refresh, "").Get("items.0")
	require.Equal(t, "null", again.Get("last_error_at").Raw)
	require.WithinDuration(t, clock.now(), again.Get("fetched_at").Time(), time.Minute)
}
