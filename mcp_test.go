package gateway_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// mcpChild is the variable that has the tests' binary be a process that speaks MCP: it
// connects its standard streams with the address in it, where a server of the test's is
// that can be looked into.
const mcpChild = "GATEWAY_TEST_MCP"

func runMCPChild(addr string) int {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 1
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	if _, err := io.Copy(os.Stdout, conn); err != nil {
		return 1
	}
	return 0
}

// mcpServer is an MCP server, and what a service says to reach it.
type mcpServer struct {
	*mcptest.Server
	http   *mcptest.HTTP // nil on other transports
	sse    *mcptest.SSE
	fields string
}

// mcpKinds are the ways to reach a server: Streamable HTTP that answers in JSON, and in
// events, the older SSE, and a process.
var mcpKinds = []string{"json", "events", "sse", "stdio"}

// newMCP starts a server; nil is one of both eras.
func newMCP(t *testing.T, kind string, s *mcptest.Server) *mcpServer {
	t.Helper()
	if s == nil {
		s = &mcptest.Server{}
	}
	switch kind {
	case "json", "events":
		return newMCPHTTP(t, &mcptest.HTTP{Server: s, JSON: kind == "json"})
	case "sse":
		h := &mcptest.SSE{Server: s}
		return &mcpServer{s, nil, h, "transport: sse, url: " + h.Start(t)}
	}
	fields := newProcess(t, func(conn net.Conn) { _ = s.Serve(conn, conn) })
	t.Cleanup(s.Close)
	return &mcpServer{s, nil, nil, fields}
}

// newProcess is what a service says to reach a process whose standard streams serve has. It
// is served until the process or the test ends.
func newProcess(t *testing.T, serve func(net.Conn)) (fields string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				serve(conn)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		work.Wait()
	})
	return fmt.Sprintf("transport: stdio, command: %q, env: {%s: %q, GORACE: atexit_sleep_ms=0}", os.Args[0], mcpChild, l.Addr())
}

func newMCPHTTP(t *testing.T, h *mcptest.HTTP) *mcpServer {
	t.Helper()
	if h.Server == nil {
		h.Server = &mcptest.Server{}
	}
	return &mcpServer{h.Server, h, nil, "transport: streamable_http, url: " + h.Start(t)}
}

// eachMCP runs a test with a server behind each transport.
func eachMCP(t *testing.T, f func(t *testing.T, up *mcpServer)) {
	for _, kind := range mcpKinds {
		t.Run(kind, func(t *testing.T) { f(t, newMCP(t, kind, nil)) })
	}
}

// step is how often is looked for what nobody tells of.
const step = time.Millisecond

// Two callers' keys.
const (
	alice = virtualKey
	bob   = "vk-somebody-else-canary-0123456789"
)

// bundle is one with the server as service up on the route r at /mcp. service and route
// are more of their fields, lines are more of the bundle.
func (m *mcpServer) bundle(service, route string, lines ...string) string {
	b := `
apiVersion: gateway.agw/v1alpha1
kind: GatewayBundle
mcpServices:
- {id: up, ` + more(m.fields, service) + `}
mcpRoutes:
- {id: r, service_id: up, ` + more("match_policy: {path_prefix: /mcp}", route) + `}
`
	for _, line := range lines {
		b += line + "\n"
	}
	return b + `virtualKeys:
- {id: alice, key: ` + alice + `, allowed_route_ids: ["*"]}
- {id: bob, key: ` + bob + `, allowed_route_ids: ["*"]}
`
}

// toolsOf gives a key of a bundle's a policy of tools.
func toolsOf(bundle, key, policy string) string {
	if policy == "" {
		return bundle
	}
	return strings.Replace(bundle, "- {id: "+key+", ", "- {id: "+key+", tool_policy: "+policy+", ", 1)
}

func more(fields, others string) string {
	if fields == "" || others == "" {
		return fields + others
	}
	return fields + ", " + others
}
