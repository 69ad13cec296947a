package gateway_test

import (
	"bufio"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// newGateway looks for goroutines that are left after each test; here there is
// most reason for some.
func TestNothingIsLeft(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "network: {request_timeout_seconds: 0.3, max_retries: 1, retry_delay_seconds: 0.001}"))
	faults := []llmtest.Fault{
		{}, {Status: 503}, {Break: llmtest.MidEvent, After: 2}, {Break: llmtest.Stall, After: 1}, {Break: llmtest.BeforeHeaders}, {Status: 401},
		{Delay: time.Second}, {HugeLine: 1 << 20}, {Break: llmtest.ErrorEvent, After: 1}, {Body: llmtest.BodyHTML, Status: 500},
	}
	var wg sync.WaitGroup
	for i := range 60 {
		up.Enqueue(faults[i%len(faults)])
		st := streams[i%len(streams)]
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			req, err := newRequest(ctx, s.URL+st.path, st.body)
			if err != nil {
				return
			}
			resp, err := s.client.Do(req)
			if err != nil {
				return
			}
			defer func() { _ = resp.Body.Close() }()
			if i%3 == 0 { // and some leave in the middle
				_, _ = bufio.NewReader(resp.Body).ReadString('\n')
				cancel()
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
		})
	}
	wg.Wait()
	for range 60 {
		s.event(t)
	}
	require.NoError(t, up.WaitIdle(t.Context()))
}

// Shutdown gives the connections back, and may be called twice, and by several.
func TestShutdown(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	s.do(t, "POST", "/v1/chat/completions", chatBody)
	s.do(t, "POST", "/v1/messages", messageBody)
	s.event(t)
	s.event(t)
	require.Equal(t, 2, up.OpenConns())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { _ = s.Shutdown(context.Background()) })
	}
	wg.Wait()
	require.NoError(t, s.Shutdown(t.Context()))
	require.Eventually(t, func() bool { return up.OpenConns() == 0 }, patience, time.Millisecond)
}

// writer stores events; it is slow.
type writer struct {
	mu     sync.Mutex
	events []*metrics.Event
}

func (w *writer) Write(_ context.Context, events []*metrics.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, events...)
	return nil
}

// Events that are queued are written before Shutdown returns.
func TestShutdownWritesEvents(t *testing.T) {
	up := newUpstream(t)
	w := new(writer)
	s := newGateway(t, oneProvider(up), gateway.WithEventWriter(w))
	for range 20 {
		s.do(t, "POST", "/v1/chat/completions", chatBody)
		s.event(t)
	}
	require.NoError(t, s.Shutdown(t.Context()))
	require.Len(t, w.events, 20)
}

// What the embedder gave stays open.
func TestShutdownLeavesWhatWasGiven(t *testing.T) {
	store, provider := configstore.NewMemory(), &closing{}
	gw, err := gateway.New(gateway.WithStore(store), gateway.WithProvider("mine", provider))
	require.NoError(t, err)
	require.NoError(t, gw.Shutdown(t.Context()))
	_, err = store.Load(t.Context())
	require.NoError(t, err)
	require.False(t, provider.closed)
	require.NoError(t, store.Close())
}

// Two gateways in one process do not know of each other.
func TestTwoGateways(t *testing.T) {
	upA, upB := newUpstream(t), newUpstream(t)
	a, b := newGateway(t, oneProvider(upA)), newGateway(t, withKeys(upB))
	require.Equal(t, 200, a.do(t, "POST", "/v1/chat/completions", chatBody).Status)
	require.Equal(t, 401, b.do(t, "POST", "/v1/chat/completions", chatBody).Status)
	require.Equal(t, 1, upA.Count())
	require.Zero(t, upB.Count())
	a.event(t)
	b.event(t)
	a.admin(t, 201, "POST", "/virtual_keys", `{"id":"mine","allowed_route_ids":["*"]}`)
	b.admin(t, 404, "GET", "/virtual_keys/mine", "")
	require.NoError(t, a.Shutdown(t.Context()))
	require.Equal(t, 200, b.do(t, "POST", "/v1/chat/completions", chatBody, "X-Api-Key", virtualKey).Status)
	b.event(t)
	require.Empty(t, a.events)
}

// Shutdown waits for what is under way, so that its event is not lost.
func TestShutdownWaitsForRequests(t *testing.T) {
	up := newUpstream(t)
	w := new(writer)
	s := newGateway(t, oneProvider(up), gateway.WithEventWriter(w))
	step := make(chan struct{}, 1)
	step <- struct{}{}
	up.Enqueue(llmtest.Fault{Step: step})
	resp := s.start(t, t.Context(), "POST", "/v1/messages", messageStream)
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	select {
	case <-done:
		t.Fatal("Shutdown did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	close(step)
	got := read(resp)
	require.NoError(t, got.err)
	require.Contains(t, got.Body, "message_stop")
	require.NoError(t, <-done)
	require.Len(t, w.events, 1)
	require.True(t, w.events[0].Success)
}
