package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// What a service withholds of its callers' capabilities the server is not told of, and may
// not ask for; everything else of them stays as it is.
func TestMCPWithhold(t *testing.T) {
	const said = `{"sampling":{"x":1.50}, "\u0072oots" : {"listChanged":true},"tasks":{"list":{},"requests":{"elicitation":{"create":{}}, "sampling":{}}},"x-future":[1]}`
	hello := func(capabilities string) string {
		return `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":` + capabilities + `,"clientInfo":{"name":"c","version":"1"}}}`
	}
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key"} {
			s := newGateway(t, up.bundle("withhold_capabilities: [roots, elicitation], isolation: "+isolation, ""))
			c := s.mcp(alice)
			before := len(up.begins())
			got := c.post(t, hello(said))
			require.Equal(t, 200, got.Status, got.Body)
			c.session, c.version = got.Header.Get("Mcp-Session-Id"), "2025-11-25"
			require.Equal(t, 202, c.post(t, initialized).Status)
			require.Equal(t, `{"sampling":{"x":1.50},"tasks":{"list":{},"requests":{"sampling":{}}},"x-future":[1]}`, gjson.Get(up.begins()[before], "params.capabilities").Raw)

			for method, passed := range map[string]bool{"roots/list": false, "elicitation/create": false, "sampling/createMessage": true} {
				st := c.open(t, c.request("tools/call", toolCall("ask", fmt.Sprintf(`{"method":%q,"params":{}}`, method))))
				m := st.next(t)
				if passed {
					require.Equal(t, method, m.Get("method").Str)
					c.answer(t, m, "{}")
					m = st.next(t)
				}
				require.Equal(t, int64(c.last), m.Get("id").Int(), m.Raw)
				answered := gjson.Parse(m.Get("result.content.0.text").Str)
				require.Equal(t, passed, answered.Get("result").Exists(), answered.Raw)
				if !passed {
					require.Equal(t, int64(-32601), answered.Get("error.code").Int(), answered.Raw)
				}
			}
			// Nor outside of a call.
			listen := c.listen(t)
			c.tool(t, "watch", "{}")
			_, err := up.WaitReceived(t.Context(), `does not pass \"roots/list\" on`)
			require.NoError(t, err)
			require.Equal(t, 202, c.post(t, `{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`).Status)
			require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`))
			for _, r := range up.Received() {
				require.NotContains(t, r, `"notifications/roots/list_changed"`)
			}
			up.Emit(toolsChanged)
			require.Equal(t, toolsChanged, listen.next(t).Raw)

			bad := s.mcp(alice).post(t, hello(`{"roots":{},"Roots":{}}`))
			require.Equal(t, 400, bad.Status, bad.Body)
		}
	})
}

// The same of requests that stand alone.
func TestMCPWithholdAlone(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{Server: &mcptest.Server{Era: mcptest.Modern}})
	s := newGateway(t, up.bundle("withhold_capabilities: [roots]", ""))
	ask := func(c *mcpCaller, capabilities string) answer {
		body, headers := c.stateless("tools/call", "raw", "")
		body = body[:len(body)-len(`"io.modelcontextprotocol/clientCapabilities":{}}}}`)] + `"io.modelcontextprotocol/clientCapabilities":` + capabilities + `}}}`
		return c.post(t, body, headers...)
	}
	c := s.mcp(alice)
	got := ask(c, `{"roots":{}, "elicitation":{}}`)
	require.Equal(t, 200, got.Status, got.Body)
	raw := got.result(t).Get("result.content.0.text").Str
	require.True(t, json.Valid([]byte(raw)))
	require.Equal(t, `{"elicitation":{}}`, gjson.Get(raw, `params._meta.io\.modelcontextprotocol/clientCapabilities`).Raw)
	require.Equal(t, 400, ask(c, `{"roots":{},"ROOTS":{}}`).Status)

	// Nor by an answer that nobody has asked for.
	before := len(up.Received())
	for responses, status := range map[string]int{
		`{"a":{"roots":[{"uri":"file:///etc"}]}}`:                                400,
		`{"a":{"action":"accept"},"b":{"roots":[]}}`:                             400,
		`{"a":{"\u0072oots":[]}}`:                                                400,
		`{"a":{"Roots":[]}}`:                                                     400,
		`{"a":{"action":"accept","content":{"roots":["of a form"]}}}`:            200,
		`{"a":{"role":"assistant","content":{"type":"text"},"model":"m"},"b":1}`: 200,
	} {
		got := c.alone(t, "tools/call", "raw", `"inputResponses":`+responses)
		require.Equal(t, status, got.Status, got.Body)
	}
	require.Len(t, up.Received(), before+2)

	// And a result that asks in an unclear way is none.
	for _, requests := range []string{
		`"inputRequests":{"a":{"method":"x/y","method":"roots/list"}}`, `"inputRequests":{"a":{"method":"roots/list","Method":"ping"}}`,
		`"inputRequests":{},"inputRequests":{"a":{"method":"roots/list"}}`, `"InputRequests":{"a":{"method":"roots/list"}}`, `"inputRequests":{"a":{"method":"Roots/List"}}`,
	} {
		id := c.last + 1
		up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: jsonAnswer(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{"resultType":"input_required",%s}}`, id, requests))})
		r := c.alone(t, "tools/call", "raw", "").result(t)
		require.Equal(t, int64(-32601), r.Get("error.code").Int(), r.Raw)
	}

	for method, passed := range map[string]bool{"roots/list": false, "elicitation/create": true} {
		id := c.last + 1
		up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%d,"result":{"resultType":"input_required","inputRequests":{"a":{"method":"x/y"},"b":{"params":{},"method":%q}},"requestState":"s"}}`, id, method)
		}})
		r := c.alone(t, "tools/call", "raw", "").result(t)
		require.Equal(t, passed, r.Get("result").Exists(), r.Raw)
		require.Equal(t, int64(c.last), r.Get("id").Int())
		if !passed {
			require.Equal(t, int64(-32601), r.Get("error.code").Int(), r.Raw)
		}
	}
}
