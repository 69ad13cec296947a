package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// protocols are what errors look like to callers.
var protocols = []struct{ name, path, auth, kind string }{
	{"openai", "/v1/chat/completions", "Authorization: Bearer " + everyKey, "error.type"},
	{"anthropic", "/v1/messages", "X-Api-Key: " + everyKey, "error.type"},
}

const valid = `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`

// TestBadRequests: the status, and the error's type in each protocol. Nothing of
// it reaches the upstream, and the gateway serves on.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	p := setup{}.start(t)
	p.apply(bundleFor(up.URL))
	const invalid = "invalid_request_error"
	tests := []struct {
		name, body        string
		status            int
		openai, anthropic string
	}{
		{"empty", ``, 400, invalid, invalid},
		{"malformed", `{"model":"m",`, 400, invalid, invalid},
		{"no object", `["m"]`, 400, invalid, invalid},
		{"two documents", valid + valid, 400, invalid, invalid},
		{"duplicate key", `{"model":"m","max_tokens":9,"messages":[],"model":"n"}`, 400, invalid, invalid},
		{"escaped duplicate", `{"model":"m","max_tokens":9,"messages":[],"mod\u0065l":"n"}`, 400, invalid, invalid},
		{"case variant", `{"Model":"m","max_tokens":9,"messages":[]}`, 400, invalid, invalid},
		{"case variant beside", `{"model":"m","max_tokens":9,"messages":[],"STREAM":true}`, 400, invalid, invalid},
		{"model is no string", `{"model":{"a":1},"max_tokens":9,"messages":[]}`, 400, invalid, invalid},
		{"stream is no bool", `{"model":"m","max_tokens":9,"messages":[],"stream":"yes"}`, 400, invalid, invalid},
		{"nested too deep", `{"model":"m","messages":` + strings.Repeat("[", 100_000), 400, invalid, invalid},
		{"too many members", "{" + strings.Repeat(`"a":1,`, 5000) + `"b":1}`, 400, invalid, invalid},
		{"invalid UTF-8 in a name", "{\"mod\xffel\":\"m\",\"model\":\"\xff\"}", 400, invalid, invalid},
		{"over the limit", `{"model":"m","messages":"` + strings.Repeat("x", 32<<20) + `"}`, 413, invalid, "request_too_large"},
	}
	for _, tt := range tests {
		for _, protocol := range protocols {
			t.Run(tt.name+" "+protocol.name, func(t *testing.T) {
				r := call(t, "POST", p.data+protocol.path, tt.body, protocol.auth, "Content-Type: application/json")
				require.Equal(t, tt.status, r.status, r.body)
				want := tt.openai
				if protocol.name == "anthropic" {
					want = tt.anthropic
					require.Equal(t, "error", r.get("type").Str)
				}
				require.Equal(t, want, r.get("error.type").Str, r.body)
				require.NotEmpty(t, r.get("error.message").Str)
			})
		}
	}
	// What a body becomes counts, and one without a length is counted too.
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = io.CopyN(z, zeros{}, 33<<20)
	require.NoError(t, z.Close())
	require.Equal(t, 413, call(t, "POST", p.data+"/v1/chat/completions", bomb.String(), protocols[0].auth, "Content-Encoding: gzip").status)
	req, err := http.NewRequest("POST", p.data+"/open/v1/chat/completions", io.LimitReader(zeros{}, 33<<20))
	require.NoError(t, err)
	resp, err := client.Do(req)
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, 413, resp.StatusCode)
	require.Equal(t, 415, call(t, "POST", p.data+"/v1/chat/completions", valid, protocols[0].auth, "Content-Encoding: br").status)

	require.Zero(t, up.Count())
	require.Equal(t, 200, p.chat(everyKey, "hello").status)

	// An upstream that does not know the model says so in the caller's protocol.
	for _, protocol := range protocols {
		r := call(t, "POST", p.data+protocol.path, strings.Replace(valid, `"m"`, `"`+llmtest.UnknownModel+`"`, 1), protocol.auth)
		require.Equal(t, 404, r.status, r.body)
		require.NotEmpty(t, r.get("error.message").Str)
		require.Equal(t, protocol.name == "anthropic", r.get("type").Str == "error")
	}
	// So does the gateway of a path that no route takes.
	r := call(t, "POST", p.data+"/nowhere/v1/chat/completions", valid)
	require.Equal(t, 404, r.status, r.body)
	require.Equal(t, "not_found", r.get("error.code").Str)
	r = call(t, "POST", p.data+"/nowhere/v1/messages", valid)
	require.Equal(t, 404, r.status, r.body)
	require.Equal(t, "not_found_error", r.get("error.type").Str)
	require.Equal(t, 405, call(t, "GET", p.data+"/v1/chat/completions", "").status)
	require.Equal(t, 403, call(t, "POST", p.data+"/off/v1/chat/completions", valid, protocols[0].auth).status)
	require.Equal(t, 403, call(t, "POST", p.data+"/open/v1/chat/completions", valid, "Origin: https://evil.example").status)
	require.Equal(t, 200, call(t, "POST", p.data+"/open/v1/chat/completions", valid).status)
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestHostileKeys(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	p := setup{}.start(t)
	p.apply(bundleFor(up.URL))
	for _, tt := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"none", nil, 401},
		{"empty", []string{"Authorization: Bearer "}, 401},
		{"scheme only", []string{"Authorization: Bearer"}, 401},
		{"another scheme", []string{"Authorization: Basic " + everyKey}, 401},
		{"SQL", []string{"Authorization: Bearer ' OR 1=1; DROP TABLE records; --"}, 401},
		{"format verbs", []string{"Authorization: Bearer %s%n%x{{.}}${jndi:ldap://x}"}, 401},
		{"100 KB", []string{"Authorization: Bearer " + strings.Repeat("v", 100<<10)}, 401},
		{"invalid UTF-8", []string{"Authorization: Bearer \xff\xfe\xfd"}, 401},
		{"a prefix of a key", []string{"Authorization: Bearer " + everyKey[:20]}, 401},
		{"a key and more", []string{"Authorization: Bearer " + everyKey + "x"}, 401},
		{"upper case", []string{"Authorization: Bearer " + strings.ToUpper(everyKey)}, 401},
		{"several wrong", []string{"Authorization: Bearer a", "Authorization: Bearer b", "X-Api-Key: c"}, 401},
		{"the right one last", []string{"Authorization: Bearer a", "Authorization: Bearer " + everyKey}, 200},
		{"one in each header", []string{"Authorization: Bearer sk-of-the-sdk", "X-Api-Key: " + everyKey}, 200},
		{"lower-case scheme", []string{"Authorization: bearer " + everyKey}, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := call(t, "POST", p.data+"/v1/chat/completions", valid, tt.headers...)
			require.Equal(t, tt.status, r.status, r.body)
			require.NotContains(t, r.body, everyKey)
			for _, line := range tt.headers {
				if key := strings.TrimPrefix(line, "Authorization: Bearer "); tt.status == 401 && len(key) > 1 {
					require.NotContains(t, r.body, key)
				}
			}
		})
	}
	require.Equal(t, 3, up.Count())
	for _, r := range up.Requests() {
		require.Equal(t, []string{"Bearer sk-upstream"}, r.Header["Authorization"])
		require.Empty(t, r.Header["X-Api-Key"])
	}
	require.Equal(t, 200, p.chat(everyKey, "hello").status)
}

// What is not HTTP at all must not disturb what is.
func TestGarbageOnTheWire(t *testing.T) {
	t.Parallel()
	up := llmtest.NewUpstream(t)
	p := setup{}.start(t)
	p.apply(bundleFor(up.URL))
	for name, text := range map[string]string{
		"no HTTP":         "\x16\x03\x01 garbage\r\n\r\n",
		"two lengths":     "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"length and TE":   "POST /open/v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
		"bad chunks":      "POST /open/v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
		"a CR in a value": "GET /v1/models HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(p.data, "http://"))
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = conn.Write([]byte(text))
			require.NoError(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			_ = resp.Body.Close()
			require.GreaterOrEqual(t, resp.StatusCode, 400)
			require.Less(t, resp.StatusCode, 502)
		})
	}
	require.Equal(t, 200, p.chat(everyKey, "hello").status)
	require.Equal(t, 1, up.Count())
}
