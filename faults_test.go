package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// crossing is a caller's protocol before an upstream of another.
type crossing struct {
	protocol, provider, base, options string
	path, plain, stream, terminator   string
	text                              string // where a complete answer says something
}

var crossings = map[string]crossing{
	"chat to messages":      {"openai", "anthropic", "", "", "/v1/chat/completions", chatBody, chatStream, "[DONE]", "choices.0.message.content"},
	"responses to messages": {"openai", "anthropic", "", "", "/v1/responses", `{"model":"m","input":"hi"}`, `{"model":"m","input":"hi","stream":true}`, "response.completed", "output.0.content.0.text"},
	"messages to chat":      {"anthropic", "openai_compatible", "/v1", "", "/v1/messages", messageBody, messageStream, "message_stop", "content.0.text"},
	"messages to responses": {"anthropic", "openai", "/v1", ", options: {api: responses}", "/v1/messages", messageBody, messageStream, "message_stop", "content.0.text"},
	"chat to responses":     {"openai", "openai_compatible", "/v1", ", options: {api: responses}", "/v1/chat/completions", chatBody, chatStream, "[DONE]", "choices.0.message.content"},
}

func (c crossing) bundle(url, more string) string {
	return fmt.Sprintf(`
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
providers:
- {id: up, provider_type: %s, base_url: "%s%s", api_key: %s%s%s}
llmRoutes:
- {id: r, protocol: %s, match_policy: {path_prefix: /}, target_policy: {provider_target: {provider_id: up}}}
`, c.provider, url, c.base, upstreamKey, c.options, more, c.protocol)
}

// mustFail checks that a call has failed as a caller of the protocol can tell: by its
// status, or by the last event of its stream, and never looks whole.
func (c crossing) mustFail(t *testing.T, got answer, streamed bool) (message string) {
	t.Helper()
	require.NoError(t, got.err, "the connection is not cut: a translated answer has a way to say so")
	if streamed && got.Status == 200 {
		return requireBroken(t, c.path, got.Body, c.terminator)
	}
	require.GreaterOrEqual(t, got.Status, 400, got.Body)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.NotEmpty(t, gjson.Get(got.Body, "error.type").Str, got.Body)
	return gjson.Get(got.Body, "error.message").Str
}

// What an upstream of another protocol does wrong reaches the caller as an error of its
// own, and is recorded once.
func TestTranslatedFaults(t *testing.T) {
	faults := map[string]struct {
		fault llmtest.Fault
		code  string
	}{
		"before headers":   {llmtest.Fault{Break: llmtest.BeforeHeaders}, "upstream_error"},
		"after headers":    {llmtest.Fault{Break: llmtest.AfterHeaders}, "upstream_error"},
		"first event":      {llmtest.Fault{Break: llmtest.MidEvent}, "upstream_error"},
		"mid event":        {llmtest.Fault{Break: llmtest.MidEvent, After: 4}, "upstream_error"},
		"mid rune":         {llmtest.Fault{Break: llmtest.MidRune}, "upstream_error"},
		"between events":   {llmtest.Fault{Break: llmtest.Cut, After: 4}, "upstream_error"},
		"no terminator":    {llmtest.Fault{Break: llmtest.End, After: 4}, "upstream_error"},
		"nothing":          {llmtest.Fault{Break: llmtest.End}, "upstream_error"},
		"silent at once":   {llmtest.Fault{Break: llmtest.Stall}, "upstream_timeout"},
		"silent":           {llmtest.Fault{Break: llmtest.Stall, After: 4}, "upstream_timeout"},
		"never":            {llmtest.Fault{Delay: time.Minute}, "upstream_timeout"},
		"an error event":   {llmtest.Fault{Break: llmtest.ErrorEvent, After: 3, Message: "out of ü"}, ""},
		"a page":           {llmtest.Fault{Status: 502, Body: llmtest.BodyHTML}, "upstream_error"},
		"a page with 200":  {*llmtest.Raw(200, http.Header{"Content-Type": {"text/html"}}, []byte("<html>hello</html>")), "upstream_error"},
		"nothing with 500": {llmtest.Fault{Status: 500, Body: llmtest.BodyEmpty}, "internal"},
		"a redirect":       {llmtest.Fault{Redirect: "http://127.0.0.1:9/"}, "upstream_error"},
	}
	for cross, c := range crossings {
		up := newUpstream(t)
		patient := newGateway(t, c.bundle(up.URL, ""))
		hasty := newGateway(t, c.bundle(up.URL, ", network: {request_timeout_seconds: 0.05}"))
		for name, tt := range faults {
			s := patient
			if tt.code == "upstream_timeout" {
				s = hasty
			}
			for _, stream := range []bool{true, false} {
				partial := strings.HasPrefix(name, "mid") || name == "between events" || name == "no terminator" || name == "silent" || name == "an error event"
				if partial && !stream && name != "mid rune" {
					continue // an answer that is no stream is one event
				}
				t.Run(fmt.Sprint(cross, " ", name, " stream=", stream), func(t *testing.T) {
					up.Enqueue(tt.fault)
					got := s.do(t, "POST", c.path, map[bool]string{true: c.stream, false: c.plain}[stream])
					e := s.event(t)
					message := c.mustFail(t, got, stream)
					require.NotContains(t, got.Body, "<html>")
					require.False(t, e.Success)
					require.False(t, e.LLM.UsageFinalized)
					require.Equal(t, 1, e.LLM.Attempts)
					require.Equal(t, stream, e.LLM.Stream)
					if tt.code != "" {
						require.Equal(t, tt.code, e.ErrorType, got.Body)
					} else {
						require.Contains(t, message, "out of ü")
					}
					if got.Status != 200 {
						require.Equal(t, got.Status, e.StatusCode)
						require.False(t, e.LLM.TotalTokens.Known)
					} else if partial && name != "mid rune" {
						require.True(t, e.LLM.TotalTokens.Known, "tokens are estimated once something came")
					}
					require.NoError(t, up.WaitIdle(t.Context()))
				})
			}
		}
	}
}

// The upstream's refusals in the caller's words, with what the caller can act on.
func TestTranslatedRefusals(t *testing.T) {
	for cross, c := range crossings {
		up := newUpstream(t)
		s := newGateway(t, c.bundle(up.URL, ""))
		for status, want := range map[int]int{400: 400, 402: 402, 404: 404, 408: 408, 409: 409, 413: 413, 422: 422, 429: 429, 500: 500, 503: 503, 529: 529, 401: 502, 403: 502} {
			up.Enqueue(llmtest.Fault{Status: status, Message: "because of ü", RetryAfter: "7"})
			got := s.do(t, "POST", c.path, c.stream)
			if status == 529 && c.protocol == "openai" {
				want = 503
			}
			require.Equal(t, want, got.Status, "%s %d: %s", cross, status, got.Body)
			message := c.mustFail(t, got, false)
			if want == 502 {
				require.NotContains(t, message, "ü")
			} else {
				require.Equal(t, "because of ü", message)
				require.Equal(t, "7", got.Header.Get("Retry-After"))
			}
			e := s.event(t)
			require.Equal(t, want, e.StatusCode)
			require.False(t, e.LLM.TotalTokens.Known)
		}
		// Nobody is shown the gateway's key.
		up.Enqueue(llmtest.Fault{Status: 400, Message: "wrong key " + upstreamKey})
		require.NotContains(t, s.do(t, "POST", c.path, c.plain).Body, upstreamKey)
		s.event(t)
	}
}

// An upstream that compresses, though it was asked not to, is understood.
func TestTranslatedGzip(t *testing.T) {
	for cross, c := range crossings {
		up := newUpstream(t)
		s := newGateway(t, c.bundle(up.URL, ""))
		for _, body := range []string{c.plain, c.stream} {
			up.Enqueue(llmtest.Fault{Gzip: true})
			got := s.do(t, "POST", c.path, body)
			require.NoError(t, got.err)
			require.NotContains(t, got.Header, "Content-Encoding")
			if body == c.stream {
				require.Contains(t, got.Body, c.terminator)
				dataOf(t, got.Body)
			} else {
				require.NotEmpty(t, gjson.Get(got.Body, c.text).Str, "%s: %s", cross, got.Body)
			}
			require.True(t, s.event(t).LLM.UsageFinalized)
		}
	}
}

// A hundred callers whose calls all fail do not multiply what the upstream has to bear.
func TestTranslatedRetryStorm(t *testing.T) {
	const callers = 100
	c := crossings["messages to chat"]
	up := newUpstream(t)
	s := newGateway(t, c.bundle(up.URL, ", network: {max_retries: 3, retry_delay_seconds: 0.001}"))
	up.Script(func(llmtest.Recorded) *llmtest.Fault { return &llmtest.Fault{Status: 429} })
	var wg sync.WaitGroup
	var limited, final atomic.Int64
	for range callers {
		wg.Go(func() {
			req, err := newRequest(t.Context(), s.URL+c.path, c.stream)
			if err != nil {
				return
			}
			resp, err := s.client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			got := read(resp)
			if got.Status == 429 && gjson.Get(got.Body, "error.type").Str == "rate_limit_error" {
				limited.Add(1)
			}
			if got.Header.Get("X-Should-Retry") == "false" {
				final.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, callers, limited.Load())
	require.LessOrEqual(t, up.Count(), callers*12/10)
	require.Positive(t, final.Load())
	for range callers {
		s.event(t)
	}
}

// endlessLine is an upstream whose stream has a line of a gigabyte in it. It counts what
// it could get rid of.
func endlessLine(t *testing.T, begin string) (url string, written *atomic.Int64) {
	written = new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, begin+"data: \"")
		piece := []byte(strings.Repeat("x", 64<<10))
		for range 1 << 30 / len(piece) {
			n, err := w.Write(piece)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, written
}

// One event is bounded, and so is the memory that it takes.
func TestTranslatedEventBound(t *testing.T) {
	const chunk = `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]}` + "\n\n"
	c := crossings["messages to chat"]
	url, written := endlessLine(t, chunk)
	s := newGateway(t, c.bundle(url, ""))
	var before, after runtime.MemStats
	for _, body := range []string{c.stream, c.plain} {
		runtime.ReadMemStats(&before)
		got := s.do(t, "POST", c.path, body)
		runtime.ReadMemStats(&after)
		require.Contains(t, c.mustFail(t, got, body == c.stream), "8388608 bytes")
		require.Less(t, len(got.Body), 8<<10)
		require.Equal(t, "upstream_error", s.event(t).ErrorType)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
	}
	s.client.CloseIdleConnections()
	require.Less(t, written.Load(), int64(256<<20), "the upstream is cut off")

	// A big one is fine, and becomes as many of the caller's as it holds.
	up := newUpstream(t)
	s = newGateway(t, c.bundle(up.URL, ""))
	up.Enqueue(llmtest.Fault{Size: 1 << 20, Chunks: 1})
	got := s.do(t, "POST", c.path, c.stream)
	require.Contains(t, got.Body, c.terminator)
	require.Greater(t, len(got.Body), 1<<20)
	require.True(t, s.event(t).Success)
}

// An answer that is read whole is bounded too, be it one text or a stream for a caller
// who wants none.
func TestTranslatedAnswerBound(t *testing.T) {
	for cross, c := range crossings {
		up := newUpstream(t)
		s := newGateway(t, c.bundle(up.URL, ""), gateway.WithLimits(gateway.Limits{Answer: 32 << 10}))
		for _, stream := range []bool{false, true} {
			up.Enqueue(llmtest.Fault{Size: 64 << 10, Chunks: 4})
			if stream { // the upstream streams although nobody asked for it
				headers := []string{"Authorization", "Bearer " + upstreamKey}
				if c.provider == "anthropic" {
					headers = append(headers, "Anthropic-Version", "2023-06-01")
				}
				whole := s.do(t, "POST", up.URL+upstreamPathOf(c), strings.Replace(upstreamAsk(c), "{", `{"stream":true,`, 1), headers...)
				require.Equal(t, 200, whole.Status, whole.Body)
				up.Reset()
				up.Reply(200, http.Header{"Content-Type": {"text/event-stream"}}, []byte(whole.Body))
			}
			got := s.do(t, "POST", c.path, c.plain)
			require.Equal(t, 502, got.Status, "%s: %.200s", cross, got.Body)
			require.Contains(t, c.mustFail(t, got, false), "32768 bytes", "%s %v", cross, stream)
			require.Equal(t, "upstream_error", s.event(t).ErrorType)
		}
	}
}

func upstreamPathOf(c crossing) string {
	switch {
	case c.provider == "anthropic":
		return "/v1/messages"
	case c.options != "":
		return "/v1/responses"
	}
	return "/v1/chat/completions"
}

func upstreamAsk(c crossing) string {
	switch {
	case c.provider == "anthropic":
		return messageBody
	case c.options != "":
		return `{"model":"m","input":"hi"}`
	}
	return chatBody
}

// oddities are what can be wrong with a stream of whole events: each is a list of what
// is done to a good one.
func oddities(events []string) map[string][]string {
	last := len(events) - 1
	cut := func(i int) []string { return append(append([]string{}, events[:i]...), events[i+1:]...) }
	twice := func(i int) []string {
		return append(append(append([]string{}, events[:i]...), events[i]), events[i:]...)
	}
	swapped := func(i, j int) []string {
		s := append([]string{}, events...)
		s[i], s[j] = s[j], s[i]
		return s
	}
	instead := func(i int, event string) []string {
		s := append([]string{}, events...)
		s[i] = event
		return s
	}
	all := map[string][]string{
		"reversed": nil, "half of a JSON": instead(2, "data: {\"type\":\"x\",\n\n"), "no JSON": instead(2, "data: <html>\n\n"), "null": instead(2, "data: null\n\n"),
		"a list": instead(2, "data: [1]\n\n"), "a number": instead(2, "data: 7\n\n"), "empty data": instead(2, "data:\n\n"), "only the last": {events[last]}, "nothing but an end": {"data: [DONE]\n\n"},
		"unknown event": instead(2, "event: brand_new\ndata: {\"type\":\"brand_new\",\"x\":1}\n\n"), "wrong types": instead(2, `data: {"type":7,"choices":{"a":1},"index":"x","delta":[]}`+"\n\n"),
		"comments": append([]string{": hello\n\n", "retry: 5\n\n", "id: 1\n\n"}, events...), "more behind the end": append(append([]string{}, events...), events[1:]...),
		"huge index": instead(2, `event: content_block_delta`+"\n"+`data: {"type":"content_block_delta","index":99999999999,"output_index":99999999999,"choices":[{"index":99999999,"delta":{"content":"x"}}],"delta":{"type":"text_delta","text":"x"}}`+"\n\n"),
	}
	for i := range events {
		all[fmt.Sprint("without ", i)], all[fmt.Sprint(i, " twice")] = cut(i), twice(i)
		all["reversed"] = append([]string{events[i]}, all["reversed"]...)
		if i > 0 {
			all[fmt.Sprint(i, " too early")] = swapped(i-1, i)
		}
	}
	return all
}

// Whatever comes from upstream, the caller gets a stream of its protocol: whole events,
// and either one end, or one error and no end.
func TestTranslatedNonsense(t *testing.T) {
	for from, caller := range wires {
		for to, up := range wires {
			if from == to {
				continue
			}
			t.Run(from+" to "+to, func(t *testing.T) {
				upstream := newCanned(t)
				upstream.kind = sse
				s := newGateway(t, caller.bundle(&up, upstream.URL, apiOf(to)))
				path, streamed := caller.streamPath, ""
				if path == "" {
					path, streamed = caller.path, `,"stream":true`
				}
				events := strings.SplitAfter(strings.TrimSuffix(up.stream, "\n\n"), "\n\n")
				events[len(events)-1] += "\n\n"
				for name, odd := range oddities(events) {
					upstream.answer = strings.Join(odd, "")
					got := s.do(t, "POST", path, fmt.Sprintf(caller.request, caller.tools+streamed))
					require.NoError(t, got.err, name)
					e := s.event(t)
					if got.Status != 200 {
						require.False(t, e.Success, name)
						continue
					}
					ends, failures := 0, 0
					for _, data := range dataOf(t, got.Body) {
						v := gjson.Parse(data)
						switch {
						case data == "[DONE]", v.Get("type").Str == "message_stop", v.Get("type").Str == "response.completed", v.Get("type").Str == "response.incomplete":
							ends++
						case v.Get("error.message").Exists(): // response.failed stands before it
							failures++
						case from == "gemini" && v.Get("candidates.0.finishReason").Exists():
							ends++
						}
					}
					require.LessOrEqual(t, ends, 1, "%s: %s", name, got.Body)
					require.LessOrEqual(t, failures, 1, "%s: %s", name, got.Body)
					if from != "gemini" || failures > 0 {
						require.Equal(t, 1, ends+failures, "%s: one or the other: %s\n%s", name, upstream.answer, got.Body)
					}
					require.Equal(t, failures == 0, e.Success, "%s: %s", name, got.Body)
				}
			})
		}
	}
}
