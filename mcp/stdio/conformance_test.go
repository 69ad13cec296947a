//go:build unix

package stdio_test

import (
	"os"
	"testing"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/mcp/stdio"
)

func init() {
	modes["conformance"] = func() {
		if err := new(mcptest.Server).Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
	}
}

func TestConformance(t *testing.T) {
	mcptest.RunTransport(t, func(*testing.T) (mcp.Transport, mcp.Service) {
		return stdio.New(stdio.Options{Log: quiet}), service("conformance")
	}, mcptest.Options{OneWire: true})
}
