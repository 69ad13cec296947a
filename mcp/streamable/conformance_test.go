package streamable_test

import (
	"testing"

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
		"Resumable":  func() *mcptest.HTTP { return &mcptest.HTTP{Resumable: true, Retry: 5e6} },
	} {
		t.Run(name, func(t *testing.T) {
			mcptest.RunTransport(t, func(t *testing.T) (mcp.Transport, mcp.Service) {
				return streamable.New(streamable.Options{}), mcp.Service{ID: "test", URL: h().Start(t)}
			}, mcptest.Options{HTTP: true, Resumable: name == "Resumable"})
		})
	}
}
