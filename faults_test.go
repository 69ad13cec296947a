package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// crossing is a caller's protocol before an upstream of the same or of another one.
type crossing struct {
	from, to   string
	caller, up wire
}

// crossings are all ways through the gateway.
func crossings() (list []crossing) {
	for from, caller := range wires {
		for to, up := range wires {
			list = append(list, crossing{from, to, caller, up})
		}
	}
	return list
}

func (c crossing) String() string { return c.from + " to " + c.to }

// relayed says that the upstream's bytes are the answer.
func (c crossing) relayed() bool { return c.from == c.to }

func (c crossing) bundle(url, more string) string {
	return strings.Replace(c.caller.bundle(&c.up, url, apiOf(c.to)), `"}}`, `"}`+more+`}`, 1)
}

// ask is a call of the caller's protocol.
func (c crossing) ask(stream bool) (path, body string) {
	switch {
	case !stream:
		return c.caller.path, fmt.Sprintf(c.caller.request, "")
	case c.caller.streamPath != "":
		return c.caller.streamPath, fmt.Sprintf(c.caller.request, "")
	}
	return c.caller.path, fmt.Sprintf(c.caller.request, `,"stream":true`)
}

// try makes such a call. The answer's err says that the connection broke, which it may
// do before its headers.
func (c crossing) try(t *testing.T, s *stack, stream bool) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	path, body := c.ask(stream)
	req, err := newRequest(ctx, s.URL+path, body)
	require.NoError(t, err)
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	return read(resp)
}

// mustFail checks that a call has failed as a caller of the protocol can tell: by its
// status, or by the last event of its stream, and never looks whole.
func (c crossing) mustFail(t *testing.T, got answer, streamed bool) (message string) {
	t.Helper()
	require.NoError(t, got.err, "the connection is not cut: such an answer has a way to say so")
	path, _ := c.ask(streamed)
	if streamed && got.Status == 200 {
		return requireBroken(t, path, got.Body, c.caller.end)
	}
	require.GreaterOrEqual(t, got.Status, 400, got.Body)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.NotEmpty(t, gjson.Get(got.Body, kindOfError(path)).Str, got.Body)
	return gjson.Get(got.Body, c.caller.errorText).Str
}

// kindOfError is where an error of the path's protocol has its kind.
func kindOfError(path string) string {
	if strings.HasPrefix(path, "/v1beta/") {
		return "error.status"
	}
	return "error.type"
}

// mustBreak is for an answer that is relayed and no stream: it has no way to say that it
// broke off but to break the connection.
func (c crossing) mustBreak(t *testing.T, got answer) {
	t.Helper()
	require.Error(t, got.err, "%d %s", got.Status, got.Body)
	require.False(t, gjson.Valid(got.Body), got.Body)
}

// What an upstream does wrong reaches the caller as an error of its own protocol, and is
// recorded once.
func TestFaults(t *testing.T) {
	faults := map[string]struct {
		fault  llmtest.Fault
		code   string // "" where the upstream says one itself
		begins bool   // good events come first, so it is of streams only
		inside bool   // an answer that is relayed has begun when it happens
	}{
		"before headers":   {fault: llmtest.Fault{Break: llmtest.BeforeHeaders}, code: "upstream_error"},
		"after headers":    {fault: llmtest.Fault{Break: llmtest.AfterHeaders}, code: "upstream_error", inside: true},
		"first event":      {fault: llmtest.Fault{Break: llmtest.MidEvent}, code: "upstream_error", inside: true},
		"mid event":        {fault: llmtest.Fault{Break: llmtest.MidEvent, After: 4}, code: "upstream_error", begins: true},
		"mid rune":         {fault: llmtest.Fault{Break: llmtest.MidRune}, code: "upstream_error", inside: true},
		"between events":   {fault: llmtest.Fault{Break: llmtest.Cut, After: 4}, code: "upstream_error", begins: true},
		"no terminator":    {fault: llmtest.Fault{Break: llmtest.End, After: 4}, code: "upstream_error", begins: true},
		"nothing":          {fault: llmtest.Fault{Break: llmtest.End}, code: "upstream_error", inside: true},
		"silent at once":   {fault: llmtest.Fault{Break: llmtest.Stall}, code: "upstream_timeout", inside: true},
		"silent":           {fault: llmtest.Fault{Break: llmtest.Stall, After: 4}, code: "upstream_timeout", begins: true},
		"never":            {fault: llmtest.Fault{Delay: time.Minute}, code: "upstream_timeout"},
		"an error event":   {fault: llmtest.Fault{Break: llmtest.ErrorEvent, After: 3, Message: "out of ü"}, begins: true},
		"a page":           {fault: llmtest.Fault{Status: 502, Body: llmtest.BodyHTML}, code: "upstream_error"},
		"a page with 200":  {fault: *llmtest.Raw(200, http.Header{"Content-Type": {"text/html"}}, []byte("<html>hello</html>")), code: "upstream_error"},
		"nothing with 500": {fault: llmtest.Fault{Status: 500, Body: llmtest.BodyEmpty}, code: "internal"},
		"a redirect":       {fault: llmtest.Fault{Redirect: "http://127.0.0.1:9/"}, code: "upstream_error"},
	}
	for _, c := range crossings() {
		t.Run(c.String(), func(t *testing.T) {
			up := newUpstream(t)
			patient := newGateway(t, c.bundle(up.URL, ""))
			hasty := newGateway(t, c.bundle(up.URL, ", network: {request_timeout_seconds: 0.1}"))
			for name, tt := range faults {
				s := patient
				if tt.code == "upstream_timeout" {
					s = hasty
				}
				for _, stream := range []bool{true, false} {
					if tt.begins && !stream {
						continue // an answer that is no stream is one event
					}
					t.Run(fmt.Sprint(name, " stream=", stream), func(t *testing.T) {
						// A fault in the queue would be the next call's where a hasty one never came.
						up.Script(func(llmtest.Recorded) *llmtest.Fault { return &tt.fault })
						got := c.try(t, s, stream)
						e := s.event(t)
						require.NoError(t, up.WaitIdle(t.Context()))
						require.Equal(t, 1, e.LLM.Attempts)
						require.Equal(t, stream, e.LLM.Stream)
						require.False(t, e.LLM.UsageFinalized)
						require.False(t, e.Success, "%+v", got)
						if tt.code != "" {
							require.Equal(t, tt.code, e.ErrorType, got.Body)
						}
						switch {
						case c.relayed() && tt.code == "": // nobody adds to what the upstream said itself
							require.NoError(t, got.err)
							require.NotContains(t, got.Body, c.caller.end)
							require.Equal(t, 1, strings.Count(got.Body, "out of ü"), got.Body)
							require.Contains(t, last(dataOf(t, got.Body)), "out of ü")
							return
						case c.relayed() && !stream && tt.inside:
							c.mustBreak(t, got)
							return
						}
						message := c.mustFail(t, got, stream)
						require.NotContains(t, got.Body, "<html>")
						if tt.code == "" {
							require.Contains(t, message, "out of ü")
						}
						if got.Status != 200 {
							require.Equal(t, got.Status, e.StatusCode)
							require.False(t, e.LLM.TotalTokens.Known)
						} else if tt.begins {
							require.True(t, e.LLM.TotalTokens.Known, "tokens are estimated once something came")
						}
					})
				}
			}
			require.Empty(t, patient.events, "each call is recorded once")
			require.Empty(t, hasty.events, "each call is recorded once")
		})
	}
}

func last(list []string) string { return list[len(list)-1] }
