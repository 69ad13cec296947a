package streamable_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	for name, h := range map[string]func() *mcptest.HTTP{
		"Events":     func() *mcptest.HTTP { return &mcptest.HTTP{} },
		"JSON":       func() *mcptest.HTTP { return &mcptest.HTTP{JSON: true} },
		"Mislabeled": func() *mcptest.HTTP { return &mcptest.HTTP{Mislabeled: true} },
		"Resumable":  func() *mcptest.HTTP { return &mcptest.HTTP{Resumable: true, Retry: 5 * time.Millisecond} },
	} {
		opts := mcptest.Options{HTTP: true}
		if name == "Resumable" {
			opts.Resumable, opts.Era = true, mcptest.Legacy
		}
		t.Run(name, func(t *testing.T) {
			mcptest.RunTransport(t, func(t *testing.T) (mcp.Transport, mcp.Service) {
				return streamable.New(streamable.Options{}), mcp.Service{ID: "test", URL: h().Start(t)}
			}, opts)
		})
	}
	t.Run("HTTP2", func(t *testing.T) {
		mcptest.RunTransport(t, func(t *testing.T) (mcp.Transport, mcp.Service) {
			s := &mcptest.Server{}
			ts := httptest.NewUnstartedServer(&mcptest.HTTP{Server: s})
			ts.EnableHTTP2 = true
			ts.StartTLS()
			t.Cleanup(func() {
				s.Close()
				ts.Close()
			})
			return streamable.New(streamable.Options{RoundTripper: ts.Client().Transport}), mcp.Service{ID: "test", URL: ts.URL}
		}, mcptest.Options{HTTP: true})
	})
}
