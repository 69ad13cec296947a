package gateway_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// The upstream's refusals in the caller's words, with what the caller can act on.
func TestFaultsThatAreRefusals(t *testing.T) {
	for _, c := range crossings() {
		t.Run(c.String(), func(t *testing.T) {
			up := newUpstream(t)
			s := newGateway(t, c.bundle(up.URL, ""))
			for status, want := range map[int]int{400: 400, 402: 402, 404: 404, 408: 408, 409: 409, 413: 413, 422: 422, 429: 429, 500: 500, 503: 503, 529: 529, 401: 502, 403: 502} {
				for _, stream := range []bool{true, false} {
					up.Enqueue(llmtest.Fault{Status: status, Message: "because of ü", RetryAfter: "7"})
					got := c.try(t, s, stream)
					if status == 529 && c.from != "messages" {
						want = 503 // the only protocol that has it
					}
					require.Equal(t, want, got.Status, "%d: %s", status, got.Body)
					message := c.mustFail(t, got, stream)
					if want == 502 {
						require.NotContains(t, got.Body, "ü")
					} else {
						require.Equal(t, "because of ü", message)
						require.Equal(t, "7", got.Header.Get("Retry-After"))
					}
					e := s.event(t)
					require.Equal(t, want, e.StatusCode)
					require.False(t, e.LLM.TotalTokens.Known)
				}
			}
			// Nobody is shown the gateway's key.
			up.Enqueue(llmtest.Fault{Status: 400, Message: "wrong key " + upstreamKey})
			require.NotContains(t, c.try(t, s, false).Body, upstreamKey)
			s.event(t)
		})
	}
}

// An upstream that compresses, though it was asked not to, is understood, and what it
// does wrong inside of that is seen.
func TestFaultsOfGzip(t *testing.T) {
	for _, c := range crossings() {
		t.Run(c.String(), func(t *testing.T) {
			up := newUpstream(t)
			s := newGateway(t, c.bundle(up.URL, ""))
			for _, stream := range []bool{false, true} {
				up.Enqueue(llmtest.Fault{Gzip: true})
				got := c.try(t, s, stream)
				require.NoError(t, got.err)
				require.NotContains(t, got.Header, "Content-Encoding")
				if stream {
					require.Contains(t, got.Body, c.caller.end)
					dataOf(t, got.Body)
				} else {
					require.NotEmpty(t, gjson.Get(got.Body, c.caller.text).Str, got.Body)
				}
				require.True(t, s.event(t).LLM.UsageFinalized)

				for _, broken := range []llmtest.Fault{
					{Gzip: true, Break: llmtest.AfterHeaders},
					{Gzip: true, Break: llmtest.MidEvent, Size: 1 << 20},
					// It only says that it is compressed.
					{Header: http.Header{"Content-Encoding": {"gzip"}}},
				} {
					up.Enqueue(broken)
					got = c.try(t, s, stream)
					if c.relayed() && !stream {
						c.mustBreak(t, got)
					} else {
						c.mustFail(t, got, stream)
					}
					require.Equal(t, "upstream_error", s.event(t).ErrorType, "%+v", broken)
				}
			}
		})
	}
}
