package gateway_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// What a caller sends reaches the upstream, unless it is a credential, says where
// the caller is, or belongs to the connection.
func TestRequestHeaders(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "network: {extra_headers: {X-Extra: ours, Openai-Organization: org-ours}}"))
	passing := map[string]string{
		"User-Agent": "caller/1.0", "Accept": "application/json", "Openai-Beta": "assistants=v2", "Idempotency-Key": "idem-1",
		"X-Client-Request-Id": "client-1", "X-Stainless-Lang": "go", "X-Stainless-Retry-Count": "0", "X-Brand-New": "kept",
		"Session-Id": "s-1", "Thread-Id": "t-1", "Originator": "codex", "X-App": "cli", "Anthropic-Beta": "a,b",
	}
	dropped := map[string]string{
		"Cookie": "session=1", "Authorization": "Bearer caller-secret", "X-Api-Key": "caller-secret",
		"Proxy-Authorization": "Basic caller-secret", "X-Goog-Api-Key": "caller-secret", "Api-Key": "caller-secret", "X-Auth-Request-Email": "me",
		"X-Amz-Security-Token": "caller-secret", "Cf-Access-Jwt-Assertion": "caller-secret", "X-Forwarded-Access-Token": "caller-secret",
		"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "for=10.1.2.3",
		"Via": "1.1 proxy", "X-Real-Ip": "10.1.2.3", "True-Client-Ip": "10.1.2.3", "X-Original-Url": "/admin", "X-Original-Host": "evil.example",
		"Connection": "keep-alive, X-Hop", "X-Hop": "1", "Keep-Alive": "timeout=5", "Te": "trailers", "Upgrade": "h2c", "Proxy-Connection": "keep-alive",
		"Openai-Project": "proj-caller", "Origin": "http://" + host(s.URL), "Referer": "http://example.org/", "Sec-Fetch-Site": "same-origin",
		"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate": "a=b", "Baggage": "user=me",
		"X-Trace-Id": "0af7651916cd43dd8448eb211c80319c", "X-Request-Id": "req-caller", "X-Agent-Depth": "1", "Range": "bytes=0-1",
	}
	var headers []string
	for _, set := range []map[string]string{passing, dropped} {
		for name, value := range set {
			headers = append(headers, name, value)
		}
	}
	headers = append(headers, "Openai-Organization", "org-caller", "X-Extra", "theirs", "X-Multi", "1", "X-Multi", "2")

	got := s.do(t, "POST", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, headers...)

	require.Equal(t, 200, got.Status, got.Body)
	rec := up.Last()
	for name, value := range passing {
		require.Equal(t, []string{value}, rec.Header[name], name)
	}
	for name := range dropped {
		if name == "Authorization" {
			continue
		}
		require.NotContains(t, rec.Header, name)
	}
	require.Equal(t, []string{"Bearer " + upstreamKey}, rec.Header["Authorization"])
	require.Equal(t, []string{"ours"}, rec.Header["X-Extra"])
	require.Equal(t, []string{"org-ours"}, rec.Header["Openai-Organization"])
	require.Equal(t, []string{"1", "2"}, rec.Header["X-Multi"])
	require.Equal(t, "identity", rec.Header.Get("Accept-Encoding"))
	require.Equal(t, "application/json", rec.Header.Get("Content-Type"))
	require.Equal(t, host(up.URL), rec.Host)
	require.NotContains(t, fmt.Sprint(rec.Header), "caller-secret")
}

// The gateway says no more of itself than it must.
func TestRequestHeadersAbsent(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	s.do(t, "GET", "/v1/models", "", "User-Agent", "")
	rec := up.Last()
	require.NotContains(t, rec.Header, "User-Agent")
	require.NotContains(t, rec.Header, "Content-Type")
	require.NotContains(t, rec.Header, "X-Forwarded-For")
}

// Anthropic's version is added when the caller gives none, and left alone else.
func TestAnthropicVersion(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	const body = `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}`
	s.do(t, "POST", "/v1/messages", body)
	require.Equal(t, []string{"2023-06-01"}, up.Last().Header["Anthropic-Version"])
	require.Equal(t, []string{upstreamKey}, up.Last().Header["X-Api-Key"])
	require.NotContains(t, up.Last().Header, "Authorization")
	s.do(t, "POST", "/v1/messages", body, "anthropic-version", "2099-01-01")
	require.Equal(t, []string{"2099-01-01"}, up.Last().Header["Anthropic-Version"])
}

// What an upstream says of itself, of its connection and of its account stays
// here.
func TestResponseHeaders(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	upstream := http.Header{
		"Content-Type": {"application/json"}, "X-Request-Id": {"req-upstream"}, "Openai-Processing-Ms": {"12"}, "Openai-Version": {"2020-10-01"},
		"X-Ratelimit-Remaining-Requests": {"9"}, "X-New": {"1", "2"}, "Etag": {`"e"`},
		"Set-Cookie": {"__cf_bm=1"}, "Server": {"cloudflare"}, "Openai-Organization": {"org-x"}, "Openai-Project": {"proj-x"},
		"Anthropic-Organization-Id": {"org-y"}, "Cf-Ray": {"ray"}, "Alt-Svc": {"h3"}, "Strict-Transport-Security": {"max-age=1"},
		"Access-Control-Allow-Origin": {"*"}, "Via": {"1.1 x"}, "X-Powered-By": {"x"}, "Www-Authenticate": {"Bearer"},
		"Connection": {"X-Hop"}, "X-Hop": {"1"}, "Keep-Alive": {"timeout=1"},
		"Traceparent": {"00-00000000000000000000000000000001-0000000000000001-01"}, "X-Trace-Id": {"theirs"}, "X-Agent-Depth": {"9"},
	}
	up.Reply(200, upstream, []byte(`{}`))

	got := s.do(t, "POST", "/v1/chat/completions", `{"model":"m"}`)

	for _, name := range []string{"Content-Type", "Openai-Processing-Ms", "Openai-Version", "X-Ratelimit-Remaining-Requests", "X-New", "Etag"} {
		require.Equal(t, upstream[name], got.Header[name], name)
	}
	for _, name := range []string{"Set-Cookie", "Server", "Openai-Organization", "Openai-Project", "Anthropic-Organization-Id", "Cf-Ray", "Alt-Svc",
		"Strict-Transport-Security", "Access-Control-Allow-Origin", "Via", "X-Powered-By", "Www-Authenticate", "X-Hop", "Keep-Alive"} {
		require.NotContains(t, got.Header, name)
	}
	require.Equal(t, []string{"req-upstream"}, got.Header["X-Upstream-Request-Id"])
	require.Regexp(t, `^req_[0-9a-f]{32}$`, got.Header.Get("X-Request-Id"))
	require.Equal(t, []string{"1"}, got.Header["X-Agent-Depth"])
	require.NotContains(t, got.Header.Get("Traceparent"), "00000000000000000000000000000001")
	require.Equal(t, "2", got.Header.Get("Content-Length"))
}

// Anthropic's clients read request-id: it is the gateway's, as in errors.
func TestAnthropicRequestID(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	up.Enqueue(llmtest.Fault{}, llmtest.Fault{Status: 400}, llmtest.Fault{Status: 502, Body: llmtest.BodyHTML})
	for range 3 {
		got := s.do(t, "POST", "/v1/messages", `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}`)
		require.Equal(t, got.Header["X-Request-Id"], got.Header["Request-Id"], got.Status)
		require.Regexp(t, `^req_[0-9a-f]{32}$`, got.Header.Get("Request-Id"))
	}
}

// Streams must not be kept back by proxies before the gateway.
func TestStreamHeaders(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	got := s.do(t, "POST", "/v1/chat/completions", `{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`)
	require.Equal(t, "no", got.Header.Get("X-Accel-Buffering"))
	require.Equal(t, "no-cache", got.Header.Get("Cache-Control"))
	require.Regexp(t, `^text/event-stream`, got.Header.Get("Content-Type"))
	require.NotContains(t, got.Header, "Content-Length")
}

// The query goes upstream, except for what could be a key.
func TestQuery(t *testing.T) {
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up))
	s.do(t, "GET", "/v1/files?limit=2&after=a%2Fb&limit=3&key=secret&api_key=secret&API-Key=secret&access_token=secret&x[]=1", "")
	require.Equal(t, url.Values{"limit": {"2", "3"}, "after": {"a/b"}, "x[]": {"1"}}, up.Last().Query)
}

func host(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Host
}
