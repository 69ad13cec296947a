package gateway_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
)

// beside is a bundle with a second service, which is well, on the route /well.
func (m *mcpServer) beside(well *mcpServer, service string) string {
	b := strings.Replace(m.bundle(service, ""), "mcpRoutes:\n", "- {id: well, "+well.fields+"}\nmcpRoutes:\n", 1)
	return strings.Replace(b, "virtualKeys:\n", "- {id: w, service_id: well, match_policy: {path_prefix: /well}}\nvirtualKeys:\n", 1)
}

// refused is an answer that there is no server now, and when there may be.
func (c *mcpCaller) refused(t *testing.T, body string) (after time.Duration, says string) {
	t.Helper()
	got := c.post(t, body)
	require.Equal(t, 503, got.Status, got.Body)
	seconds, err := strconv.Atoi(got.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, seconds)
	require.Equal(t, int64(-32001), gjson.Get(got.Body, "error.code").Int())
	return time.Duration(seconds) * time.Second, gjson.Get(got.Body, "error.message").Str
}

// A process that does not come up is tried again, at longer and longer intervals; then it
// serves, as if nothing had been. Another service knows nothing of it.
func TestMCPProcessDoesNotStart(t *testing.T) {
	for _, isolation := range []string{"session", "key", "shared"} {
		license := filepath.Join(t.TempDir(), "license")
		clock := newClock()
		s := newGateway(t, faulty("start:"+license).beside(faulty("server"), "isolation: "+isolation), gateway.WithClock(clock.now))
		well := &mcpCaller{s: s, path: "/well", key: alice}
		well.begin(t)
		c := s.mcp(alice)
		var waits []time.Duration
		for range 9 {
			got := c.post(t, initialize)
			require.Equal(t, 502, got.Status, got.Body)
			require.Contains(t, gjson.Get(got.Body, "error.message").Str, "exit status 4")
			wait, _ := c.refused(t, initialize)
			c.refused(t, c.request("tools/list", "")) // without a session as well
			waits = append(waits, wait)
			clock.forward(wait)
			well.echoes(t)
		}
		require.IsNonDecreasing(t, waits)
		require.Equal(t, []time.Duration{time.Second, 30 * time.Second}, []time.Duration{waits[0], waits[8]})
		require.NoError(t, os.WriteFile(license, nil, 0o600))
		c.begin(t).echoes(t)
		s.mcp(alice).echoes(t)
		well.echoes(t)
	}
}

// A process that comes up and dies again and again rests longer and longer, for the caller
// whose doing that may be, and for no other.
func TestMCPProcessDiesAgainAndAgain(t *testing.T) {
	for _, isolation := range []string{"session", "key"} {
		clock := newClock()
		s := newGateway(t, faulty("server").bundle("isolation: "+isolation, ""), gateway.WithClock(clock.now))
		var waits []time.Duration
		for range 9 {
			c := s.mcp(alice).begin(t)
			c.failed(t, c.post(t, c.request("tools/call", toolCall("crash", `{}`))))
			wait, _ := c.refused(t, initialize)
			waits = append(waits, wait)
			s.mcp(bob).begin(t).echoes(t)
			clock.forward(wait)
		}
		require.IsNonDecreasing(t, waits)
		require.Equal(t, []time.Duration{time.Second, 30 * time.Second}, []time.Duration{waits[0], waits[8]})

		// Who has lived for a while is started again at once.
		c := s.mcp(alice).begin(t)
		clock.forward(time.Hour)
		c.failed(t, c.post(t, c.request("tools/call", toolCall("crash", `{}`))))
		s.mcp(alice).begin(t).echoes(t)
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// There is no shell between the configuration and the command, nor between a caller and
// its tool.
func TestMCPArgumentsAreInert(t *testing.T) {
	dir := t.TempDir()
	hostile := []string{
		"; touch " + dir + "/a", "$(touch " + dir + "/b)", "`touch " + dir + "/c`", "| touch " + dir + "/d", "&& touch " + dir + "/e", "\n touch " + dir + "/f\n",
		"> " + dir + "/g", "$HOME", "%PATH%", "*", "~", "a b", `"`, "'", `\`, "-", "--", "",
	}
	up := faulty("args", hostile...)
	s := newGateway(t, up.bundle("isolation: key", ""))
	c := s.mcp(alice)
	got := c.post(t, initialize)
	require.Equal(t, 200, got.Status, got.Body)
	require.Equal(t, fmt.Sprintf("%q", hostile), gjson.Get(got.Body, "result.serverInfo.name").Str, "the arguments, as they stand in the configuration")
	c.session = got.Header.Get("Mcp-Session-Id")
	for _, text := range append(hostile, "\r\n{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}}\r\n", "\x00", "\u2028") {
		require.Equal(t, text, c.tool(t, "echo", `{"text":`+quoted(text)+`}`))
		r := c.ask(t, "tools/call", `{"name":`+quoted(text)+`}`)
		require.Equal(t, "Unknown tool: "+text, r.Get("error.message").Str)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
