package sse_test

import (
	"testing"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/mcp/sse"
)

func TestConformance(t *testing.T) {
	mcptest.RunTransport(t, func(t *testing.T) (mcp.Transport, mcp.Service) {
		h := &mcptest.SSE{Token: "t"}
		s := mcp.Service{ID: "test", URL: h.Start(t), Header: map[string][]string{"Authorization": {"Bearer t"}}}
		return sse.New(options(t)), s
	}, mcptest.Options{HTTP: true, OneWire: true, Era: mcptest.Legacy})
}
