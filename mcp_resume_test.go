package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

func resumable(t *testing.T) *mcpServer {
	return newMCPHTTP(t, &mcptest.HTTP{Resumable: true, Retry: 7 * time.Millisecond})
}

// A stream that the server ends is gone on with by the caller: ids of events, and when
// to come back, are the server's.
func TestMCPResume(t *testing.T) {
	up := resumable(t)
	s := newGateway(t, up.bundle("isolation: session", ""))
	c := s.mcp(alice).begin(t)
	st := c.open(t, c.request("tools/call", `{"name":"detach","_meta":{"progressToken":"t"}}`))
	got := st.readAll(t)
	require.Len(t, got, 3, got)
	require.Equal(t, mcpEvent{got[0].id, "7", "", ""}, got[0], "it is primed")
	require.Equal(t, "1", fmt.Sprint(strings.Count(got[1].data, `"progress":1`)))
	require.Equal(t, mcpEvent{"", "7", "", ""}, got[2], "and says when to come back")
	require.NotEmpty(t, got[0].id)
	e := s.call(t)
	require.True(t, e.Success)
	require.Equal(t, "detached", e.MCP.ResultStatus)

	rest := c.listen(t, "Last-Event-ID", got[1].id)
	require.Equal(t, int64(2), rest.next(t).Get("params.progress").Int())
	last := rest.next(t)
	require.Equal(t, "gone on", last.Get("result.content.0.text").Str, last.Raw)
	require.Equal(t, int64(c.last), last.Get("id").Int())

	// From its beginning, and from where nothing is.
	all := c.listen(t, "Last-Event-ID", got[0].id)
	for _, want := range []string{`"progress":1`, `"progress":2`, "gone on"} {
		require.Contains(t, all.next(t).Raw, want)
	}
	for _, id := range []string{"unknown_1", "s1_x", " "} {
		resp := c.stream(t, "GET", "", "Accept", "text/event-stream", "Last-Event-ID", id).resp
		require.NotEqual(t, 404, resp.StatusCode)
	}
	// A stream of another session's is none of this one's.
	other := s.mcp(bob).begin(t)
	require.Equal(t, 400, other.stream(t, "GET", "", "Accept", "text/event-stream", "Last-Event-ID", got[1].id).resp.StatusCode)
}

// A policy holds for what is replayed, too.
func TestMCPResumePolicy(t *testing.T) {
	up := resumable(t)
	s := newGateway(t, up.bundle("isolation: session", "tool_policy: {mode: deny, tools: [raw], overrides: {echo: {name: say}}}"))
	c := s.mcp(alice).begin(t)
	up.http.Enqueue(mcptest.Fault{Method: "POST", Break: mcptest.End})
	got := c.open(t, c.request("tools/list", "")).readAll(t)
	require.Len(t, got, 1, got)
	m := c.listen(t, "Last-Event-ID", got[0].id).next(t)
	require.Equal(t, int64(c.last), m.Get("id").Int())
	require.Equal(t, `["say","big","progress","ask"]`, m.Get("result.tools.#.name").Raw)
}

// Where the upstream session is not the caller's, the gateway goes on with the stream
// itself: the caller has no place in it.
func TestMCPResumeShared(t *testing.T) {
	up := resumable(t)
	for _, isolation := range []string{"session", "key", "shared"} {
		s := newGateway(t, up.bundle("isolation: "+isolation, ""))
		callers := map[string]*mcpCaller{"bare": s.mcp(alice)}
		if isolation != "session" {
			callers["session"] = s.mcp(alice).begin(t)
		}
		for name, c := range callers {
			for _, accept := range []string{acceptBoth, "application/json"} {
				got := c.post(t, c.request("tools/call", `{"name":"detach","_meta":{"progressToken":"t"}}`), "Accept", accept)
				require.Equal(t, 200, got.Status, "%s %s: %s", isolation, name, got.Body)
				require.Equal(t, "gone on", got.result(t).Get("result.content.0.text").Str, "%s %s: %s", isolation, name, got.Body)
				require.Equal(t, int64(c.last), got.result(t).Get("id").Int())
				require.NotContains(t, got.Body, "id: ", "ids of events that nothing can be gone on with by")
			}
		}
	}
	// Nor can a caller that takes no events come back for the rest.
	s := newGateway(t, up.bundle("isolation: session", ""))
	c := s.mcp(alice).begin(t)
	got := c.post(t, c.request("tools/call", `{"name":"detach"}`), "Accept", "application/json")
	require.Equal(t, 200, got.Status, got.Body)
	require.Equal(t, "gone on", got.result(t).Get("result.content.0.text").Str)
}

// A stream that breaks without a way to go on is an error, in the stream where there is
// one.
func TestMCPStreamBreaks(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  mcptest.Fault
		tool   string
		status int
	}{
		"before headers": {mcptest.Fault{Break: mcptest.BeforeHeaders}, "progress", 502},
		"after headers":  {mcptest.Fault{Break: mcptest.AfterHeaders}, "progress", 502},
		"ends at once":   {mcptest.Fault{Break: mcptest.End}, "progress", 502},
		"cut":            {mcptest.Fault{Break: mcptest.Cut, After: 1}, "progress", 200},
		"in an event":    {mcptest.Fault{Break: mcptest.MidEvent, After: 1}, "progress", 200},
		"in a character": {mcptest.Fault{Break: mcptest.MidRune, After: 1}, "progress", 200},
		"ends":           {mcptest.Fault{Break: mcptest.End, After: 1}, "progress", 200},
	} {
		up := newMCP(t, "events", nil)
		s := newGateway(t, up.bundle("isolation: session", ""))
		c := s.mcp(alice).begin(t)
		tt.fault.Method = "POST"
		up.http.Enqueue(tt.fault)
		got := c.post(t, c.request("tools/call", toolCall(tt.tool, "{}")))
		require.NoError(t, got.err, name)
		require.Equal(t, tt.status, got.Status, "%s: %s", name, got.Body)
		r := got.result(t)
		require.Equal(t, int64(c.last), r.Get("id").Int(), "%s: %s", name, got.Body)
		require.Equal(t, int64(-32001), r.Get("error.code").Int(), "%s: %s", name, got.Body)
		e := s.call(t)
		require.False(t, e.Success, name)
		require.Equal(t, "error", e.MCP.ResultStatus, name)
		require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`), "the session goes on")
	}
}

// Who leaves a stream that could be gone on with has cancelled the call only where
// nobody can come back.
func TestMCPResumeLeft(t *testing.T) {
	up := resumable(t)
	s := newGateway(t, up.bundle("isolation: key", ""))
	for n, c := range []*mcpCaller{s.mcp(alice), s.mcp(alice).begin(t)} {
		st, id := up.slow(t, c)
		st.close()
		require.Equal(t, mcptest.Cancellation{ID: id, By: "notification"}, up.gaveUp(t, n+1))
	}
	s = newGateway(t, up.bundle("isolation: session", ""))
	c := s.mcp(alice).begin(t)
	c.last = 100
	st, id := up.slow(t, c)
	st.close()
	s.call(t)
	require.Equal(t, "x", c.tool(t, "echo", `{"text":"x"}`))
	require.Len(t, up.Cancelled(), 2)
	require.Equal(t, 202, c.post(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+id+`}}`).Status)
	require.Equal(t, id, up.gaveUp(t, 3).ID, "a call may be cancelled after its stream")
}
