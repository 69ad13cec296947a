package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// Texts in which two readers could find two things. raw is denied; echo is not.
var ambiguous = map[string]string{
	"name twice":              `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"raw"}}`,
	"name twice, escaped":     `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","n\u0061me":"raw"}}`,
	"Name":                    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"raw"}}`,
	"Name alone":              `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"Name":"raw"}}`,
	"NAME before":             `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"NAME":"raw","name":"echo"}}`,
	"_meta twice":             `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{},"_meta":{"progressToken":1}}}`,
	"_Meta":                   `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_Meta":{}}}`,
	"token twice":             `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"progressToken":1,"progressToken":2}}}`,
	"progresstoken":           `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"progresstoken":1}}}`,
	"arguments twice":         `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{},"arguments":{"text":"x"}}}`,
	"params twice":            `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"params":{"name":"raw"}}`,
	"Params":                  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"Params":{"name":"raw"}}`,
	"long s":                  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"paramſ":{"name":"raw"}}`,
	"method twice":            `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"raw"}}`,
	"Method":                  `{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"raw"}}`,
	"id twice":                `{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`,
	"ID":                      `{"jsonrpc":"2.0","id":1,"ID":2,"method":"ping"}`,
	"jsonrpc twice":           `{"jsonrpc":"2.0","jsonrpc":"1.0","id":1,"method":"ping"}`,
	"request and response":    `{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}`,
	"no version":              `{"id":1,"method":"ping"}`,
	"version 1.0":             `{"jsonrpc":"1.0","id":1,"method":"ping"}`,
	"id null":                 `{"jsonrpc":"2.0","id":null,"method":"ping"}`,
	"id an object":            `{"jsonrpc":"2.0","id":{},"method":"ping"}`,
	"id true":                 `{"jsonrpc":"2.0","id":true,"method":"ping"}`,
	"id too long":             `{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 2000) + `","method":"ping"}`,
	"method a number":         `{"jsonrpc":"2.0","id":1,"method":5}`,
	"method empty":            `{"jsonrpc":"2.0","id":1,"method":""}`,
	"params a string":         `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"raw"}`,
	"params null":             `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}`,
	"name a number":           `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":5}}`,
	"name null":               `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":null}}`,
	"name a list":             `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["raw"]}}`,
	"name an object":          `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":{"name":"raw"}}}`,
	"uri a number":            `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":5}}`,
	"uri twice":               `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a:b","uri":"c:d"}}`,
	"two messages":            `{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"raw"}}`,
	"two lines":               "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}",
	"half a message":          `{"jsonrpc":"2.0","id":1,"method":"ping"`,
	"no JSON":                 `hello`,
	"a number":                `1`,
	"a string with a newline": "{\"jsonrpc\":\"2.0\",\"id\":\"a\nb\",\"method\":\"ping\"}",
	"no UTF-8":                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{\"text\":\"\xff\"}}}",
	"too deep":                `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}}`,
	"an empty batch":          `[]`,
	"a batch of nonsense":     `[1]`,
	"a batch in a batch":      `[[{"jsonrpc":"2.0","id":1,"method":"ping"}]]`,
	"initialize in a batch":   `[` + initialize + `]`,
	"a batch, name twice":     `[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"raw"},"params":{}}]`,
}

// What is ambiguous reaches no server.
func TestMCPAmbiguous(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{JSON: true})
	s := newGateway(t, up.bundle("", "tool_policy: {mode: deny, tools: [raw]}"))
	c, bare := s.mcp(alice).begin(t), s.mcp(alice)
	bare.ask(t, "ping", "")
	before := len(up.Received())
	for name, body := range ambiguous {
		for way, headers := range map[string][]string{
			"session": c.headers(), "bare": bare.headers(), "JSON": bare.headers("Accept", "application/json"),
			"alone": {"Accept", acceptBoth, "Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "echo"},
		} {
			s.drain()
			got := s.do(t, "POST", "/mcp", body, headers...)
			require.Equal(t, 400, got.Status, "%s, %s: %s", name, way, got.Body)
			require.Equal(t, "application/json", got.Header.Get("Content-Type"))
			require.Less(t, got.result(t).Get("error.code").Int(), int64(-32000), "%s, %s: %s", name, way, got.Body)
			require.Len(t, up.Received(), before, "%s, %s", name, way)
			require.False(t, s.event(t).Success)
		}
	}
}

// However a name is written, it is the name that is decided by.
func TestMCPEscapedNames(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("isolation: session", "tool_policy: {mode: deny, tools: [raw]}"))
		c := s.mcp(alice).begin(t)
		c.ask(t, "ping", "")
		before := len(up.Received())
		for _, params := range []string{`{"n\u0061me":"raw"}`, `{"name":"r\u0061w"}`, `{"arguments":{"name":"echo"},"name":"raw"}`, `{"_meta":{"name":"echo"},"name":"raw"}`, ` { "name" : "\u0072\u0061\u0077" } `} {
			r := c.ask(t, "tools/call", params)
			require.Equal(t, int64(-32601), r.Get("error.code").Int(), "%s: %s", params, r.Raw)
		}
		for _, method := range []string{`tools\/call`, `tools/c\u0061ll`} {
			got := c.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":"m","m\u0065thod":"%s","params":{"name":"raw"}}`, method))
			require.Equal(t, int64(-32601), got.result(t).Get("error.code").Int(), got.Body)
		}
		require.Len(t, up.Received(), before)
		// Others are let through, for the server to say what it makes of them.
		for _, name := range []string{`raw\u0000`, "Raw", " raw", "ｒａｗ", `raw\u200b`} {
			r := c.ask(t, "tools/call", fmt.Sprintf(`{"name":"%s"}`, name))
			require.Equal(t, int64(-32602), r.Get("error.code").Int(), r.Raw)
		}
	})
}

// Each message of a batch is held to what it would be held to alone.
func TestMCPBatch(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("isolation: key", "tool_policy: {mode: deny, tools: [raw], overrides: {echo: {name: say}}}"))
		c := s.mcp(alice).begin(t)
		call := func(id, name string) string {
			return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":{"text":"\u00e9"}}}`, id, name)
		}
		batch := "[" + strings.Join([]string{call("1", "say"), initialized, call(`"\u00fc"`, "raw"), call("3.0", "echo"), `{"jsonrpc":"2.0","id":4,"method":"tools/list"}`}, " , ") + "]"
		for _, accept := range []string{acceptBoth, "application/json"} {
			got := c.post(t, batch, "Accept", accept)
			require.Equal(t, 200, got.Status, got.Body)
			byID := map[string]gjson.Result{}
			for _, m := range got.messages(t) {
				r := gjson.Parse(m)
				if !r.IsArray() {
					byID[r.Get("id").Raw] = r
				}
				for _, r := range r.Array() {
					byID[r.Get("id").Raw] = r
				}
			}
			require.Len(t, byID, 4, got.Body)
			require.Equal(t, "é", byID["1"].Get("result.content.0.text").Str)
			require.Equal(t, int64(-32601), byID[`"\u00fc"`].Get("error.code").Int())
			require.Equal(t, int64(-32601), byID["3.0"].Get("error.code").Int())
			require.Equal(t, `["say","big","progress","ask"]`, byID["4"].Get("result.tools.#.name").Raw)
			var methods []string
			for range 4 {
				methods = append(methods, s.event(t).MCP.Method)
			}
			require.NotContains(t, methods, "")
		}
		require.Equal(t, 202, c.post(t, "["+initialized+"]").Status)
		for _, m := range up.Received() {
			require.NotContains(t, m, `"raw"`)
			require.NotContains(t, m, "[{")
		}
	})
}
