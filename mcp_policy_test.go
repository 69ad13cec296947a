package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// toolPolicies are policies of a route and of a key, what a caller sees with them, and
// what it calls by some names: the server's name of the tool, or nothing.
var toolPolicies = map[string]struct {
	route, key string
	list       string // the names that are shown of echo, raw, big, fail and stranger, in their order
	calls      map[string]string
}{
	"none":                                  {"", "", "echo raw big fail stranger", map[string]string{"echo": "echo", "raw": "raw"}},
	"empty":                                 {"{}", "", "echo raw big fail stranger", map[string]string{"raw": "raw"}},
	"allow":                                 {"{mode: allow, tools: [echo, stranger]}", "", "echo stranger", map[string]string{"echo": "echo", "raw": "", "Echo": "", "echo ": "", "": ""}},
	"allow nothing":                         {"{mode: allow}", "", "", map[string]string{"echo": "", "raw": ""}},
	"deny":                                  {"{mode: deny, tools: [raw, big]}", "", "echo fail stranger", map[string]string{"echo": "echo", "raw": "", "big": ""}},
	"deny nothing":                          {"{mode: deny}", "", "echo raw big fail stranger", map[string]string{"raw": "raw"}},
	"alias":                                 {"{overrides: {echo: {name: say}}}", "", "say raw big fail stranger", map[string]string{"say": "echo", "echo": "", "raw": "raw"}},
	"described":                             {"{overrides: {echo: {description: x}}}", "", "echo raw big fail stranger", map[string]string{"echo": "echo"}},
	"swapped":                               {"{overrides: {echo: {name: raw}, raw: {name: echo}}}", "", "raw echo big fail stranger", map[string]string{"echo": "raw", "raw": "echo"}},
	"shadowed":                              {"{overrides: {echo: {name: raw}}}", "", "raw big fail stranger", map[string]string{"raw": "echo", "echo": ""}},
	"shadow, denied":                        {"{mode: deny, tools: [echo], overrides: {echo: {name: raw}}}", "", "big fail stranger", map[string]string{"raw": "", "echo": ""}},
	"alias, allowed":                        {"{mode: allow, tools: [echo], overrides: {echo: {name: say}, raw: {name: shout}}}", "", "say", map[string]string{"say": "echo", "echo": "", "raw": "", "shout": ""}},
	"alias is no tool's name for the route": {"{mode: allow, tools: [say], overrides: {echo: {name: say}}}", "", "", map[string]string{"say": "", "echo": ""}},

	"key allows":                {"", "{mode: allow, tools: [raw]}", "raw", map[string]string{"echo": "", "raw": "raw"}},
	"key denies":                {"", "{mode: deny, tools: [raw]}", "echo big fail stranger", map[string]string{"echo": "echo", "raw": ""}},
	"key allows nothing":        {"", "{mode: allow}", "", map[string]string{"echo": "", "raw": ""}},
	"both allow":                {"{mode: allow, tools: [echo, raw]}", "{mode: allow, tools: [raw, big]}", "raw", map[string]string{"echo": "", "raw": "raw", "big": ""}},
	"key denies what is left":   {"{mode: allow, tools: [echo, raw]}", "{mode: deny, tools: [raw]}", "echo", map[string]string{"echo": "echo", "raw": "", "big": ""}},
	"key allows what is denied": {"{mode: deny, tools: [raw]}", "{mode: allow, tools: [raw]}", "", map[string]string{"raw": "", "echo": ""}},
	"key allows by alias":       {"{overrides: {echo: {name: say}}}", "{mode: allow, tools: [say]}", "say", map[string]string{"say": "echo", "echo": "", "raw": ""}},
	"key allows by name":        {"{overrides: {echo: {name: say}}}", "{mode: allow, tools: [echo]}", "say", map[string]string{"say": "echo", "echo": "", "raw": ""}},
	"key denies by alias":       {"{overrides: {echo: {name: say}}}", "{mode: deny, tools: [say]}", "raw big fail stranger", map[string]string{"say": "", "echo": ""}},
	"key denies by name":        {"{overrides: {echo: {name: say}}}", "{mode: deny, tools: [echo]}", "raw big fail stranger", map[string]string{"say": "", "echo": ""}},
}

// names are those of tools on all pages of their list.
func (c *mcpCaller) names(t *testing.T, ask func(members string) gjson.Result) string {
	t.Helper()
	var names []string
	for members := ""; ; {
		r := ask(members).Get("result")
		require.True(t, r.Get("tools").IsArray(), r.Raw)
		for _, tool := range r.Get("tools").Array() {
			switch name := tool.Get("title").Str; name {
			case "The echo", "The raw", "The big", "The fail", "The stranger":
				names = append(names, tool.Get("name").Str)
			}
		}
		next := r.Get("nextCursor").Str
		if next == "" {
			return strings.Join(names, " ")
		}
		members = fmt.Sprintf(`"cursor":%q`, next)
	}
}

// What a caller may do with tools, by the policies of the route and of its key: in a
// session, without one, and in the era without any.
func TestMCPToolPolicy(t *testing.T) {
	for name, tt := range toolPolicies {
		for i, kind := range mcpKinds {
			t.Run(name+"/"+kind, func(t *testing.T) {
				up := newMCP(t, kind, &mcptest.Server{Page: 2 + i*5})
				route := ""
				if tt.route != "" {
					route = "tool_policy: " + tt.route
				}
				s := newGateway(t, toolsOf(up.bundle("", route), "alice", tt.key))
				c, bare := s.mcp(alice).begin(t), s.mcp(alice)
				ways := map[string]func(method, name, members string) answer{
					"session": func(method, name, members string) answer {
						return c.post(t, c.request(method, mcpParams(name, method, members)))
					},
					"bare": func(method, name, members string) answer {
						return bare.post(t, bare.request(method, mcpParams(name, method, members)), "Accept", "application/json")
					},
					"alone": func(method, name, members string) answer { return bare.alone(t, method, name, members) },
				}
				for way, do := range ways {
					require.Equal(t, tt.list, c.names(t, func(members string) gjson.Result { return do("tools/list", "", members).result(t) }), way)
					for shown, executed := range tt.calls {
						if strings.TrimSpace(shown) != shown || shown == "" {
							continue // no such header
						}
						s.drain()
						before := len(up.Received())
						got := do("tools/call", shown, `"arguments":{"text":"x"}`)
						require.Equal(t, 200, got.Status, "%s %s: %s", way, shown, got.Body)
						requireCall(t, up.Received()[before:], got.result(t), s.call(t), shown, executed, tt.route != "" && tt.route != "{}" || tt.key != "")
					}
				}
			})
		}
	}
}

func requireCall(t *testing.T, received []string, r gjson.Result, e *metrics.Event, shown, executed string, decided bool) {
	t.Helper()
	if executed == "" {
		require.Empty(t, received, "nothing reaches the server")
		require.Equal(t, int64(-32601), r.Get("error.code").Int(), r.Raw)
		require.Equal(t, metrics.PolicyDeny, e.MCP.PolicyAction)
		require.Equal(t, "denied", e.MCP.ResultStatus)
		require.Equal(t, shown, e.MCP.PresentedToolName)
		require.Empty(t, e.MCP.ExecutedToolName)
		require.False(t, e.Success)
		require.Equal(t, 200, e.StatusCode)
		return
	}
	require.Equal(t, executed, gjson.Get(received[len(received)-1], "params.name").Str)
	require.True(t, r.Get("result").Exists(), r.Raw)
	require.Equal(t, []string{executed, shown, executed}, []string{e.MCP.ToolName, e.MCP.PresentedToolName, e.MCP.ExecutedToolName})
	if decided {
		require.Equal(t, "allow", e.MCP.PolicyAction)
	} else {
		require.Empty(t, e.MCP.PolicyAction)
	}
}

// A list that cannot be understood is not shown, as nobody knows what is in it.
func TestMCPToolsNotUnderstood(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("isolation: session", "tool_policy: {mode: deny, tools: [raw]}"))
	c := s.mcp(alice).begin(t)
	for _, tools := range []string{`{}`, `{"x":[{"name":"raw"}]}`, `[{"name":"raw"}]`, `"raw"`, `{"tools":{}}`, `{"tools":null}`, `{"tools":"raw"}`, `{"tools":[1]}`, `{"tools":[{"name":5}]}`, `{"tools":[{}]}`, `{"tools":[{"name":"echo","name":"raw"}]}`, `{"tools":[{"name":"echo","Name":"raw"}]}`, `{"tools":[],"tools":[{"name":"raw"}]}`, `{"tools":[],"Tools":[{"name":"raw"}]}`} {
		up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: jsonAnswer(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s}`, c.last+1, tools))})
		r := c.ask(t, "tools/list", "")
		require.Equal(t, int64(-32603), r.Get("error.code").Int(), "%s: %s", tools, r.Raw)
		require.NotContains(t, r.Raw, "raw")
	}
	for _, result := range []string{`{"tools":[]}`, `{"tools":[{"\u006eame":"raw"}]}`} {
		up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: jsonAnswer(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s}`, c.last+1, result))})
		require.NotContains(t, c.ask(t, "tools/list", "").Get("result").Raw, "raw")
	}
}

// What a server might take for a call of a tool, or for a list of them, though it is none,
// does not come past a policy.
func TestMCPPolicyEvaded(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, route := range []string{"tool_policy: {mode: deny, tools: [raw]}", "tool_policy: {mode: allow, tools: [echo]}"} {
			s := newGateway(t, up.bundle("", route))
			c := s.mcp(alice).begin(t)
			for _, params := range []string{`["raw",{}]`, `{}`, ``, `{"arguments":{}}`} {
				got := c.post(t, c.request("tools/call", params))
				require.Equal(t, 400, got.Status, got.Body)
				require.Equal(t, int64(-32602), got.result(t).Get("error.code").Int(), got.Body)
			}
			for _, method := range []string{"Tools/Call", "tools/call ", "/tools/call", "tools/call\x00", "TOOLS/LIST", "tools/list/"} {
				got := c.post(t, `{"jsonrpc":"2.0","id":1,"method":`+quoted(method)+`,"params":{"name":"raw"}}`)
				require.Equal(t, 400, got.Status, "%q: %s", method, got.Body)
			}
			for _, method := range []string{"tools/call", "tools/list", "resources/read"} { // without an id
				got := c.post(t, `{"jsonrpc":"2.0","method":"`+method+`","params":{"name":"raw"}}`)
				require.Equal(t, 400, got.Status, got.Body)
			}
			for _, r := range up.Received() {
				require.NotContains(t, strings.ToLower(r), "tools/")
			}
		}
		s := newGateway(t, up.bundle("", ""))
		got := s.mcp(alice).begin(t).post(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["raw"]}`)
		require.Equal(t, 200, got.Status, "without a policy it is the server's to say")
	})
}

// Of a tool that a policy names and the server does not have, the operator is told, once.
func TestMCPPolicyUnknownTools(t *testing.T) {
	up := newMCP(t, "json", &mcptest.Server{Page: 100})
	s := newGateway(t, up.bundle("", "tool_policy: {mode: allow, tools: [ecko, echo, gone], overrides: {gone: {name: away}, raww: {name: x}}}"))
	c := s.mcp(alice).begin(t)
	for range 3 {
		c.ask(t, "tools/list", "")
	}
	const said = `a tool_policy names tools that the MCP server does not list" route=r service=up tools="[ecko gone raww]"`
	require.Equal(t, 1, strings.Count(s.log.String(), said), s.log.String())
}
