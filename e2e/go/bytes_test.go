package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// odd is JSON that does not survive being decoded and encoded again.
const odd = ` {"zeta":12345678901234567890,  "model":"gpt-test","n":1.0e+0,"max_tokens":7 ,"messages" :[{"content":"\u0068ello \ud83c\udf0d\/","role":"user"}],` +
	`"input":"hello","prompt":"x","x-new":{"b":[ ],"a":null}%s} ` + "\n"

// post sends a body to the gateway, or right to the upstream.
func post(t *testing.T, origin, key, path, body string) (int, string, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+key)
	if strings.HasPrefix(path, "/v1/messages") {
		req.Header.Set("anthropic-version", "2023-06-01")
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(b)
}

// What goes through the gateway is, byte by byte, what goes without it.
func TestBytes(t *testing.T) {
	if direct {
		return
	}
	begin(t)
	for _, path := range []string{"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens", "/v1/embeddings"} {
		for _, more := range []string{"", `,"stream":true,"stream_options":{"include_usage":true}`, `,"unknown":1e400`} {
			body := strings.Replace(odd, "%s", more, 1)
			stack.up.Reset() // ids begin anew
			status, contentType, want := post(t, stack.up.URL, upstreamKey, path, body)
			sent := stack.up.Last().Body
			require.Equal(t, 200, status, want)

			stack.up.Reset()
			gotStatus, gotType, got := post(t, stack.origin, stack.key, path, body)
			require.Equal(t, status, gotStatus, got)
			require.Equal(t, contentType, gotType)
			require.Equal(t, want, got, "the answer of %s %s", path, more)
			require.Equal(t, string(sent), string(stack.up.Last().Body), "the request of %s %s", path, more)
		}
	}
}

// An answer's bytes arrive, wherever the upstream split them.
func TestSplitBytes(t *testing.T) {
	begin(t)
	events := "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1}},\"x\":\"Grüße \U0001f30d\"}\n\n" +
		": a comment\n\nevent: new_kind\r\ndata: {\"type\":\"new_kind\",\r\ndata: \"n\":12345678901234567890}\r\n\r\n" +
		"event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":2}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
	body := `{"model":"claude-test","max_tokens":1,"stream":true,"messages":[{"role":"user","content":"hi"}]}`
	for i := 1; i < len(events); i += 3 {
		f := llmtest.Raw(200, http.Header{"Content-Type": {"text/event-stream"}}, []byte(events[:i]), []byte(events[i:]))
		stack.up.Enqueue(*f)
		status, _, got := post(t, stack.origin, stack.key, "/v1/messages", body)
		require.Equal(t, 200, status)
		require.Equal(t, events, got, "split at %d", i)
	}
}
