package gateway_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// Who may not use a route is told so by an error of JSON-RPC, and the server hears
// nothing.
func TestMCPAuth(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	bundle := up.bundle("", "auth_policy: {require_virtual_key: true}", `- {id: off, service_id: up, match_policy: {path_prefix: /off}, disabled: true}`)
	bundle = strings.Replace(bundle, "mcpRoutes:", "- {id: gone, disabled: true, "+up.fields+"}\nmcpRoutes:\n- {id: gone, service_id: gone, match_policy: {path_prefix: /gone}}", 1) + `
- {id: elsewhere, key: vk-elsewhere-0123456789, allowed_route_ids: [off]}
- {id: nowhere, key: vk-nowhere-0123456789}
- {id: disabled, key: vk-disabled-0123456789, allowed_route_ids: ["*"], disabled: true}
- {id: expired, key: vk-expired-0123456789, allowed_route_ids: ["*"], expires_at: "2020-01-01T00:00:00Z"}
`
	s := newGateway(t, bundle)
	tests := []struct {
		path    string
		status  int
		headers []string
		keyID   string
	}{
		{"/mcp", 401, nil, ""},
		{"/mcp", 401, []string{"Authorization", "Bearer vk-wrong-0123456789"}, ""},
		{"/mcp", 401, []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("a:"+alice))}, ""},
		{"/mcp", 401, []string{"Cookie", "key=" + alice}, ""},
		{"/mcp?key=" + alice, 401, nil, ""},
		{"/mcp", 401, []string{"Authorization", "Bearer ' OR 1=1 --"}, ""},
		{"/mcp", 403, []string{"Authorization", "Bearer vk-elsewhere-0123456789"}, "elsewhere"},
		{"/mcp", 403, []string{"X-Api-Key", "vk-nowhere-0123456789"}, "nowhere"},
		{"/mcp", 403, []string{"X-Api-Key", "vk-disabled-0123456789"}, "disabled"},
		{"/mcp", 403, []string{"X-Api-Key", "vk-expired-0123456789"}, "expired"},
		{"/off", 403, []string{"X-Api-Key", alice}, ""},
		{"/gone", 403, []string{"X-Api-Key", alice}, ""},
		{"/mcp", 200, []string{"X-Api-Key", alice}, "alice"},
		{"/mcp", 200, []string{"Authorization", "bearer " + alice}, "alice"},
		{"/mcp", 200, []string{"Authorization", "Bearer vk-wrong-0123456789", "X-Api-Key", alice}, "alice"},
	}
	c := s.mcp("")
	for i, tt := range tests {
		for _, method := range []string{"POST", "GET", "DELETE"} {
			body := ""
			if method == "POST" {
				body = c.request("tools/call", toolCall("echo", `{"text":"x"}`))
			} else if tt.status == 200 {
				continue
			}
			s.drain()
			before := len(up.http.Requests())
			got := s.do(t, method, tt.path, body, append(tt.headers, "Accept", acceptBoth)...)
			require.Equal(t, tt.status, got.Status, "%d %s: %s", i, method, got.Body)
			e := s.event(t)
			require.Equal(t, tt.status, e.StatusCode)
			require.Equal(t, tt.status == 200, e.Success)
			if tt.path != "/gone" && tt.path != "/off" {
				require.Equal(t, tt.keyID, e.VirtualKeyID, i)
			}
			if tt.status == 200 {
				continue
			}
			require.Len(t, up.http.Requests(), before)
			require.Equal(t, "application/json", got.Header.Get("Content-Type"))
			require.Equal(t, "2.0", got.result(t).Get("jsonrpc").Str, got.Body)
			require.NotEmpty(t, got.result(t).Get("error.message").Str, got.Body)
			require.Equal(t, tt.status == 401, strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer"), got.Header)
		}
	}
}

// A page in a browser reaches nothing, whether it has a key or not.
func TestMCPForeignPages(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("", ""))
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}`
	host := strings.TrimPrefix(s.URL, "http://")
	port := host[strings.LastIndex(host, ":"):]
	for _, tt := range []struct {
		status  int
		headers []string
	}{
		{403, []string{"Origin", "https://evil.example"}},
		{403, []string{"Origin", "null"}},
		{403, []string{"Origin", "http://localhost.evil.example"}},
		{403, []string{"Origin", "http://127.0.0.1:1"}},
		{403, []string{"Sec-Fetch-Site", "cross-site"}},
		{403, []string{"Sec-Fetch-Site", "same-site"}},
		{403, []string{"Host", "evil.example" + port, "Origin", "http://evil.example" + port}},
		{403, []string{"Host", "evil.example", "Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin"}},
		{200, []string{"Origin", s.URL}},
		{200, []string{"Host", "localhost" + port, "Origin", "http://localhost" + port}},
		{200, []string{"Sec-Fetch-Site", "same-origin"}},
		{200, []string{"Sec-Fetch-Site", "none"}},
		{403, []string{"Host", "gateway.internal"}}, // whose name is not this machine's
		{200, []string{"Host", "gateway.internal", "X-Forwarded-For", "192.0.2.1"}},
		{200, nil},
	} {
		for _, key := range [][]string{nil, {"X-Api-Key", alice}} {
			for _, method := range []string{"POST", "GET", "DELETE"} {
				body, want := call, tt.status
				if method != "POST" {
					if want == 200 {
						want = 405
					}
					body = ""
				}
				before := len(up.http.Requests())
				got := s.do(t, method, "/mcp", body, append(append([]string{"Accept", acceptBoth}, tt.headers...), key...)...)
				require.Equal(t, want, got.Status, "%s %v: %s", method, tt.headers, got.Body)
				require.Empty(t, got.Header.Get("Access-Control-Allow-Origin"))
				if want == 403 {
					require.Len(t, up.http.Requests(), before)
					require.True(t, got.result(t).Get("error.code").Exists(), got.Body)
				}
			}
		}
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "", "application/json5", "json"} {
		require.Equal(t, 415, s.do(t, "POST", "/mcp", call, "Content-Type", kind).Status, kind)
	}
	for _, kind := range []string{"application/json", "Application/JSON; charset=utf-8"} {
		require.Equal(t, 200, s.do(t, "POST", "/mcp", call, "Content-Type", kind).Status, kind)
	}
	require.Equal(t, 415, s.do(t, "POST", "/mcp", call, "Content-Encoding", "gzip").Status)
	require.Equal(t, 413, s.do(t, "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"`+strings.Repeat("x", 5<<20)+`"}`).Status)
}

// What the caller says to the gateway goes no further; what the service's configuration
// says does, with every request.
func TestMCPUpstreamAuth(t *testing.T) {
	const canary = "canary-of-the-caller"
	tests := map[string]struct{ fields, header, want string }{
		"bearer":  {"auth: {type: bearer, token: " + upstreamKey + "}", "Authorization", "Bearer " + upstreamKey},
		"basic":   {"auth: {type: basic, username: u, password: " + upstreamKey + "}", "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("u:"+upstreamKey))},
		"headers": {"headers: {X-Token: " + upstreamKey + ", authorization: Token x}", "X-Token", upstreamKey},
		"nothing": {"", "Authorization", ""},
	}
	for name, tt := range tests {
		for _, kind := range []string{"events", "sse"} {
			up := newMCP(t, kind, nil)
			recorder := func() []mcptest.Request {
				if up.sse != nil {
					return up.sse.Requests()
				}
				return up.http.Requests()
			}
			s := newGateway(t, up.bundle(tt.fields, ""))
			c := s.mcp(alice)
			headers := []string{"X-Api-Key", canary, "X-Goog-Api-Key", canary, "Cookie", "session=" + canary, "X-Token", canary, "X-Forwarded-For", canary, "Proxy-Authorization", canary, "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-Other", canary, "User-Agent", canary}
			got := c.post(t, initialize, headers...)
			require.Equal(t, 200, got.Status, got.Body)
			c.session = got.Header.Get("Mcp-Session-Id")
			c.post(t, initialized, headers...)
			c.listen(t, headers...)
			require.Equal(t, 200, c.post(t, c.request("ping", ""), headers...).Status)
			body, more := c.stateless("tools/list", "", "")
			require.Equal(t, 200, c.post(t, body, append(more, headers...)...).Status)
			require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", c.headers(headers...)...).Status)
			require.GreaterOrEqual(t, len(recorder()), 4)
			for _, r := range recorder() {
				text := fmt.Sprint(r.Method, r.Path, r.Query, r.Host, r.Header, string(r.Body))
				require.NotContains(t, text, canary, "%s %s", name, kind)
				require.NotContains(t, text, alice, "%s %s", name, kind)
				require.Equal(t, tt.want, r.Header.Get(tt.header), "%s %s", name, kind)
			}
		}
	}
}

// An upstream's refusal of the gateway is the gateway's problem, and a redirect is not
// followed.
func TestMCPUpstreamRefuses(t *testing.T) {
	say := func(code int, header, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(code)
			_, _ = w.Write([]byte("secret of the server's"))
		}
	}
	other := newMCPHTTP(t, &mcptest.HTTP{})
	elsewhere := other.fields[strings.Index(other.fields, "http"):]
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("isolation: session, auth: {type: bearer, token: "+upstreamKey+"}", ""))
	c, bare := s.mcp(alice).begin(t), s.mcp(alice)
	bare.ask(t, "ping", "")
	for _, tt := range []struct {
		serve  http.HandlerFunc
		status int
	}{
		{say(401, "WWW-Authenticate", `Bearer resource_metadata="https://evil.example"`), 502},
		{say(403, "X", ""), 502},
		{say(301, "Location", elsewhere), 502},
		{say(302, "Location", elsewhere), 502},
		{say(307, "Location", elsewhere), 502},
		{say(308, "Location", elsewhere), 502},
		{say(500, "X", ""), 502},
		{say(503, "Retry-After", "7"), 503},
		{say(429, "Retry-After", "7"), 429},
		{say(200, "Content-Type", "text/html"), 502},
		{say(202, "X", ""), 502},
		{say(204, "X", ""), 502},
	} {
		for way, do := range map[string]func() answer{
			"session": func() answer { return c.post(t, c.request("ping", "")) },
			"bare":    func() answer { return bare.post(t, bare.request("ping", "")) },
			"alone":   func() answer { return bare.alone(t, "tools/list", "", "") },
			"begin":   func() answer { return s.mcp(bob).post(t, initialize) },
		} {
			up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: tt.serve})
			got := do()
			require.Equal(t, tt.status, got.Status, "%s: %s", way, got.Body)
			require.True(t, got.result(t).Get("error.code").Exists(), "%s: %s", way, got.Body)
			require.NotContains(t, got.Body, "secret of the server's")
			require.NotContains(t, fmt.Sprint(got.Header), "evil.example")
			require.Empty(t, got.Header.Get("Location"))
			if tt.status == 429 || tt.status == 503 {
				require.Equal(t, "7", got.Header.Get("Retry-After"), way)
			}
		}
	}
	require.Empty(t, other.http.Requests())
	require.Equal(t, 200, c.post(t, c.request("ping", "")).Status)
}
