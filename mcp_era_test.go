package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// Codes that only 2026-07-28 has. Whoever gets another error goes on with initialize.
var modernCodes = []int64{-32020, -32021, -32022}

// Who tries the newer era where the server knows the older is told so at once, in the
// way that makes it fall back.
func TestMCPProbeLegacy(t *testing.T) {
	for _, kind := range mcpKinds {
		up := newMCP(t, kind, &mcptest.Server{Era: mcptest.Legacy})
		for _, isolation := range []string{"session", "key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			for range 2 { // and again
				for _, method := range []string{"server/discover", "tools/list", "tools/call"} {
					name := ""
					if method == "tools/call" {
						name = "echo"
					}
					got := s.mcp(alice).alone(t, method, name, "")
					require.Equal(t, 400, got.Status, "%s %s: %s", kind, method, got.Body)
					r := got.result(t)
					require.True(t, r.Get("error.code").Exists(), r.Raw)
					require.NotContains(t, modernCodes, r.Get("error.code").Int(), "%s %s: %s", kind, method, r.Raw)
				}
			}
			require.Equal(t, "x", s.mcp(alice).begin(t).tool(t, "echo", `{"text":"x"}`), "%s %s", kind, isolation)
			require.Equal(t, "x", s.mcp(alice).tool(t, "echo", `{"text":"x"}`), "%s %s", kind, isolation)
		}
	}
}

// Who begins a session where the server knows none gets the server's own answer, with
// the versions that there are.
func TestMCPInitializeModern(t *testing.T) {
	for _, kind := range mcpKinds {
		up := newMCP(t, kind, &mcptest.Server{Era: mcptest.Modern})
		for _, isolation := range []string{"session", "key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			got := s.mcp(alice).post(t, initialize)
			require.Equal(t, 400, got.Status, "%s %s: %s", kind, isolation, got.Body)
			r := got.result(t)
			require.Equal(t, int64(-32022), r.Get("error.code").Int(), r.Raw)
			require.Equal(t, `["2026-07-28"]`, r.Get("error.data.supported").Raw, r.Raw)
			require.Empty(t, got.Header.Get("Mcp-Session-Id"))
			require.Equal(t, "x", s.mcp(alice).alone(t, "tools/call", "echo", `"arguments":{"text":"x"}`).result(t).Get("result.content.0.text").Str)
			require.Equal(t, "x", s.mcp(alice).tool(t, "echo", `{"text":"x"}`), "a request without either")
		}
	}
}

// What the headers of a request that stands alone say is what its body says, or it goes
// nowhere.
func TestMCPHeaderMismatch(t *testing.T) {
	const v, m, n = "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"
	body := func(version, method, name string) string {
		if version != "" {
			version = fmt.Sprintf(`"_meta":{"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientCapabilities":{}},`, version)
		}
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":"\u00fc","method":%q,"params":{%s"name":%q,"uri":%q}}`, method, version, name, name)
	}
	call := body("2026-07-28", "tools/call", "echo")
	tests := []struct {
		body    string
		code    int64
		headers []string
	}{
		{call, -32020, nil},
		{call, -32020, []string{m, "tools/call", n, "echo"}},
		{call, -32020, []string{v, "2025-11-25", m, "tools/call", n, "echo"}},
		{call, -32020, []string{v, "2026-07-29", m, "tools/call", n, "echo"}},
		{call, -32020, []string{v, "2026-07-28", n, "echo"}},
		{call, -32020, []string{v, "2026-07-28", m, "tools/list", n, "echo"}},
		{call, -32020, []string{v, "2026-07-28", m, "Tools/call", n, "echo"}},
		{call, -32020, []string{v, "2026-07-28", m, "tools/call", m, "tools/call", n, "echo"}},
		{call, -32020, []string{v, "2026-07-28", m, "tools/call"}},
		{call, -32020, []string{v, "2026-07-28", m, "tools/call", n, "raw"}},
		{call, -32020, []string{v, "2026-07-28", m, "tools/call", n, "Echo"}},
		{call, -32020, []string{v, "2026-07-28", m, "tools/call", n, "echo", n, "raw"}},
		{call, -32020, []string{v, "2026-07-28", m, "tools/call", n, "ec", n, "ho"}},
		{call, -32020, []string{v, "2026-07-28", m, "tools/call", n, "=?base64?cmF3?="}},
		{call, -32020, []string{v, "2026-07-28", m, "tools/call", n, "=?base64?%%%?="}},
		{call, -32020, []string{v, "2026-07-28", m, "tools/call", n, "=?base64?ZWNobw==?=x"}},
		{body("", "tools/call", "echo"), -32020, []string{v, "2026-07-28", m, "tools/call", n, "echo"}},
		{body("2025-11-25", "tools/call", "echo"), -32020, []string{v, "2025-11-25", m, "tools/call", n, "echo"}},
		{body("2026-07-28", "resources/read", "test://a"), -32020, []string{v, "2026-07-28", m, "resources/read", n, "test://b"}},
		{body("2026-07-28", "prompts/get", "a"), -32020, []string{v, "2026-07-28", m, "prompts/get", n, "b"}},
		{body("2026-07-28", "tools/call", "=?base64?ZWNobw==?="), -32020, []string{v, "2026-07-28", m, "tools/call", n, "=?base64?ZWNobw==?="}},

		{body("2027-01-01", "tools/call", "echo"), -32022, []string{v, "2027-01-01", m, "tools/call", n, "echo"}},
		{body("2026-07-2x", "tools/call", "echo"), -32022, []string{v, "2026-07-2x", m, "tools/call", n, "echo"}},
		{body("1.0.0", "tools/call", "echo"), -32022, []string{v, "1.0.0", m, "tools/call", n, "echo"}},
	}
	for _, kind := range []string{"json", "stdio"} {
		up := newMCP(t, kind, nil)
		s := newGateway(t, up.bundle("", ""))
		for i, tt := range tests {
			got := s.do(t, "POST", "/mcp", tt.body, tt.headers...)
			require.Equal(t, 400, got.Status, "%d: %s", i, got.Body)
			r := got.result(t)
			require.Equal(t, tt.code, r.Get("error.code").Int(), "%d: %s", i, got.Body)
			require.Equal(t, `"\u00fc"`, r.Get("id").Raw)
			if tt.code == -32022 {
				require.Contains(t, r.Get("error.data.supported").Raw, `"2026-07-28"`)
				require.Equal(t, tt.headers[1], r.Get("error.data.requested").Str)
			}
			require.Empty(t, up.Received(), "%d", i)
			require.False(t, s.event(t).Success)
		}
	}
}

// In which form an answer comes is the caller's to say.
func TestMCPAccept(t *testing.T) {
	const events, plain = "text/event-stream", "application/json"
	tests := map[string]struct{ quiet, chatty string }{
		"-":                                  {plain, plain},
		"*/*":                                {plain, plain},
		"application/json":                   {plain, plain},
		"application/*":                      {plain, plain},
		"text/html":                          {plain, plain},
		"text/html, */*;q=0.1":               {plain, plain},
		"application/json, text/*;q=0":       {plain, plain},
		acceptBoth:                           {plain, events},
		"text/event-stream, */*":             {plain, events},
		"TEXT/Event-Stream;q=0.5, */*;q=0.1": {plain, events},
		"application/json, text/event-stream;q=0": {plain, plain},
		"text/event-stream":                       {events, events},
		"application/json;q=0, text/event-stream": {events, events},
	}
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("isolation: session", ""))
		c, bare := s.mcp(alice).begin(t), s.mcp(alice)
		for accept, want := range tests {
			for _, c := range []*mcpCaller{c, bare} {
				for name, kind := range map[string]string{"echo": want.quiet, "progress": want.chatty} {
					got := c.post(t, c.request("tools/call", fmt.Sprintf(`{"name":%q,"_meta":{"progressToken":1}}`, name)), "Accept", accept)
					require.Equal(t, 200, got.Status, got.Body)
					require.Equal(t, kind, got.Header.Get("Content-Type"), "%q: %s", accept, name)
					require.True(t, got.result(t).Get("result").Exists(), got.Body)
					require.Equal(t, kind == events && name == "progress", strings.Contains(got.Body, `"progress":`), "%q: %s", accept, got.Body)
				}
			}
			status := 200
			if want.chatty != events {
				status = 406
			}
			require.Equal(t, status, c.stream(t, "GET", "", "Accept", accept).resp.StatusCode, accept)
		}
		for _, method := range []string{"GET", "DELETE"} {
			got := s.do(t, method, "/mcp", "", bare.headers()...)
			require.Equal(t, 405, got.Status, got.Body)
			require.Equal(t, "POST", got.Header.Get("Allow"))
			require.True(t, got.result(t).Get("error.code").Exists(), got.Body)
			got = s.do(t, method, "/mcp", "", c.headers("Mcp-Protocol-Version", "2026-07-28")...)
			require.Equal(t, 405, got.Status, got.Body)
		}
		for _, method := range []string{"PUT", "PATCH", "HEAD", "OPTIONS"} {
			require.Equal(t, 405, s.do(t, method, "/mcp", "", c.headers()...).Status, method)
		}
	})
}
