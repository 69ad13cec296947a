package configstore

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseMCPQuickstarts(t *testing.T) {
	route := func(service string) *MCPRoute {
		return &MCPRoute{
			ID: "mcp:" + service + ":/mcp", ServiceID: service,
			MatchPolicy: MatchPolicy{PathPrefix: "/mcp"}, AuthPolicy: AuthPolicy{RequireVirtualKey: true},
		}
	}
	for file, want := range map[string][]Object{
		"quickstart_mcp.yaml": {
			&MCPService{ID: "mcp-main", Name: "Main MCP Service", Transport: "streamable_http", URL: "https://mcp.example/mcp", Isolation: "session"},
			route("mcp-main"),
			&VirtualKey{ID: "mcp-key", AllowedRouteIDs: []string{"mcp:mcp-main:/mcp"}},
		},
		"quickstart_mcp_stdio.yaml": {
			&MCPService{
				ID: "mcp-fs", Name: "Filesystem MCP Service", Transport: "stdio", Isolation: "key",
				Command: "npx", Args: []string{"-y", "@modelcontextprotocol/server-filesystem", "/tmp"},
			},
			route("mcp-fs"),
			&VirtualKey{ID: "mcp-key", AllowedRouteIDs: []string{"mcp:mcp-fs:/mcp"}},
		},
	} {
		b, faults := ParseBundle(bundleFile(t, file), YAML, lookupIn(map[string]string{"MCP_SERVICE_URL": "https://mcp.example/mcp"}))
		require.Empty(t, faults)
		require.Empty(t, b.Check())
		var got []Object
		for _, item := range b.Items {
			got = append(got, item.Object)
		}
		require.Equal(t, want, got)
	}
}

func TestMCPServiceFaults(t *testing.T) {
	const (
		web   = "id: s, transport: streamable_http, url: https://mcp.example/mcp"
		sse   = "id: s, transport: sse, url: https://mcp.example/sse"
		stdio = "id: s, transport: stdio, command: npx"
	)
	for _, tt := range []struct{ fields, want string }{
		{web, ""},
		{web + "?profile=a, description: d, max_instances: 4, idle_ttl: 10m, isolation: shared", ""},
		{web + ", headers: {Authorization: Token x, X-A: '1'}", ""},
		{web + ", auth: {type: bearer, token: t}", ""},
		{web + ", auth: {type: basic, username: u, password: 'p w'}", ""},
		{web + ", audit: {capture_tool_args: true, max_bytes: 100}", ""},
		{sse + ", post_url: https://mcp.example/messages", ""},
		{stdio + ", args: ['a b', ''], env: {A: '', B_C: x y}, cwd: /srv, isolation: session", ""},
		{stdio + ", max_instances: 4, max_instances_per_key: 4, withhold_capabilities: [roots, sampling, elicitation]", ""},
		{"id: s, transport: stdio, command: /opt/my server/run", ""},

		{"id: s", "transport is required: one of streamable_http, sse, stdio"},
		{"id: a/b, transport: stdio, command: x", `id is "a/b"; spaces, control characters and any of / \ ? # % do not go into an id`},
		{"id: s, transport: http, url: 'https://mcp.example'", `transport is "http"; it must be one of streamable_http, sse, stdio`},
		{"id: s, transport: streamable_http", "url is required"},
		{"id: s, transport: sse, url: 'ws://mcp.example'", "url must begin with http:// or https://"},
		{"id: s, transport: sse, url: /sse", "url must begin with http:// or https://"},
		{"id: s, transport: sse, url: 'https:///sse'", "url names no host"},
		{"id: s, transport: sse, url: 'https://u:sekret@mcp.example'", "url must not carry a user name or password: they would be shown to readers of the configuration"},
		{web + "#x", "url must not carry a fragment (#…)"},
		{sse + ", post_url: 'ftp://x'", "post_url must begin with http:// or https://"},
		{web + ", post_url: 'https://x'", "post_url is for transport sse; this service has streamable_http"},
		{web + ", command: npx", "command is for transport stdio; this service has streamable_http"},
		{sse + ", args: [a], env: {A: b}, cwd: /x", "args is for transport stdio; this service has sse\ncwd is for transport stdio; this service has sse\nenv is for transport stdio; this service has sse"},
		{stdio + ", url: 'https://x', headers: {X-A: b}", "headers is for transport streamable_http or sse; this service has stdio\nurl is for transport streamable_http or sse; this service has stdio"},
		{stdio + ", auth: {type: bearer, token: t}", "auth is for transport streamable_http or sse; this service has stdio"},

		{web + ", headers: {Host: x}", "headers.Host is set by the gateway itself"},
		{web + ", headers: {content-type: x}", "headers.content-type is set by the gateway itself"},
		{web + ", headers: {mcp-session-id: x}", "headers.mcp-session-id is set by the gateway itself"},
		{web + ", headers: {Connection: x}", "headers.Connection is set by the gateway itself"},
		{web + ", headers: {Proxy-Authorization: x}", "headers.Proxy-Authorization is set by the gateway itself"},
		{web + ", headers: {'a b': x}", `headers has "a b", which is not a header's name`},
		{web + ", headers: {X-A: \"a\\nb\"}", "headers.X-A has a control character in its value"},
		{web + ", headers: {X-A: a, x-a: b}", "headers.x-a is there twice: case makes no difference in a header's name"},
		{web + ", headers: {authorization: x}, auth: {type: bearer, token: t}", "headers.Authorization is set by auth: give one of the two"},

		{web + ", auth: {token: t}", "auth.type is required: one of bearer, basic"},
		{web + ", auth: {type: oauth2}", "auth.type is oauth2, which is not supported by this version yet: use bearer with a token of the server's, or basic"},
		{web + ", auth: {type: digest}", `auth.type is "digest"; it must be one of bearer, basic`},
		{web + ", auth: {type: bearer, token: 'a b'}", "auth.token has a space, a line break or another character that a header cannot carry: check how it was copied"},
		{web + ", auth: {type: bearer, token: t, username: u}", "auth has a username or a password, which are for type basic; this is bearer"},
		{web + ", auth: {type: basic, password: p}", "auth.username is required"},
		{web + ", auth: {type: basic, username: 'a:b', password: p}", "auth.username has a colon, which ends the name in what goes upstream"},
		{web + ", auth: {type: basic, username: u, token: t}", "auth.token is for type bearer; this is basic"},

		{"id: s, transport: stdio", "command is required with transport stdio"},
		{"id: s, transport: stdio, command: npx -y server", "command is more than one word: it is the program alone, without a shell; what follows it goes into args"},
		{"id: s, transport: stdio, command: ./server", "command is a relative path: give an absolute one, or a name alone to have it found in PATH"},
		{"id: s, transport: stdio, command: \"a\\0b\"", "command has a NUL in it"},
		{stdio + ", args: [a, \"b\\0\"]", "args[1] has a NUL in it"},
		{stdio + ", env: {A=B: x}", `env has "A=B", which cannot name a variable`},
		{stdio + ", env: {A: \"x\\0\"}", "env.A has a NUL in it"},
		{stdio + ", cwd: srv", `cwd is "srv"; it must be an absolute path`},

		{web + ", isolation: user", `isolation is "user"; it must be one of session, key, shared`},
		{web + ", max_instances: -1", "max_instances is negative"},
		{web + ", max_instances_per_key: -1", "max_instances_per_key is negative"},
		{web + ", max_instances: 2, max_instances_per_key: 3", "max_instances_per_key is more than max_instances, which is 2"},
		{web + ", withhold_capabilities: [roots, roots, tools]", "withhold_capabilities[1] is \"roots\" a second time\nwithhold_capabilities[2] is \"tools\"; it must be one of roots, sampling, elicitation"},
		{web + ", idle_ttl: soon", `idle_ttl is "soon"; it must be a duration such as 30s or 10m`},
		{web + ", idle_ttl: -1m", `idle_ttl is "-1m"; it must be at least 1s`},
		{web + ", audit: {max_bytes: 100000}", "audit.max_bytes is more than 65536"},
	} {
		requireFaults(t, "mcpServices", tt.fields, "mcp_service", tt.want)
	}
}

func TestMCPRouteFaults(t *testing.T) {
	const route = "service_id: s, match_policy: {path_prefix: /mcp}"
	long := strings.Repeat("x", 129)
	for _, tt := range []struct{ fields, want string }{
		{route, ""},
		{route + ", id: own", ""},
		{route + ", id: 'mcp:s:/elsewhere/x'", ""},
		{route + ", id: 'mcp:a:b:/'", ""},
		{route + ", tool_policy: {mode: deny, tools: [a, b], overrides: {c: {name: d}, d: {name: c}, e.f: {description: x}}}", ""},
		{route + ", tool_policy: {mode: allow}", ""},

		{"match_policy: {path_prefix: /mcp}", "service_id is required"},
		{"service_id: s", "match_policy.path_prefix is required: / takes every path"},
		{route + ", service_ids: [a]", "service_ids is not supported by this version yet: name one service in service_id, and give each further one a route of its own"},
		{"service_ids: [a], match_policy: {path_prefix: /mcp}", "service_ids is not supported by this version yet: name one service in service_id, and give each further one a route of its own"},
		{route + ", policy: {}", "policy is not a known field"},
		{route + ", id: a/b", `id is "a/b"; spaces, control characters and any of / \ ? # % do not go into an id`},
		{route + ", id: 'acp:s:/mcp'", `id is "acp:s:/mcp"; spaces, control characters and any of / \ ? # % do not go into an id`},
		{route + ", id: 'mcp:/mcp'", `id is "mcp:/mcp"; spaces, control characters and any of / \ ? # % do not go into an id`},
		{route + ", id: 'mcp:s:/a?b'", `id is "mcp:s:/a?b"; spaces, control characters and any of \ ? # % do not go into an id: give one without them`},
		{"service_id: s, match_policy: {path_prefix: /a b}", `id is "mcp:s:/a b"; spaces, control characters and any of \ ? # % do not go into an id: give one without them`},
		{"service_id: s, match_policy: {path_prefix: /" + strings.Repeat("x", 200) + "}", "id is longer than 200 bytes: give one"},

		{route + ", tool_policy: {tools: [a]}", "tool_policy.mode is required with tools: allow for these tools and no others, deny for all but these"},
		{route + ", tool_policy: {mode: block}", `tool_policy.mode is "block"; it must be one of allow, deny`},
		{route + ", tool_policy: {mode: deny, tools: [a, b, a]}", `tool_policy.tools[2] is "a", which is listed twice`},
		{route + ", tool_policy: {mode: deny, tools: ['']}", "tool_policy.tools[0] is empty"},
		{route + ", tool_policy: {mode: deny, tools: ['read_*']}", `tool_policy.tools[0] is "read_*"; patterns are not supported: name each tool`},
		{route + ", tool_policy: {mode: deny, tools: [" + long + "]}", "tool_policy.tools[0] is longer than 128 bytes"},
		{route + ", tool_policy: {overrides: {a: {}}}", "tool_policy.overrides.a changes nothing: give name or description"},
		{route + ", tool_policy: {overrides: {'': {name: a}}}", "tool_policy.overrides has a tool without a name"},
		{route + ", tool_policy: {overrides: {a: {name: " + long + "}}}", "tool_policy.overrides.a.name is longer than 128 bytes"},
		{route + ", tool_policy: {overrides: {a: {name: \"b\\u0007\"}}}", "tool_policy.overrides.a.name has a control character"},
		{route + ", tool_policy: {overrides: {a: {name: c}, b: {name: c}}}", `tool_policy.overrides.b.name is "c", the name of tool a too: give each its own`},
		{route + ", tool_policy: {overrides: {a: {name: b}, b: {description: x}}}", `tool_policy.overrides.b.name is "b", the name of tool a too: give each its own`},
	} {
		requireFaults(t, "mcpRoutes", tt.fields, "mcp_route", tt.want)
	}
}

func TestVirtualKeyToolPolicyFaults(t *testing.T) {
	for _, tt := range []struct{ fields, want string }{
		{"id: k, tool_policy: {mode: allow, tools: [a]}", ""},
		{"id: k, tool_policy: {tools: [a]}", "tool_policy.mode is required with tools: allow for these tools and no others, deny for all but these"},
		{"id: k, tool_policy: {mode: deny, tools: [a, a]}", `tool_policy.tools[1] is "a", which is listed twice`},
		{"id: k, tool_policy: {overrides: {}}", "tool_policy.overrides is not a known field"},
	} {
		requireFaults(t, "virtualKeys", tt.fields, "virtual_key", tt.want)
	}
}

// requireFaults reads one object in a bundle; want is what is wrong with it, a fault a
// line.
func requireFaults(t *testing.T, section, fields, kind, want string) {
	t.Helper()
	_, faults := ParseBundle([]byte("apiVersion: gateway.agw/v1alpha1\nkind: GatewayBundle\n"+section+": [{"+fields+"}]\n"), YAML, lookupIn(nil))
	var got []string
	for _, f := range faults {
		require.Equal(t, kind, f.Kind, fields)
		require.Equal(t, 3, f.Line, fields)
		got = append(got, Fault{f.Field, f.Text}.String())
	}
	require.Equal(t, want, strings.Join(got, "\n"), fields)
	require.NotContains(t, strings.Join(got, "\n"), "sekret")
}

// Two routes for which the same id was made, and reports that show it.
func TestMadeIDs(t *testing.T) {
	b, faults := ParseBundle([]byte(`apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
mcpRoutes:
- {service_id: s, match_policy: {path_prefix: /mcp}}
- service_id: s
  match_policy: {path_prefix: /mcp/, host: a.example}
- service_id: s
  match_policy: {path_prefix: /other}
  disabled: maybe
`), YAML, nil)
	require.Nil(t, b)
	require.Equal(t, []string{
		"line 5: mcp_route mcp:s:/mcp: id stands twice in this bundle, first on line 4; it was made because none is given: give one",
		"line 9: mcp_route mcp:s:/other: disabled must be true or false",
	}, texts(faults))
}

func TestMCPDefaults(t *testing.T) {
	s := &MCPService{Transport: TransportStdio, IdleTTL: "90s", Audit: MCPAudit{CaptureToolArgs: true}}
	s.Default()
	require.Equal(t, IsolationKey, s.Isolation)
	require.Equal(t, DefaultAuditBytes, s.Audit.MaxBytes)
	require.Equal(t, 90*time.Second, s.IdleTime())
	s = &MCPService{Transport: TransportSSE, Isolation: IsolationShared}
	s.Default()
	require.Equal(t, IsolationShared, s.Isolation)
	require.Zero(t, s.Audit.MaxBytes)
	require.Zero(t, s.IdleTime())

	r := &MCPRoute{ServiceID: "s", MatchPolicy: MatchPolicy{PathPrefix: "/mcp//"}}
	r.Default()
	require.Equal(t, "mcp:s:/mcp", r.ID)
}

func TestCheckOfMCP(t *testing.T) {
	b, faults := ParseBundle([]byte(`apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
mcpRoutes:
- service_id: elsewhere
  match_policy: {path_prefix: /mcp}
virtualKeys:
- {id: k, allowed_route_ids: ["mcp:elsewhere:/mcp", "mcp:elsewhere:/"]}
`), YAML, nil)
	require.Empty(t, faults)
	require.Equal(t, []string{
		"line 4: mcp_route mcp:elsewhere:/mcp: auth_policy.require_virtual_key is false: whoever reaches the gateway may use this route",
		"line 4: mcp_route mcp:elsewhere:/mcp: service_id names mcp_service elsewhere, which is not in this bundle; it may be in the store",
		"line 7: virtual_key k: allowed_route_ids[1] names llm_route or mcp_route mcp:elsewhere:/, which is not in this bundle; it may be in the store",
	}, texts(b.Check()))
}

// What of a policy does nothing, and what the gateway would refuse or a key could not use,
// is said before anybody wonders.
func TestCheckOfMCPPolicies(t *testing.T) {
	b, faults := ParseBundle([]byte(`apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
mcpServices:
- {id: s, transport: streamable_http, url: "https://mcp.example/mcp", auth: {type: bearer}}
mcpRoutes:
- service_id: s
  match_policy: {path_prefix: /a}
  auth_policy: {require_virtual_key: true}
  tool_policy: {mode: allow, tools: [sum, add], overrides: {sum: {name: add}, other: {description: x}}}
- service_id: s
  id: b
  match_policy: {path_prefix: /a/}
  auth_policy: {require_virtual_key: true}
  tool_policy: {mode: deny, tools: [sum], overrides: {sum: {name: add}, other: {description: x}}}
virtualKeys:
- {id: k}
`), YAML, nil)
	require.Empty(t, faults)
	require.Equal(t, []string{
		"line 4: mcp_service s: auth.token is not given; it may be in the store",
		"line 9: mcp_route mcp:s:/a: tool_policy.overrides.other does nothing: tools does not allow other",
		`line 9: mcp_route mcp:s:/a: tool_policy.tools[1] is "add", which is what overrides call sum: tools has the server's own names`,
		"line 12: mcp_route b: match_policy matches what route mcp:s:/a does: the gateway refuses routes that no request could tell apart",
		"line 14: mcp_route b: tool_policy.overrides.sum does nothing: tools denies sum",
		`line 16: virtual_key k: allowed_route_ids is empty: this key may use no route; ["*"] is every one`,
	}, texts(b.Check()))
}
