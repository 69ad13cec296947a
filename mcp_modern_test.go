package gateway_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

const subscriptionID = `_meta.io\.modelcontextprotocol/subscriptionId`

// subscribe opens a subscription, and reads that it is there.
func (c *mcpCaller) subscribe(t *testing.T, filter string) *mcpStream {
	t.Helper()
	body, headers := c.stateless("subscriptions/listen", "", `"notifications":`+filter)
	st := c.open(t, body, headers...)
	m := st.next(t)
	require.Equal(t, "notifications/subscriptions/acknowledged", m.Get("method").Str, m.Raw)
	require.Equal(t, fmt.Sprint(c.last), m.Get("params."+subscriptionID).Raw, m.Raw)
	return st
}

// Subscriptions tell what each has asked for, under its own id, until one side ends them.
func TestMCPSubscriptionsListen(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			one, two, other := s.mcp(alice), s.mcp(alice), s.mcp(bob)
			one.last = 70
			streams := []*mcpStream{one.subscribe(t, `{"toolsListChanged":true}`), two.subscribe(t, `{"promptsListChanged":true,"resourceSubscriptions":["test://a"]}`), other.subscribe(t, `{"toolsListChanged":true}`)}
			for _, what := range []string{"prompts", "tools", "test://a", "test://b"} {
				up.Change(what)
			}
			expect := func(st *mcpStream, id int, methods ...string) {
				for _, method := range methods {
					m := st.next(t)
					require.Equal(t, "notifications/"+method, m.Get("method").Str, m.Raw)
					require.Equal(t, fmt.Sprint(id), m.Get("params."+subscriptionID).Raw, m.Raw)
				}
			}
			expect(streams[0], 71, "tools/list_changed")
			expect(streams[1], 1, "prompts/list_changed", "resources/updated")
			expect(streams[2], 1, "tools/list_changed")

			// Calls go on beside them.
			require.Equal(t, "x", one.alone(t, "tools/call", "echo", `"arguments":{"text":"x"}`).result(t).Get("result.content.0.text").Str)

			before := len(up.Cancelled())
			streams[0].close()
			up.gaveUp(t, before+1)
			up.Change("tools")
			expect(streams[2], 1, "tools/list_changed")
			up.EndSubscriptions()
			for i, st := range streams[1:] {
				for _, e := range st.readAll(t) {
					// It names no request but the caller's own.
					require.Equal(t, "1", gjson.Get(e.data, "params.requestId|@this").Raw, "%d: %s", i, e.data)
				}
			}
			require.Len(t, up.Cancelled(), before+1, "what the server ends is not cancelled")
		}
	})
}

// What goes to the server says in its headers what its body says.
func TestMCPHeadersUp(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{JSON: true})
	s := newGateway(t, up.bundle("", `tool_policy: {overrides: {echo: {name: "sag \u00fc"}}}`))
	tests := []struct {
		method, name, members string
		headers               []string
		want                  http.Header
	}{
		{"tools/call", "raw", "", nil, http.Header{"Mcp-Name": {"raw"}}},
		{"tools/call", "raw", "", []string{"Mcp-Name", "=?base64?cmF3?="}, http.Header{"Mcp-Name": {"raw"}}},
		{"tools/call", "sag ü", `"arguments":{"text":"x"}`, []string{"Mcp-Name", "=?base64?c2FnIMO8?="}, http.Header{"Mcp-Name": {"echo"}}},
		{"resources/read", "test://ü", "", []string{"Mcp-Name", "=?base64?dGVzdDovL8O8?="}, http.Header{"Mcp-Name": {"=?base64?dGVzdDovL8O8?="}}},
		{"prompts/get", "prompt-1", "", nil, http.Header{"Mcp-Name": {"prompt-1"}}},
		{"tools/list", "", "", nil, http.Header{"Mcp-Name": nil}},
		{"tools/call", "raw", "", []string{"Mcp-Param-Region", "eu", "Mcp-Param-X", "=?base64?w7w=?=", "Mcp-Other", "x", "X-Other", "y"}, http.Header{"Mcp-Param-Region": {"eu"}, "Mcp-Param-X": {"=?base64?w7w=?="}, "Mcp-Other": nil, "X-Other": nil}},
	}
	for _, tt := range tests {
		c := s.mcp(alice)
		body, headers := c.stateless(tt.method, tt.name, tt.members)
		for i := 0; i < len(tt.headers); i += 2 {
			for j := 0; j < len(headers); j += 2 {
				if headers[j] == tt.headers[i] {
					headers[j+1] = "-"
				}
			}
		}
		got := c.post(t, body, append(tt.headers, headers...)...)
		require.Equal(t, 200, got.Status, got.Body)
		all := up.http.Requests()
		last := all[len(all)-1].Header
		tt.want["Mcp-Protocol-Version"], tt.want["Mcp-Method"], tt.want["Mcp-Session-Id"] = []string{"2026-07-28"}, []string{tt.method}, nil
		for name, v := range tt.want {
			require.Equal(t, v, last[name], "%s %s: %s", tt.method, tt.name, name)
		}
	}
}

// What the caller repeats of the arguments is the server's to compare with them.
func TestMCPParamHeaders(t *testing.T) {
	for _, kind := range []string{"json", "events"} {
		up := newMCP(t, kind, nil)
		s := newGateway(t, up.bundle("", "tool_policy: {overrides: {route: {name: way}}}"))
		for header, status := range map[string]int{"eu": 200, "=?base64?ZXU=?=": 200, "us": 400, "-": 400} {
			c := s.mcp(alice)
			c.last = 70
			body, headers := c.stateless("tools/call", "way", `"arguments":{"region":"eu"}`)
			got := c.post(t, body, append(headers, "Mcp-Param-Region", header)...)
			require.Equal(t, status, got.Status, "%s: %s", header, got.Body)
			r := got.result(t)
			require.Equal(t, "71", r.Get("id").Raw, r.Raw)
			if status == 400 {
				require.Equal(t, int64(-32020), r.Get("error.code").Int(), r.Raw)
			} else {
				require.Equal(t, "eu", r.Get("result.content.0.text").Str, r.Raw)
			}
		}
	}
}

// For a caller that knows of no such thing, the gateway repeats them: it reads which they
// are when it is refused for want of them, and not for each call.
func TestMCPParamHeadersBare(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{Server: &mcptest.Server{Era: mcptest.Modern}})
	s := newGateway(t, up.bundle("", "tool_policy: {overrides: {route: {name: way}}}"))
	lists := func() (n int) {
		for _, r := range up.Received() {
			if strings.Contains(r, `"tools/list"`) {
				n++
			}
		}
		return n
	}
	pages := 0
	for i, region := range []string{"eu", "ü", " us ", "=?base64?eA==?="} {
		require.Equal(t, region, s.mcp(alice).tool(t, "way", fmt.Sprintf(`{"region":%q}`, region)))
		if i == 0 {
			pages = lists()
		}
		r := s.admin(t, 200, "POST", upService+"/tools/call", fmt.Sprintf(`{"name":"route","arguments":{"region":%q}}`, region))
		require.Equal(t, region, r.Get("content.0.text").Str)
	}
	require.Equal(t, pages, lists())
	require.NotZero(t, pages)
	calls := len(up.http.Requests())
	require.Equal(t, "", s.mcp(alice).tool(t, "way", `{}`))
	require.Len(t, up.http.Requests(), calls+1)

	// A server that refuses whatever is said is not asked without end.
	for range 4 {
		up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"never"}}`)
		}})
	}
	calls = len(up.http.Requests())
	for range 4 {
		require.Equal(t, 400, s.mcp(alice).post(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"way","arguments":{}}}`).Status)
	}
	require.Len(t, up.http.Requests(), calls+4)
}

// Of many who come at once before it is known which arguments a server wants in headers,
// each is served.
func TestMCPParamHeadersAtOnce(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{Server: &mcptest.Server{Era: mcptest.Modern}})
	s := newGateway(t, up.bundle("", ""))
	answers := make(chan answer, 10)
	for range cap(answers) {
		s.beside(newMCPRequest(s.URL+"/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"route","arguments":{"region":"eu"}}}`, "Authorization", "Bearer "+alice), answers)
	}
	for range cap(answers) {
		got := <-answers
		require.NoError(t, got.err)
		require.Equal(t, 200, got.Status, got.Body)
	}
}

// A server that is slow to start is not taken for one that has sessions.
func TestMCPSlowStart(t *testing.T) {
	server := &mcptest.Server{Era: mcptest.Modern}
	hold := make(chan struct{})
	up := &mcpServer{server, nil, nil, newProcess(t, func(conn net.Conn) {
		select {
		case <-hold:
			_ = server.Serve(conn, conn)
		case <-t.Context().Done():
		}
	})}
	t.Cleanup(server.Close)
	s := newGateway(t, up.bundle("", ""), gateway.WithMCPLimits(gateway.MCPLimits{Start: 200 * time.Millisecond}))
	require.Equal(t, 400, s.mcp(alice).alone(t, "tools/call", "echo", `"arguments":{"text":"x"}`).Status)
	close(hold)
	require.Eventually(t, func() bool {
		return s.mcp(alice).alone(t, "tools/call", "echo", `"arguments":{"text":"x"}`).Status == 200
	}, patience, 10*step)
}

// Methods and results that the gateway does not know go through: of the tasks extension,
// and what is to come.
func TestMCPExtensions(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("", ""))
	const task = `{"resultType":"task","task":{"taskId":"t/1","status":"working","ttl":1.0,"n":12345678901234567890},"x":null}`
	for _, method := range []string{"tasks/get", "tasks/update", "tasks/cancel", "tools/call", "x-vendor/anything"} {
		up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, ` {"id":%d ,"jsonrpc":"2.0","result":%s}`+"\n", 1, task)
		}})
		c, name := s.mcp(alice), ""
		if method == "tools/call" {
			name = "long"
		}
		got := c.alone(t, method, name, `"taskId":"t/1"`)
		require.Equal(t, 200, got.Status)
		require.Equal(t, `{"id":1 ,"jsonrpc":"2.0","result":`+task+`}`, got.Body)
		e := s.event(t)
		require.Equal(t, method, e.MCP.Method)
		if method == "tools/call" {
			require.Equal(t, "task", e.MCP.ResultStatus)
		}
		all := up.http.Requests()
		require.Contains(t, string(all[len(all)-1].Body), `"taskId":"t/1"`)
	}
}

// The status of an answer is the server's own. One that has none, as it is no server over
// HTTP, has the status that the specification gives its error.
func TestMCPModernStatus(t *testing.T) {
	const answer = `{"jsonrpc":"2.0","id":%s,"error":{"x":1.0,"code":%d,"message":"m","data":[]}}`
	up := newMCPHTTP(t, &mcptest.HTTP{})
	process := sloppy(t, func(m gjson.Result, write func(string, ...any)) {
		switch id := m.Get("id").Raw; m.Get("method").Str {
		case "server/discover":
			write(`{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}}`, id)
		case "tools/call":
			write(answer, id, m.Get("params.arguments.code").Int())
		}
	})
	overHTTP, overStdio := newGateway(t, up.bundle("", "")), newGateway(t, process.bundle("", ""))
	for code, status := range map[int]int{-32700: 400, -32600: 400, -32601: 404, -32602: 200, -32603: 200, -32000: 200, -32020: 400, -32021: 400, -32022: 400, 7: 200} {
		for _, own := range []int{200, status, 0} {
			s, want := overHTTP, own
			if own == 0 {
				s, want = overStdio, status
			} else {
				up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(own)
					fmt.Fprintf(w, answer, "1", code)
				}})
			}
			got := s.mcp(alice).alone(t, "tools/call", "echo", fmt.Sprintf(`"arguments":{"code":%d}`, code))
			require.Equal(t, want, got.Status, "%d: %s", code, got.Body)
			require.Equal(t, fmt.Sprintf(answer, "1", code), got.Body)
			e := s.event(t)
			require.Equal(t, []any{want, "error", "rpc_error", false}, []any{e.StatusCode, e.MCP.ResultStatus, e.ErrorType, e.Success})
		}
	}
}

// Text between tokens may be anything, also where events have to carry it.
func TestMCPLineEnds(t *testing.T) {
	const pretty = "{\r\n  \"id\": 1,\n\t\"result\": {\n\n    \"x\": [\r\n      1.0\r\n    ],\n    \"s\": \"a\\nb\"\n  },\r  \"jsonrpc\": \"2.0\"\n}"
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("", ""))
	for _, accept := range []string{acceptBoth, "application/json", "text/event-stream"} {
		up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: jsonAnswer("\n" + pretty + "\r\n")})
		c := s.mcp(alice)
		body, headers := c.stateless("tools/list", "", "")
		got := c.post(t, body, append(headers, "Accept", accept)...)
		require.Equal(t, 200, got.Status, got.Body)
		if accept != "text/event-stream" {
			require.Equal(t, pretty, got.Body)
		}
		require.Equal(t, `{"id":1,"result":{"x":[1.0],"s":"a\nb"},"jsonrpc":"2.0"}`, got.result(t).Get("@ugly").Raw)
	}
}
