package gateway_test

import (
	"bufio"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// processFaults are tools by which a process misbehaves and lives on, and how their calls
// are answered.
var processFaults = []struct{ tool, arguments, want string }{
	{"garbage", `{}`, "after garbage"},
	{"twice", `{}`, "first"},
	{"stranger", `{}`, "own"},
	{"flood", `{"count":1000}`, "flooded"},
	{"huge", `{"size":1000000}`, strings.Repeat("x", 1_000_000)},
	{"fail", `{}`, "it failed"},
}

// What a process says besides, or too much, harms neither the call nor who shares it.
func TestMCPProcessMisbehaves(t *testing.T) {
	for _, isolation := range []string{"session", "key", "shared"} {
		s := newGateway(t, faulty("server").bundle("isolation: "+isolation, ""))
		callers := []*mcpCaller{s.mcp(alice).begin(t), s.mcp(bob).begin(t), s.mcp(bob)}
		for i, f := range processFaults {
			c := callers[i%len(callers)]
			require.Equal(t, f.want, c.tool(t, f.tool, f.arguments), "%s %s", isolation, f.tool)
			for _, c := range callers {
				c.echoes(t)
			}
		}
	}
}

// A flood of notifications reaches the caller as far as it reads them, and the answer does
// in any case. Who shares the process is served all the while.
func TestMCPProcessFloods(t *testing.T) {
	s := newGateway(t, faulty("server").bundle("isolation: shared", ""))
	c, same := s.mcp(alice).begin(t), s.mcp(bob).begin(t)
	resp := s.start(t, t.Context(), "POST", c.path, c.request("tools/call", toolCall("flood", `{"count":100000}`)), c.headers()...)
	defer func() { _ = resp.Body.Close() }()
	st, n := &mcpStream{resp: resp, r: bufio.NewReader(resp.Body)}, 0
	for m := st.next(t); ; m = st.next(t) {
		if m.Get("result").Exists() {
			require.Equal(t, "flooded", m.Get("result.content.0.text").Str)
			break
		}
		require.Equal(t, "notifications/message", m.Get("method").Str)
		if n++; n%200 == 1 {
			same.echoes(t)
		}
	}
	require.LessOrEqual(t, n, 100_000)
	st.ended(t)
	c.echoes(t)
}

// A call that its process does not answer ends by its caller, and others go on meanwhile.
func TestMCPProcessNeverAnswers(t *testing.T) {
	s := newGateway(t, faulty("server").bundle("isolation: key", ""))
	c, same := s.mcp(alice).begin(t), s.mcp(alice).begin(t)
	st := c.open(t, c.request("tools/call", `{"name":"slow","_meta":{"progressToken":1}}`))
	require.Equal(t, "notifications/progress", st.next(t).Get("method").Str)
	same.echoes(t)
	c.echoes(t)
	st.close()
	// The process has it under an id of the gateway's, which only it and the process know.
	received := same.ask(t, "mcptest/received", `{"text":"notifications/cancelled"}`).Get("result.message").Str
	require.Contains(t, received, `"requestId":`)
	require.True(t, s.call(t).Success) // same's
	require.True(t, s.call(t).Success)
	require.True(t, s.call(t).MCP.Cancelled)
}

// A process that dies ends its own calls and sessions, and no others.
func TestMCPProcessDies(t *testing.T) {
	for name, dies := range map[string]struct{ tool, arguments, says string }{
		"at once":   {"crash", `{}`, "the server exited: exit status 3"},
		"late":      {"crash", `{"late":true}`, "the server exited: exit status 3"},
		"long line": {"huge", `{"size":100000000}`, "longer than"},
	} {
		for _, isolation := range []string{"key", "session", "shared"} {
			if name == "long line" && isolation != "key" { // it takes its time
				continue
			}
			t.Run(name+" "+isolation, func(t *testing.T) {
				s := newGateway(t, faulty("server").bundle("isolation: "+isolation, ""))
				c, same, other := s.mcp(alice).begin(t), s.mcp(alice).begin(t), s.mcp(bob).begin(t)
				waits := same.open(t, same.request("tools/call", `{"name":"slow","_meta":{"progressToken":1}}`))
				require.Equal(t, "notifications/progress", waits.next(t).Get("method").Str)
				says := c.failed(t, c.post(t, c.request("tools/call", toolCall(dies.tool, dies.arguments))))
				require.Contains(t, says, dies.says)
				require.NotContains(t, says, "as it was told", "what it has said is the operator's")
				require.Equal(t, 404, c.post(t, c.request("ping", "")).Status)
				if isolation == "session" {
					same.echoes(t)
				} else {
					require.Contains(t, same.failed(t, answer{Status: 200, Body: waits.next(t).Raw}), "the MCP server of service up has failed")
					waits.ended(t)
					require.Equal(t, 404, same.post(t, same.request("ping", "")).Status)
				}
				if isolation == "shared" {
					require.Equal(t, 404, other.post(t, other.request("ping", "")).Status)
					other = s.again(t, bob)
				}
				other.echoes(t)
				s.again(t, alice).echoes(t)
			})
		}
	}
}

// A process that does not read its input is ended, and takes nobody with it.
func TestMCPProcessIsDeaf(t *testing.T) {
	s := newGateway(t, faulty("deaf").bundle("isolation: key", ""), impatient())
	c, other := s.mcp(alice).begin(t), s.mcp(bob).begin(t)
	long := c.request("tools/call", toolCall("echo", `{"text":"`+strings.Repeat("x", 1<<20)+`"}`))
	require.Contains(t, c.failed(t, c.post(t, long)), "has not read its input")
	require.Equal(t, 404, c.post(t, c.request("ping", "")).Status)
	require.Equal(t, 202, other.post(t, initialized).Status)
}
