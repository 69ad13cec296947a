package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// A caller hears that its call goes on before the server has said anything at all; what it
// is told then is an event, whatever status it would have had.
func TestMCPKeepAliveBeforeHead(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{JSON: true})
	s := newGateway(t, up.bundle("", ""), gateway.WithMCPLimits(gateway.MCPLimits{KeepAlive: time.Millisecond}))
	for _, tt := range []struct {
		status int
		body   string
		want   string
	}{
		{200, `{"jsonrpc":"2.0","id":%d,"result":{"x":1.50}}`, `{"jsonrpc":"2.0","id":%d,"result":{"x":1.50}}`},
		{400, `{"jsonrpc":"2.0","id":%d,"error":{"code":-32602,"message":"no","data":1.50}}`, `{"jsonrpc":"2.0","id":%d,"error":{"code":-32602,"message":"no","data":1.50}}`},
		{503, "", `{"jsonrpc":"2.0","id":%d,"error":{"code":-32001,"message":"the MCP server of service up has answered 503"}}`},
		{404, "", `{"jsonrpc":"2.0","id":%d,"error":{"code":-32001,"message":"the MCP server has forgotten the session; initialize a new one"}}`},
	} {
		c := s.mcp(alice).begin(t)
		waits := make(chan struct{})
		id := c.last + 1
		up.http.Enqueue(mcptest.Fault{Method: "POST", Serve: func(w http.ResponseWriter, _ *http.Request) {
			<-waits
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(tt.status)
			if tt.body != "" {
				fmt.Fprintf(w, tt.body, id)
			}
		}})
		st := c.open(t, c.request("tools/call", toolCall("echo", "{}")))
		line, err := st.r.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, ": keep-alive\n", line)
		close(waits)
		require.Equal(t, 200, st.resp.StatusCode)
		require.Equal(t, fmt.Sprintf(tt.want, id), st.next(t).Raw)
		st.ended(t)
		e := s.call(t)
		require.Equal(t, 200, e.StatusCode)
		require.Equal(t, strings.Contains(tt.want, "result"), e.Success)
	}
}
