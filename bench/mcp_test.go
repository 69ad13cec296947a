package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The MCP server that is a process is this binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == mcpServer {
		if err := speakMCP(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestMCPAnswer(t *testing.T) {
	for _, id := range []string{"7", `"a"`} {
		call := strings.Replace(string(mcpRequest(10)), `"id":7`, `"id":`+id, 1)
		got := string(mcpAnswer(nil, []byte(call)))
		require.Equal(t, `{"id":`+id+`,"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"`+sized(700)+`"}],"isError":false}}`, got)
	}
	require.Contains(t, string(mcpAnswer(nil, []byte(mcpInitialize))), `{"id":1,"jsonrpc":"2.0","result":{"protocolVersion":"2025-11-25"`)
	require.Empty(t, mcpAnswer(nil, []byte(mcpInitialized)))
}

// What the gateway adds is what it takes more than the direct call in the same round.
func TestCalls(t *testing.T) {
	var all results
	for round, slower := range []time.Duration{1, 9, 2} {
		all.samples = append(all.samples,
			&sample{target: "direct", scenario: "mcp-bare", round: round, p50: 50 * time.Microsecond, p99: 100 * time.Microsecond},
			&sample{target: "gateway", scenario: "mcp-bare", round: round, cpu: 70 * slower * time.Microsecond, p50: 250 * time.Microsecond, p99: 90 * slower * time.Microsecond},
			&sample{target: "gateway", scenario: "mcp-session", round: round, cpu: time.Second})
	}
	var out strings.Builder
	calls(&out, config{scenarios: scenarios()}, all)
	require.Equal(t, `
| tools/call through the gateway to direct | CPU µs added | p50 µs added | p99 µs added |
|---|---:|---:|---:|
| mcp-bare | 140 PASS | +200 | +80 |
`, out.String(), "mcp-session has nothing beside it")
}

// A few sessions with their streams, as the many are.
func TestSessions(t *testing.T) {
	up := serveUpstream(t, scenarios())
	at := &target{name: "gateway", key: virtualKey}
	seen := &seen{}
	at.addr = serveHandler(t, newGateway(t, up, seen))
	for range 2 {
		all, err := hold(at, 3)
		require.NoError(t, err)
		left := 9
		o := drive(t.Context(), callersOf(all)[:1], 0, time.Now().Add(time.Minute), func() bool { left--; return left >= 0 })
		require.NoError(t, o.err)
		require.NoError(t, release(all))
	}
	require.Equal(t, 6, at.sent)
}
