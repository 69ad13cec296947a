package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

type event struct {
	RouteProtocol  string `json:"route_protocol"`
	Success        bool   `json:"success"`
	StatusCode     int    `json:"status_code"`
	Stream         bool   `json:"stream"`
	InputTokens    *int64 `json:"input_tokens"`
	OutputTokens   *int64 `json:"output_tokens"`
	CacheRead      *int64 `json:"cache_read_tokens"`
	CacheWrite     *int64 `json:"cache_write_tokens"`
	UsageFinalized bool   `json:"usage_finalized"`
}

// events waits until there are n, newest first; they are written in batches.
func events(t *testing.T, n int) []event {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		var list struct{ Items []event }
		admin(t, "/admin/metrics/llm/events?limit=1000", &list)
		if len(list.Items) >= n || time.Now().After(deadline) {
			require.Len(t, list.Items, n)
			return list.Items
		}
		<-time.After(50 * time.Millisecond)
	}
}

func TestEvents(t *testing.T) {
	if direct {
		return
	}
	ctx := begin(t)
	// Other tests' events may still be on their way: one more, and then there is quiet.
	require.NoError(t, dialects[0].ask(ctx, "", stack.key, "hello", 0))
	seen := settled(t)
	known := func(n int64) *int64 { return &n }
	for _, d := range dialects {
		for _, stream := range []bool{false, true} {
			if stream {
				require.NoError(t, d.stream(ctx, "hello", nothing))
			} else {
				require.NoError(t, d.ask(ctx, "", stack.key, "hello", 0))
			}
			seen++
			require.Equal(t, event{
				RouteProtocol: d.name, Success: true, StatusCode: 200, Stream: stream, UsageFinalized: true,
				InputTokens: known(prompt), OutputTokens: known(llmtest.OutputTokens),
				CacheRead: known(llmtest.CacheReadTokens), CacheWrite: known(llmtest.CacheWriteTokens),
			}, events(t, seen)[0])
		}
	}
}

// settled is the number of events when it has not changed for a while.
func settled(t *testing.T) int {
	t.Helper()
	for last := -1; ; {
		var list struct{ Items []event }
		admin(t, "/admin/metrics/llm/events?limit=1000", &list)
		if len(list.Items) == last {
			return last
		}
		last = len(list.Items)
		<-time.After(time.Second)
	}
}
