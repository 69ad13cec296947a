package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

// What a server says of a call is for whose call it is: while it runs, with the caller's
// own token, on whatever stream the server says it; and when it has ended, for nobody.
func TestMCPProgressStays(t *testing.T) {
	progress := func(token, text string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1.50,"message":%q,"progressToken":%s}}`, text, token)
	}
	eachMCP(t, func(t *testing.T, up *mcpServer) {
		for _, isolation := range []string{"key", "shared"} {
			s := newGateway(t, up.bundle("isolation: "+isolation, ""))
			c, other := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
			own, foreign := c.listen(t), other.listen(t)
			st, _ := up.slow(t, c)
			var token, mine string
			for _, r := range up.Received() {
				if strings.Contains(r, `"slow"`) {
					token, mine = gjson.Get(r, "params._meta.progressToken").Raw, fmt.Sprintf(`"%p-%d"`, c, c.last-1)
				}
			}
			require.NotEqual(t, mine, token)
			up.Emit(progress(token, "now"))
			heard := own
			if up.http == nil { // all come one way, so that it goes into the call's stream
				heard = st
			}
			m := heard.next(t)
			require.Equal(t, mine, m.Get("params.progressToken").Raw, m.Raw)
			require.Equal(t, progress(mine, "now"), m.Raw)

			before := len(up.Cancelled())
			st.close()
			up.gaveUp(t, before+1)
			require.Eventually(t, func() bool { return len(s.admin(t, 200, "GET", "/mcp/runtime/inflight", "").Get("items").Array()) == 0 }, patience, step)
			up.Emit(progress(token, "late"))
			up.Emit(progress("77", "of nobody's"))
			up.Emit(toolsChanged)
			for _, st := range []*mcpStream{own, foreign} {
				require.Equal(t, toolsChanged, st.next(t).Raw, isolation)
			}
		}
	})
}

// A task goes on after the response that it has begun with, and so does its progress.
func TestMCPTaskProgress(t *testing.T) {
	up := newMCP(t, "stdio", nil)
	s := newGateway(t, up.bundle("isolation: key", ""))
	c, other := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
	own, foreign := c.listen(t), other.listen(t)
	const task = `{"task":{"taskId":"t","status":"working"}}`
	c.post(t, c.request("tools/call", `{"name":"reply","arguments":{"result":`+task+`},"_meta":{"progressToken":"mine"}}`))
	var token string
	for _, r := range up.Received() {
		if strings.Contains(r, `"reply"`) {
			token = gjson.Get(r, "params._meta.progressToken").Raw
		}
	}
	up.Emit(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + token + `,"progress":2}}`)
	require.Equal(t, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"mine","progress":2}}`, own.next(t).Raw)
	up.Emit(toolsChanged)
	require.Equal(t, toolsChanged, foreign.next(t).Raw)
}

// Progress that comes in the stream of one call, and is of another's, is not told as its own.
func TestMCPProgressOfOthers(t *testing.T) {
	up := newMCPHTTP(t, &mcptest.HTTP{})
	s := newGateway(t, up.bundle("isolation: shared", ""))
	c := s.mcp(bob).begin(t)
	up.http.Enqueue(mcptest.Fault{Text: `"echo"`, Serve: func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":77777,\"progress\":1}}\n\n")
		fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":%s,\"progress\":2}}\n\n", gjson.GetBytes(body, "params._meta.progressToken").Raw)
		fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}\n\n", gjson.GetBytes(body, "id").Raw)
	}})
	got := c.post(t, c.request("tools/call", `{"name":"echo","_meta":{"progressToken":"bobs"}}`)).messages(t)
	require.Len(t, got, 2)
	require.Equal(t, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"bobs","progress":2}}`, got[0])
}
