package gateway_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// Whatever way a call ends, what it held is given back, once, and what it took is booked.
func TestReservationsEnd(t *testing.T) {
	up := newUpstream(t)
	const budget = ", rate_limit: {concurrency: 3, tpm: 100000000}, budget: {tokens: 100000000, usd: 100000, period: total}"
	s := newGateway(t, strings.Replace(limited(up, "openai", budget, "timeouts: {first_byte_seconds: 0.2}"), "\nllmRoutes:", "\nllmRoutes:\n- {id: t, protocol: openai, match_policy: {path_prefix: /t}, auth_policy: {require_virtual_key: true}, target_policy: {provider_target: {provider_id: ant}}, policy: {timeouts: {first_byte_seconds: 0.2}}}", 1),
		gateway.WithLimits(gateway.Limits{Answer: 4096, Event: 64 << 10}))
	faults := map[string]struct {
		fault  llmtest.Fault
		stream bool
		body   string // "" for the usual one
		billed bool   // tokens are booked
	}{
		"a good answer":           {llmtest.Fault{}, false, "", true},
		"a good stream":           {llmtest.Fault{}, true, "", true},
		"no upstream":             {llmtest.Fault{Break: llmtest.BeforeHeaders}, false, "", false},
		"refused":                 {llmtest.Fault{Status: 400}, false, "", false},
		"its key is refused":      {llmtest.Fault{Status: 401}, false, "", false},
		"busy":                    {llmtest.Fault{Status: 503}, true, "", false},
		"a page":                  {llmtest.Fault{Status: 500, Body: llmtest.BodyHTML}, false, "", false},
		"too slow":                {llmtest.Fault{Delay: time.Minute}, true, "", false},
		"a redirect":              {llmtest.Fault{Redirect: "http://127.0.0.1:9/"}, false, "", false},
		"an answer breaks":        {llmtest.Fault{Break: llmtest.MidEvent, Size: 1 << 20}, false, "", false},
		"a stream breaks at once": {llmtest.Fault{Break: llmtest.AfterHeaders}, true, "", false},
		"a stream breaks":         {llmtest.Fault{Break: llmtest.Cut, After: 3}, true, "", true},
		"a stream fails":          {llmtest.Fault{Break: llmtest.ErrorEvent, After: 3}, true, "", true},
		"a stream has no end":     {llmtest.Fault{Break: llmtest.End, After: 3}, true, "", true},
		"an event is too long":    {llmtest.Fault{HugeLine: 1 << 20, After: 3}, true, "", true},
		"the answer is too long":  {llmtest.Fault{Size: 64 << 10}, false, "", false},
		"not JSON":                {*llmtest.Raw(200, http.Header{"Content-Type": {"application/json"}}, []byte(`{"a":`)), false, "", false},
		"cannot be said":          {llmtest.Fault{}, false, `{"model":"m","n":3,"messages":[{"role":"user","content":"hi"}]}`, false},
		"nonsense":                {llmtest.Fault{}, false, `{"model":"m","messages":7}`, false},
	}
	for name, tt := range faults {
		for _, prefix := range []string{"", "/t"} {
			if prefix == "" && (name == "the answer is too long" || name == "not JSON" || tt.body != "") {
				continue // these are what only a translation minds
			}
			t.Run(name+strings.ReplaceAll(prefix, "/", " "), func(t *testing.T) {
				up.Reset()
				up.Enqueue(tt.fault)
				body := tt.body
				if body == "" {
					body = map[bool]string{true: chatStream, false: chatBody}[tt.stream]
				}
				before := s.usage(t)
				req, err := newRequest(t.Context(), s.URL+prefix+"/v1/chat/completions", body)
				require.NoError(t, err)
				req.Header.Set("X-Api-Key", virtualKey)
				if resp, err := s.client.Do(req); err == nil {
					read(resp)
				}
				e := s.event(t)
				after := s.usage(t)
				require.Zero(t, after["concurrency"].Get("used").Int(), "%+v", e)
				took := after["budget_tokens"].Get("used").Int() - before["budget_tokens"].Get("used").Int()
				cost := after["budget_usd"].Get("used").Num - before["budget_usd"].Get("used").Num
				// The half of an answer that is no stream is kept back where it is translated,
				// and else it may have gone out before the break was seen, or not.
				billed := tt.billed || name == "an answer breaks" && e.LLM.TimeToFirstByte > 0
				require.Equal(t, billed, took > 0, "%d tokens: %+v", took, e.LLM)
				require.Equal(t, e.LLM.TotalTokens.N, took, "what the event says is what is booked")
				require.InDelta(t, float64(took)/1000, cost, 1e-9)
				if e.LLM.TotalTokens.Known {
					require.InDelta(t, float64(took)/1000, *e.LLM.CostUSD, 1e-9)
				}
			})
		}
	}
}

// A caller that goes away pays for what was made for it, and holds nothing any more.
func TestAbortedCallsAreSettled(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, limited(up, "openai", ", rate_limit: {concurrency: 3}, budget: {tokens: 1000000, period: total}", ""))
	leave := func(t *testing.T, body string, lines int) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		req, err := newRequest(ctx, s.URL+"/v1/chat/completions", body)
		require.NoError(t, err)
		req.Header.Set("X-Api-Key", virtualKey)
		if lines == 0 {
			before := up.Count()
			go func() { _ = up.WaitCount(t.Context(), before+1); cancel() }()
			_, err = s.client.Do(req)
			require.ErrorIs(t, err, context.Canceled)
			return
		}
		resp, err := s.client.Do(req)
		require.NoError(t, err)
		in := bufio.NewReader(resp.Body)
		for range lines {
			_, err := in.ReadString('\n')
			require.NoError(t, err)
		}
		cancel()
		_, _ = io.Copy(io.Discard, in)
		_ = resp.Body.Close()
	}
	total := int64(0)
	up.Enqueue(llmtest.Fault{Break: llmtest.Stall, After: 4})
	leave(t, chatStream, 6)
	e := s.event(t)
	require.Equal(t, "canceled", e.ErrorType)
	require.True(t, e.LLM.TotalTokens.Known)
	require.False(t, e.LLM.UsageFinalized)
	total += e.LLM.TotalTokens.N
	require.Positive(t, total)
	require.Equal(t, total, s.usage(t)["budget_tokens"].Get("used").Int())

	up.Enqueue(llmtest.Fault{Delay: time.Minute})
	leave(t, chatBody, 0)
	require.Equal(t, "canceled", s.event(t).ErrorType)
	used := s.usage(t)["budget_tokens"].Get("used").Int()
	require.Greater(t, used, total, "who leaves before the first byte pays for the prompt")
	require.Less(t, used, total+20)
	require.Zero(t, s.usage(t)["concurrency"].Get("used").Int())
	require.NoError(t, up.WaitIdle(t.Context()))
}
