package gateway_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/llm/llmtest"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

func TestCloseAfterDone(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for _, st := range streams {
		t.Run(st.name, func(t *testing.T) {
			step := make(chan struct{}, 64)
			for range 64 {
				step <- struct{}{}
			}
			f := llmtest.Raw(200, http.Header{"Content-Type": {"text/event-stream"}},
				[]byte("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1,\"output_tokens\":1}},\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"delta\":{\"content\":\"x\"}}]}\n\n"),
				[]byte("data: {\"type\":\"x\",\"choices\":[{}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}\n\n"),
				[]byte(map[bool]string{true: "data: [DONE]\n\n", false: "event: " + st.terminator + "\ndata: {\"type\":\"" + st.terminator + "\",\"response\":{\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\n\n"}[st.terminator == "[DONE]"]),
				[]byte(": late\n\n"))
			f.Break, f.After = llmtest.Stall, 3
			up.Enqueue(*f)
			ctx, cancel := context.WithCancel(t.Context())
			resp := s.start(t, ctx, "POST", st.path, st.body)
			b := bufio.NewReader(resp.Body)
			for {
				l, err := b.ReadString('\n')
				require.NoError(t, err)
				if strings.Contains(l, st.terminator) {
					break
				}
			}
			_, _ = b.ReadString('\n')
			cancel()
			e := s.event(t)
			require.Equal(t, "", e.ErrorType)
			require.True(t, e.Success)
			require.True(t, e.LLM.UsageFinalized)
		})
	}
}

func TestResetAfterDone(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	for _, st := range streams {
		t.Run(st.name, func(t *testing.T) {
			up.Enqueue(llmtest.Fault{Break: llmtest.MidRune, Size: 10})
			got := s.do(t, "POST", st.path, st.body)
			e := s.event(t)
			t.Log(got.Body[max(0, len(got.Body)-300):])
			require.True(t, e.Success)
		})
	}
}

func TestHeadersFlushed(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	step := make(chan struct{})
	up.Enqueue(llmtest.Fault{Step: step})
	go func() { time.Sleep(2 * time.Second); close(step) }()
	begun := time.Now()
	resp := s.start(t, t.Context(), "POST", "/v1/chat/completions", chatStream)
	require.Less(t, time.Since(begun), time.Second)
	read(resp)
}

func TestUploadTooLarge(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up), gateway.WithLimits(gateway.Limits{Upload: 64 << 10}))
	for range 5 {
		req, _ := http.NewRequest("POST", s.URL+"/v1/files", io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20))))
		req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		resp, err := s.client.Do(req)
		require.NoError(t, err)
		got := read(resp)
		t.Log(got.Status, got.Body)
		require.Equal(t, 413, got.Status, got.Body)
	}
}

func TestRetryAfterOverflow(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "network: {max_retries: 2}"))
	up.Enqueue(llmtest.Fault{Status: 429, Header: http.Header{"Retry-After-Ms": {"1e300"}}})
	got := s.do(t, "POST", "/v1/chat/completions", chatBody)
	require.Equal(t, 429, got.Status)
}

// A body that does not come in time is not waited for, whoever reads it.
func TestSlowBody(t *testing.T) {
	up, server := newUpstream(t), newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, oneProvider(up)+`
mcpServices:
- {id: up, `+server.fields+`}
mcpRoutes:
- {id: r, service_id: up, match_policy: {path_prefix: /mcp}}
`, gateway.WithLimits(gateway.Limits{BodyTime: 100 * time.Millisecond}))
	for path, status := range map[string]string{"/v1/chat/completions": "408", "/mcp": "408", "/nowhere": "404", "/admin/llm/providers": "408"} {
		for head, begun := range map[string]string{"Content-Length: 1000\r\n": "{", "Transfer-Encoding: chunked\r\n": "1\r\n{\r\n"} {
			for _, body := range []string{"", begun} {
				at := s.URL
				if strings.HasPrefix(path, "/admin") {
					at = strings.TrimSuffix(s.AdminURL, "/admin")
				}
				conn, err := net.Dial("tcp", host(at))
				require.NoError(t, err)
				_, err = io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+head+"\r\n"+body)
				require.NoError(t, err)
				require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
				b, err := io.ReadAll(conn)
				require.NoError(t, err)
				require.Contains(t, string(b), "HTTP/1.1 "+status+" ", path)
				_ = conn.Close()
			}
		}
	}
	require.Zero(t, up.Count())
	require.Empty(t, server.Received())
}

// A caller that pauses for longer than request_timeout_seconds, though less than
// ClientStall, must not make the upstream look silent.
func TestSlowReader(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "network: {request_timeout_seconds: 2}"))
	var events [][]byte
	for range 128 {
		events = append(events, []byte(`data: {"choices":[{"index":0,"delta":{"content":"`+strings.Repeat("x", 128<<10)+`"},"finish_reason":null}]}`+"\n\n"))
	}
	events = append(events, []byte("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"), []byte("data: [DONE]\n\n"))
	up.Enqueue(*llmtest.Raw(200, http.Header{"Content-Type": {"text/event-stream"}}, events...))
	resp := s.start(t, t.Context(), "POST", "/v1/chat/completions", chatStream)
	time.Sleep(5 * time.Second)
	got := read(resp)
	e := s.event(t)
	require.Contains(t, got.Body[max(0, len(got.Body)-300):], "[DONE]")
	require.True(t, e.Success)
}

// The event of a refused call names the key that was refused.
func TestRefusedKeyInEvent(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, withKeys(up))
	s.do(t, "POST", "/v1/messages", messageBody, "X-Api-Key", disabledKey)
	require.Equal(t, "disabled", s.event(t).VirtualKeyID)
}

// Some upstreams name their events in the event line only.
func TestNamedEvents(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	up.Reply(200, http.Header{"Content-Type": {"text/event-stream"}}, []byte("event: message_start\ndata: {\"message\":{}}\n\nevent: message_stop\ndata: {}\n\n"))
	got := s.do(t, "POST", "/v1/messages", messageStream)
	s.event(t)
	require.NotContains(t, got.Body, "broke off")
}

// A form that parsers could read in two ways is refused for a caller that is
// held to some models, and so are members that name further models.
func TestModelsCannotBeSmuggled(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up)+`
virtualKeys:
  - {id: bound, key: vk-bound-0123456789abc, allowed_route_ids: ["*"], allowed_models: [gpt-ok]}
`)
	for name, second := range map[string]string{
		"attachment": `Content-Disposition: attachment; name="model"`,
		"two names":  `Content-Disposition: form-data; name="foo"; name="model"`,
		"malformed":  `Content-Disposition: form-data; ; name="model"; bad=="`,
		"two lines":  "Content-Disposition: form-data; name=\"foo\"\r\nContent-Disposition: form-data; name=\"model\"",
		"nameless":   `Content-Disposition: form-data`,
		"a file":     `Content-Disposition: form-data; name="model"; filename="m"`,
		"a list":     `Content-Disposition: form-data; name="model[]"`,
		"again":      `Content-Disposition: form-data; name="model"`,
	} {
		t.Run(name, func(t *testing.T) {
			form := "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-ok\r\n--x\r\n" + second + "\r\n\r\ngpt-bad\r\n--x--\r\n"
			got := s.do(t, "POST", "/v1/audio/transcriptions", form, "Authorization", "Bearer vk-bound-0123456789abc", "Content-Type", "multipart/form-data; boundary=x")
			require.Equal(t, 400, got.Status, got.Body)
		})
	}
	got := s.do(t, "POST", "/v1/chat/completions", `{"model":"gpt-ok","models":["gpt-bad"],"messages":[]}`, "Authorization", "Bearer vk-bound-0123456789abc")
	require.Equal(t, 403, got.Status)
	require.Zero(t, up.Count())
}

// An upstream that shows in an error what it was authenticated with is not
// relayed.
func TestEchoedKey(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	up.Enqueue(llmtest.Fault{Status: 400, Body: `{"error":{"message":"bad header: Bearer ` + up.Key + `"}}`, ContentType: "application/json"})
	got := s.do(t, "POST", "/v1/chat/completions", chatBody)
	require.Equal(t, 400, got.Status)
	require.NotContains(t, got.Body, up.Key)
	requireError(t, "openai", got, "invalid_request_error")
}

// Large bodies share a bound, beyond which requests wait for their turn outside.
func TestBufferedBodiesAreBounded(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up), gateway.WithLimits(gateway.Limits{Buffered: 300 << 10}))
	big := `{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("x", 1<<20) + `"}]}`
	got := s.do(t, "POST", "/v1/chat/completions", big)
	require.Equal(t, 503, got.Status, got.Body)
	require.NotEmpty(t, got.Header.Get("Retry-After"))
	require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", chatBody).Status, "small ones go on, and the room is given back")
}

// A page whose name was rebound to this machine cannot use a route that wants no
// key.
func TestReboundNameWithoutKey(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	got := s.do(t, "POST", "/v1/chat/completions", chatBody, "Host", "evil.example", "Origin", "http://evil.example")
	require.Equal(t, 403, got.Status)
	require.Equal(t, 200, s.do(t, "POST", "/v1/chat/completions", chatBody, "Host", "evil.example").Status, "behind a proxy of the same machine")
	require.Equal(t, 1, up.Count())
}
