package gateway_test

import (
	"bufio"
	"context"
	"io"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	gateway "github.com/agent-gateway/agent-gateway"
)

// A gateway that has no time to wait ends what is under way, with all processes, those
// included that neither answer nor read.
func TestMCPShutdownAtOnce(t *testing.T) {
	for _, up := range []*mcpServer{newMCP(t, "json", nil), newMCP(t, "events", nil), newMCP(t, "sse", nil), faulty("server"), faulty("deaf")} {
		leavesNothing(t)
		before := goleak.IgnoreCurrent()
		gw, err := gateway.New(gateway.WithStaticBundle([]byte(up.bundle("isolation: session", "")), os.LookupEnv))
		require.NoError(t, err)
		srv := httptest.NewServer(gw)
		s := &stack{Gateway: gw, URL: srv.URL, client: newClient()}
		c, idle := s.mcp(alice).begin(t), s.mcp(bob).begin(t)
		var leave []func()
		for _, tool := range []string{"slow", "never"} {
			leave = append(leave, s.leaving(t, c, c.request("tools/call", toolCall(tool, `{}`))))
		}
		listens := s.start(t, t.Context(), "GET", idle.path, "", idle.headers("Accept", eventKind)...)
		require.Equal(t, 200, listens.StatusCode)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = gw.Shutdown(ctx) // it says that it had no time
		require.Empty(t, children(t))
		_, err = io.Copy(io.Discard, bufio.NewReader(listens.Body))
		require.NoError(t, err, "it ends in good order")
		_ = listens.Body.Close()
		for _, leave := range leave {
			leave()
		}
		s.client.CloseIdleConnections()
		srv.Close()
		if up.Server != nil {
			up.Close()
		}
		require.NoError(t, goleak.Find(before))
	}
}

// Neither does one that is starting outlive the gateway.
func TestMCPShutdownWhileStarting(t *testing.T) {
	for _, isolation := range []string{"session", "key"} {
		leavesNothing(t)
		gw, err := gateway.New(gateway.WithStaticBundle([]byte(faulty("mute").bundle("isolation: "+isolation, "")), os.LookupEnv), impatient())
		require.NoError(t, err)
		srv := httptest.NewServer(gw)
		s := &stack{Gateway: gw, URL: srv.URL, client: newClient()}
		leave := s.leaving(t, s.mcp(alice), initialize)
		require.Eventually(t, func() bool { return len(children(t)) == 1 }, patience, step)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = gw.Shutdown(ctx)
		require.Empty(t, children(t))
		leave()
		late := s.mcp(alice)
		require.Equal(t, 502, late.post(t, initialize).Status, "nobody waits for what does not come")
		require.Equal(t, 502, late.post(t, late.request("tools/list", "")).Status)
		require.Empty(t, children(t))
		s.client.CloseIdleConnections()
		srv.Close()
	}
}

// A process that takes its time to end counts until it has.
func TestMCPProcessesThatEnd(t *testing.T) {
	leavesNothing(t)
	s := newGateway(t, faulty("stubborn").bundle("isolation: session, max_instances: 3, max_instances_per_key: 2", ""), impatient())
	for range 5 {
		for _, key := range []string{alice, bob} {
			c := s.mcp(key).begin(t)
			require.LessOrEqual(t, len(children(t)), 3)
			require.Equal(t, 200, s.do(t, "DELETE", "/mcp", "", c.headers()...).Status)
		}
	}
}
