package gateway_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// A caller that leaves ends the call upstream, and pays for what it has got.
func TestCallerLeavesStream(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for _, st := range streams {
		t.Run(st.name, func(t *testing.T) {
			up.Enqueue(llmtest.Fault{Break: llmtest.Stall, After: 5})
			ctx, cancel := context.WithCancel(t.Context())
			resp := s.start(t, ctx, "POST", st.path, st.body)
			seen := bufio.NewReader(resp.Body)
			for n := 0; n < 5; {
				line, err := seen.ReadString('\n')
				require.NoError(t, err)
				if line == "\n" {
					n++
				}
			}
			cancel()
			within, stop := context.WithTimeout(t.Context(), soon)
			defer stop()
			require.NoError(t, up.WaitCanceled(within))
			_ = resp.Body.Close()
			e := s.event(t)
			require.Equal(t, 499, e.StatusCode)
			require.Equal(t, "canceled", e.ErrorType)
			require.False(t, e.Success)
			require.False(t, e.LLM.UsageFinalized)
			require.Positive(t, e.LLM.InputTokens.N)
			require.Positive(t, e.LLM.OutputTokens.N)
			require.Equal(t, e.LLM.InputTokens.N+e.LLM.OutputTokens.N, e.LLM.TotalTokens.N)
		})
	}
}

// A caller that leaves before anything came has consumed nothing that is known.
func TestCallerLeavesBeforeAnswer(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	up.Enqueue(llmtest.Fault{Delay: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/v1/messages", strings.NewReader(messageStream))
		if err == nil {
			_, err = s.client.Do(req)
		}
		failed <- err
	}()
	require.NoError(t, up.WaitCount(t.Context(), 1))
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	within, stop := context.WithTimeout(t.Context(), soon)
	defer stop()
	require.NoError(t, up.WaitCanceled(within))
	e := s.event(t)
	require.Equal(t, 499, e.StatusCode)
	require.False(t, e.LLM.TotalTokens.Known)
	require.Zero(t, e.LLM.TimeToFirstByte)
}

// A caller that does not read is given up on, and its upstream call with it.
func TestCallerStalls(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up), gateway.WithLimits(gateway.Limits{ClientStall: 200 * time.Millisecond}))
	up.Enqueue(llmtest.Fault{Size: 48 << 20, Chunks: 4000})
	resp := s.start(t, t.Context(), "POST", "/v1/chat/completions", chatStream)
	defer func() { _ = resp.Body.Close() }()
	e := s.event(t)
	require.Equal(t, "canceled", e.ErrorType)
	require.Equal(t, 499, e.StatusCode)
	require.NoError(t, up.WaitIdle(t.Context()))
}
