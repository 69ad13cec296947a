package gateway_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
)

// mcpMethods are requests, each with a path in its result and what is there.
var mcpMethods = []struct {
	method, name, members string // name: what Mcp-Name repeats
	path, want            string
	legacy                bool // there is no such method without sessions
}{
	{"ping", "", "", "@ugly", `{}`, true},
	{"logging/setLevel", "", `"level":"debug"`, "@ugly", `{}`, true},
	{"resources/subscribe", "", `"uri":"test://x"`, "@ugly", `{}`, true},
	{"resources/unsubscribe", "", `"uri":"test://x"`, "@ugly", `{}`, true},
	{"tools/list", "", "", "tools.0.name", "echo", false},
	{"tools/list", "", `"cursor":"page=5"`, "nextCursor", "page=10", false},
	{"tools/call", "echo", `"arguments":{"text":"é"}`, "content.0.text", "é", false},
	{"tools/call", "fail", "", "isError", "true", false},
	{"resources/list", "", `"cursor":"page=5"`, "resources.#", "2", false},
	{"resources/templates/list", "", "", "resourceTemplates.1.uriTemplate", "test://template-2/{id}", false},
	{"resources/read", "test://a/b", "", "contents.0.x-size", "18446744073709551615", false},
	{"prompts/list", "", "", "nextCursor", "page=5", false},
	{"prompts/get", "prompt-1", `"arguments":{"topic":"é"}`, "messages.0.content.text", "prompt-1: é", false},
	{"completion/complete", "", `"ref":{"type":"ref/prompt","name":"prompt-1"},"argument":{"name":"topic","value":"x"}`, "completion.values.1", "xb", false},
}

func mcpParams(name, method, members string) string {
	switch {
	case name == "":
	case method == "resources/read":
		members = more(fmt.Sprintf(`"uri":%q`, name), members)
	default:
		members = more(fmt.Sprintf(`"name":%q`, name), members)
	}
	return "{" + members + "}"
}

// Every method of the protocol, over every transport, whoever shares the upstream
// session, and in both eras.
func TestMCPMethods(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			callers := map[string]*mcpCaller{"session": s.mcp(alice).begin(t), "bare": s.mcp(alice)}
			for _, m := range mcpMethods {
				for name, c := range callers {
					got := c.ask(t, m.method, mcpParams(m.name, m.method, m.members))
					require.Equal(t, m.want, got.Get("result").Get(m.path).String(), "%s %s: %s", name, m.method, got.Raw)
				}
				if m.legacy {
					continue
				}
				got := s.mcp(bob).alone(t, m.method, m.name, m.members)
				require.Equal(t, 200, got.Status, got.Body)
				result := got.result(t).Get("result")
				require.Equal(t, m.want, result.Get(m.path).String(), "%s: %s", m.method, got.Body)
				require.Equal(t, "complete", result.Get("resultType").Str)
			}
		}
	})
}

// mcpLists are the first and the last name of each list.
var mcpLists = map[string][2]string{
	"tools": {"echo", "stranger"}, "resources": {"resource-1", "resource-7"},
	"prompts": {"prompt-1", "prompt-6"}, "resourceTemplates": {"template-1", "template-2"},
}

// Lists are read page by page, and each page is the server's.
func TestMCPPages(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		s := newGateway(t, up.bundle("", ""))
		c := s.mcp(alice).begin(t)
		for method, member := range map[string]string{"tools/list": "tools", "resources/list": "resources", "prompts/list": "prompts", "resources/templates/list": "resourceTemplates"} {
			var names []string
			for cursor := ""; ; {
				params := "{}"
				if cursor != "" {
					params = fmt.Sprintf(`{"cursor":%q}`, cursor)
				}
				r := c.ask(t, method, params).Get("result")
				r.Get(member).ForEach(func(_, item gjson.Result) bool { names = append(names, item.Get("name").Str); return true })
				if cursor = r.Get("nextCursor").Str; cursor == "" {
					break
				}
			}
			require.Equal(t, [2]string{names[0], names[len(names)-1]}, mcpLists[member])
			require.Len(t, slices.Compact(slices.Sorted(slices.Values(names))), len(names), "none stands twice")
		}
	})
}

// Progress is there while the call runs, in the caller's words, and so are log messages.
func TestMCPProgress(t *testing.T) {
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"session", "key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""), gateway.WithMCPLimits(gateway.MCPLimits{KeepAlive: time.Millisecond}))
			slow := func(c *mcpCaller, token string) *mcpStream {
				return c.open(t, c.request("tools/call", `{"name":"slow","_meta":{"progressToken":`+token+`}}`))
			}
			// Two callers with one token, at once.
			one, two := slow(s.mcp(alice).begin(t), `"t"`), slow(s.mcp(alice).begin(t), `"t"`)
			other, third := slow(s.mcp(bob).begin(t), `1`), slow(s.mcp(bob), `1.0`)
			for st, token := range map[*mcpStream]string{one: `"t"`, two: `"t"`, other: `1`, third: `1.0`} {
				m := st.next(t)
				require.Equal(t, "notifications/progress", m.Get("method").Str, m.Raw)
				require.Equal(t, token, m.Get("params.progressToken").Raw)
				require.Equal(t, "12345678901234567890", m.Get("params.x-exact").Raw)
				st.close()
			}
			c := s.mcp(alice).begin(t)
			heard := c.listen(t)
			st := c.open(t, c.request("tools/call", `{"name":"slow"}`))
			if isolation != "shared" || up.http != nil { // where nobody knows of whose call it is
				heard = st
			}
			require.Equal(t, "notifications/message", heard.next(t).Get("method").Str)
			body, headers := c.stateless("tools/call", "slow", "")
			st = c.open(t, body, headers...)
			require.Equal(t, "notifications/message", st.next(t).Get("method").Str)
		}
	})
}
