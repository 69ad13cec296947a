package main

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// TestBudgetOutlivesCrashes kills agwd under load, again and again. What was spent stays
// spent, and what is lost is no more than was leased.
func TestBudgetOutlivesCrashes(t *testing.T) {
	t.Parallel()
	const (
		callers = 8
		budget  = 60_000
		perCall = llmtest.InputTokens + llmtest.CacheReadTokens + llmtest.CacheWriteTokens + llmtest.OutputTokens
		held    = 120 // what a call is estimated at, and a bit: it is never exceeded
		crashes = 3
	)
	up := llmtest.NewUpstream(t)
	s := setup{dir: t.TempDir()}
	body := strings.Replace(question("hello"), "{", `{"max_tokens":100,`, 1)
	p := s.start(t)
	p.apply(strings.Replace(bundleFor(up.URL), `allowed_route_ids: ["*"]`, `allowed_route_ids: ["*"], budget: {tokens: 60000, period: total}`, 1))

	// load asks until the budget is used up, or until stop.
	load := func(stop context.Context, answered, refused *atomic.Int64) {
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for stop.Err() == nil {
					r, err := try("POST", p.data+"/v1/chat/completions", body, "Authorization: Bearer "+everyKey)
					switch {
					case err != nil: // it was killed
					case r.status == 200:
						answered.Add(1)
					case r.status == 429:
						refused.Add(1)
						return
					default:
						t.Errorf("status %d: %s", r.status, r.body)
						return
					}
				}
			})
		}
		all.Wait()
	}
	for range crashes {
		stop, cancel := context.WithCancel(t.Context())
		var answered, refused atomic.Int64
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			load(stop, &answered, &refused)
		}()
		eventually(t, "some answers", func() bool { return answered.Load() > 150 })
		p.kill()
		cancel()
		<-ended
		require.Zero(t, refused.Load(), "%d calls", up.Count())
		p = s.start(t)
		used := p.askAdmin("GET", "virtual_keys/every/usage", "").get(`items.#(limit=="budget_tokens").used`).Int()
		require.GreaterOrEqual(t, used, int64(up.Count()-callers)*perCall, "what was spent is known")
		require.LessOrEqual(t, used, int64(budget))
	}
	var answered, refused atomic.Int64
	load(t.Context(), &answered, &refused)
	require.EqualValues(t, callers, refused.Load())
	spent := up.Count() * perCall
	t.Logf("%d calls spent %d of %d tokens", up.Count(), spent, budget)
	require.LessOrEqual(t, spent, budget)
	// Each crash loses the slice that was leased, and what the calls under way held.
	require.GreaterOrEqual(t, spent, budget-(crashes+1)*(budget/16+2*callers*held))
	require.Zero(t, p.terminate())
}
