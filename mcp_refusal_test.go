package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// What does not speak MCP as the service says is told so, with what to look at, to the
// operator and to callers; whoever begins a session gets 502, as nothing that it could do
// would help.
func TestMCPWrongServer(t *testing.T) {
	status := 0
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		fmt.Fprint(w, "<html>nothing here</html>")
	}))
	t.Cleanup(up.Close)
	for _, transport := range []string{"streamable_http", "sse"} {
		m := &mcpServer{fields: "transport: " + transport + ", url: " + up.URL}
		s := newGateway(t, m.bundle("", ""))
		for code, want := range map[int]string{
			404: "has answered 404: look at its url, and at its transport, which is " + transport,
			405: "has answered 405: look at its url, and at its transport, which is " + transport,
			401: "has refused the gateway's credentials (401); look at its auth",
			500: "has answered 500",
			302: "has answered 302, a redirect that is not followed: give its url as it is",
		} {
			status = code
			got := s.mcp(alice).post(t, initialize)
			require.Equal(t, 502, got.Status, got.Body)
			require.Contains(t, got.Body, want)
			got = s.mcp(alice).post(t, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
			require.Equal(t, 502, got.Status, got.Body)
			require.Contains(t, got.Body, want)
			r := s.admin(t, 502, "GET", upService+"/tools", "")
			require.Contains(t, r.Get("error").Str, "mcp_service up cannot be asked: its server "+want)
		}
	}
}

// What a server says with a refusal is told: to callers where it is about their request, to
// operators always, and never with the gateway's credentials in it.
func TestMCPWordsOfRefusals(t *testing.T) {
	const secret = "upstream-token-canary"
	for name, tt := range map[string]struct {
		status         int
		kind, body     string
		caller, lister string
	}{
		"a wrong host":      {403, "text/plain; charset=utf-8", "Access is only allowed at localhost:1\nnothing more", "(403); look", `(403) ("Access is only allowed at localhost:1"); look`},
		"an unknown method": {400, "text/plain", `JSON RPC not handled: "x" unsupported`, `has answered 400 ("JSON RPC not handled: \"x\" unsupported")`, `has answered 400 ("JSON RPC not handled: \"x\" unsupported")`},
		"an error in JSON":  {400, "application/json", `{"error":"no"}`, "has answered 400: look", `has answered 400 ("{\"error\":\"no\"}"): look`},
		"a failure":         {500, "text/plain", "panic in main.go", "has answered 500", `has answered 500 ("panic in main.go")`},
		"a page":            {400, "text/html", "<p>no", "has answered 400: look", "has answered 400: look"},
		"a secret":          {401, "text/plain", "no token " + secret, "(401); look", "(401); look"},
		"a secret in 400":   {400, "text/plain", "no token " + secret, "has answered 400: look", "has answered 400: look"},
	} {
		t.Run(name, func(t *testing.T) {
			up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			t.Cleanup(up.Close)
			m := &mcpServer{fields: "transport: streamable_http, url: " + up.URL + ", auth: {type: bearer, token: " + secret + "}"}
			s := newGateway(t, m.bundle("", ""))
			got := s.mcp(alice).post(t, initialize)
			said := gjson.Get(got.Body, "error.message").Str
			require.Contains(t, said, tt.caller)
			listed := s.admin(t, 502, "GET", upService+"/tools", "").Get("error").Str
			require.Contains(t, listed, tt.lister)
			require.NotContains(t, said+listed, secret)
			require.Equal(t, tt.caller == tt.lister, strings.Contains(said, "(\"") == strings.Contains(listed, "(\""), said)
		})
	}
}

// What a server repeats of the gateway's credentials is not shown, however it was sent, and
// wherever the text would be cut.
func TestMCPSecretsInRefusals(t *testing.T) {
	for name, says := range map[string]func(r *http.Request) string{
		"the query":  func(r *http.Request) string { return "bad request: " + r.URL.String() },
		"the header": func(r *http.Request) string { return "bad: " + r.Header.Get("Authorization") },
		"a cookie": func(r *http.Request) string {
			return "sid " + strings.Split(strings.Split(r.Header.Get("Cookie"), "=")[1], ";")[0] + " is unknown"
		},
		"cut": func(r *http.Request) string { return strings.Repeat("x", 180) + " " + r.Header.Get("Authorization") },
	} {
		up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, says(r), 400)
		}))
		t.Cleanup(up.Close)
		m := &mcpServer{fields: "transport: streamable_http, url: \"" + up.URL + "/mcp?apiKey=url-secret-canary\", auth: {type: bearer, token: secret-canary-token-0123456789}, headers: {Cookie: sid=secret-cookie; o=1}"}
		s := newGateway(t, m.bundle("", ""))
		for _, said := range []string{s.mcp(alice).post(t, initialize).Body, s.admin(t, 502, "GET", upService+"/tools", "").Raw} {
			require.Contains(t, said, "has answered 400", name)
			require.NotContains(t, said, "secret-", name)
		}
	}
}

// A server that does not start in time is told apart from one that does not answer.
func TestMCPStartTime(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or nobody notices that the client has gone
		<-r.Context().Done()
	}))
	t.Cleanup(up.Close)
	m := &mcpServer{fields: "transport: streamable_http, url: " + up.URL}
	s := newGateway(t, m.bundle("", ""), gateway.WithMCPLimits(gateway.MCPLimits{Start: 10 * time.Millisecond}))
	for _, body := range []string{initialize, `{"jsonrpc":"2.0","id":1,"method":"ping"}`} {
		got := s.mcp(alice).post(t, body)
		require.Equal(t, 504, got.Status, got.Body)
		require.Contains(t, got.Body, "has not started and answered initialize within 10ms")
	}
	require.Contains(t, s.admin(t, 502, "GET", upService+"/tools", "").Get("error").Str, "has not started and answered initialize within 10ms")
}

// Many servers say 400, and not 404, of a session that they do not know. Whether that is
// meant a ping finds out.
func TestMCPForgottenBy400(t *testing.T) {
	for _, forgets := range []bool{true, false} {
		body := `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}`
		if forgets {
			body = `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}`
		}
		up := newMCPHTTP(t, &mcptest.HTTP{JSON: true})
		s := newGateway(t, up.bundle("", ""))
		refuse := func() {
			n := 1
			if forgets {
				n = 2 // the ping too
			}
			for range n {
				up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprint(w, body)
				}})
			}
		}
		c := s.mcp(alice).begin(t)
		refuse()
		got := c.post(t, c.request("tools/list", ""))
		if forgets {
			require.Equal(t, 404, got.Status, got.Body)
			c.gone(t, "forgotten")
		} else {
			require.Equal(t, 400, got.Status, got.Body)
			require.Contains(t, got.Body, `has answered 400 (\"Bad Request: No valid session ID provided\")`)
			require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`))
		}

		// Without a session, another is made.
		bare := s.mcp(alice)
		require.Equal(t, "x", bare.tool(t, "echo", `{"text":"x"}`))
		begins := len(up.begins())
		refuse()
		got = bare.post(t, bare.request("tools/call", toolCall("echo", `{"text":"x"}`)))
		require.Equal(t, map[bool]int{true: 200, false: 400}[forgets], got.Status, got.Body)
		require.Len(t, up.begins(), begins+map[bool]int{true: 1, false: 0}[forgets])

		s.admin(t, 200, "GET", upService+"/tools", "")
		refuse()
		r := s.admin(t, map[bool]int{true: 200, false: 502}[forgets], "GET", upService+"/tools", "")
		require.Equal(t, !forgets, strings.Contains(r.Raw, "has answered 400"), r.Raw)
	}
}
