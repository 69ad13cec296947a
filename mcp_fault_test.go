package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	gateway "github.com/agent-gateway/agent-gateway"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/mcp/stdio"
)

// faultyChild is the variable that has the tests' binary be an MCP server of its own, and
// says how it misbehaves.
const faultyChild = "GATEWAY_TEST_MCP_FAULTY"

func init() {
	mode, ok := os.LookupEnv(faultyChild)
	if !ok {
		return
	}
	os.Exit(runFaultyChild(mode))
}

// runFaultyChild is a server, in the mode
//
//	server          that answers, and misbehaves when a tool is called for it
//	args            whose name is what it was started with
//	deaf            that reads initialize, and nothing behind it but one line
//	mute            that reads nothing
//	stubborn        that has to be killed
//	start:FILE      that exits as long as FILE does not exist
func runFaultyChild(mode string) int {
	s, in := &mcptest.Server{}, io.Reader(os.Stdin)
	file, _ := strings.CutPrefix(mode, "start:")
	switch mode {
	case "args":
		s.Name = fmt.Sprintf("%q", os.Args[1:])
	case "deaf":
		in = &lines{r: in, left: 2}
	case "mute":
		in = &lines{}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		defer time.Sleep(time.Hour)
	case "start:" + file:
		if _, err := os.Stat(file); err != nil {
			fmt.Fprintln(os.Stderr, "the license is missing")
			return 4
		}
	}
	if err := s.Serve(in, os.Stdout); errors.Is(err, mcptest.ErrCrash) {
		fmt.Fprintln(os.Stderr, "crashed as it was told")
		return 3
	}
	return 0
}

// lines reads so many lines, and then nothing for ever.
type lines struct {
	r    io.Reader
	left int
}

func (l *lines) Read(p []byte) (int, error) {
	if l.left == 0 {
		select {}
	}
	n, err := l.r.Read(p[:1])
	if n > 0 && p[0] == '\n' {
		l.left--
	}
	return n, err
}

// faulty is a service whose server is a process that misbehaves.
func faulty(mode string, args ...string) *mcpServer {
	quoted := fmt.Sprintf("%q", args)
	return &mcpServer{fields: fmt.Sprintf("transport: stdio, command: %q, args: [%s], env: {%s: %q}", os.Args[0], strings.ReplaceAll(strings.Trim(quoted, "[]"), `" "`, `", "`), faultyChild, mode)}
}

// impatient is the transport with bounds that tests do not have to wait for.
func impatient() gateway.Option {
	return gateway.WithMCPTransport("stdio", stdio.New(stdio.Options{WriteTimeout: 50 * time.Millisecond, Grace: 50 * time.Millisecond}))
}

// clock is the gateway's time, which stands still but for a test.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// echoes has a caller be served.
func (c *mcpCaller) echoes(t *testing.T) {
	t.Helper()
	want := fmt.Sprintf("%p %d", c, c.last)
	require.Equal(t, want, c.tool(t, "echo", fmt.Sprintf(`{"text":%q}`, want)))
}

// failed is the error of a call that its server did not answer: one response, and that of
// this call.
func (c *mcpCaller) failed(t *testing.T, got answer) string {
	t.Helper()
	require.Contains(t, []int{502, 200}, got.Status, got.Body)
	all := got.messages(t)
	require.NotEmpty(t, all)
	responses := 0
	for _, m := range all {
		if gjson.Get(m, "id").Exists() && !gjson.Get(m, "method").Exists() {
			responses++
		}
	}
	require.Equal(t, 1, responses, got.Body)
	r := gjson.Parse(all[len(all)-1])
	require.Equal(t, int64(c.last), r.Get("id").Int(), r.Raw)
	require.False(t, r.Get("result").Exists(), r.Raw)
	require.Equal(t, int64(-32001), r.Get("error.code").Int(), r.Raw)
	return r.Get("error.message").Str
}

// again begins a session as soon as the gateway lets it.
func (s *stack) again(t *testing.T, key string) *mcpCaller {
	t.Helper()
	c := s.mcp(key)
	require.Eventually(t, func() bool {
		got := c.post(t, initialize)
		if got.Status == 503 {
			require.NotEmpty(t, got.Header.Get("Retry-After"))
			return false
		}
		require.Equal(t, 200, got.Status, got.Body)
		c.session = got.Header.Get("Mcp-Session-Id")
		return true
	}, patience, step)
	require.Equal(t, 202, c.post(t, initialized).Status)
	return c
}

// leaving sends a message for whose answer nobody waits, and returns what hangs up.
func (s *stack) leaving(t *testing.T, c *mcpCaller, body string) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+c.path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", jsonKind)
	for pair := range slices.Chunk(c.headers(), 2) {
		req.Header.Set(pair[0], pair[1])
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if resp, err := s.client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	return func() { cancel(); <-gone }
}
