package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// A caller of Gemini's who wants a stream in one JSON array gets the error as the last of
// its elements, and the array is closed.
func TestFaultsInArray(t *testing.T) {
	for _, c := range crossings() {
		if c.from != "gemini" {
			continue
		}
		c.caller.streamPath = strings.TrimSuffix(c.caller.streamPath, "?alt=sse")
		up := newUpstream(t)
		s := newGateway(t, c.bundle(up.URL, ""))
		hasty := newGateway(t, c.bundle(up.URL, ", network: {request_timeout_seconds: 1}"))
		for name, fault := range map[string]llmtest.Fault{
			"after headers":  {Break: llmtest.AfterHeaders},
			"first event":    {Break: llmtest.MidEvent},
			"mid event":      {Break: llmtest.MidEvent, After: 3},
			"mid rune":       {Break: llmtest.MidRune},
			"between events": {Break: llmtest.Cut, After: 3},
			"no terminator":  {Break: llmtest.End, After: 3},
			"silent":         {Break: llmtest.Stall, After: 3},
			"an error event": {Break: llmtest.ErrorEvent, After: 3},
			"a long event":   {HugeLine: 9 << 20, After: 3},
		} {
			t.Run(fmt.Sprint(c, " ", name), func(t *testing.T) {
				s := s
				if name == "silent" {
					s = hasty
				}
				up.Enqueue(fault)
				got := c.try(t, s, true)
				require.NoError(t, got.err)
				require.Equal(t, 200, got.Status, got.Body)
				require.True(t, gjson.Valid(got.Body), got.Body)
				elements := gjson.Parse(got.Body).Array()
				require.NotEmpty(t, elements, got.Body)
				require.NotEmpty(t, elements[len(elements)-1].Get("error.status").Str, got.Body)
				require.NotContains(t, got.Body, c.caller.end)
				require.False(t, s.event(t).Success)
			})
		}
		up.Enqueue(llmtest.Fault{})
		got := c.try(t, s, true)
		require.Equal(t, "STOP", gjson.Get(got.Body, "@reverse.0.candidates.0.finishReason").Str, got.Body)
		require.True(t, s.event(t).Success)
	}
}
