//go:build unix

package stdio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/stdio"
)

// patience is for what has to happen; nothing is measured by it.
const patience = 30 * time.Second

// atOnce lets a process of the race detector exit without its second of sleep.
const atOnce = "GORACE=atexit_sleep_ms=0"

func service(mode string, env ...string) mcp.Service {
	return mcp.Service{ID: "s", Command: os.Args[0], Env: append([]string{childMode + "=" + mode, atOnce}, env...)}
}

var quiet = slog.New(slog.DiscardHandler)

func dial(t *testing.T, opts stdio.Options, s mcp.Service) mcp.Conn {
	t.Helper()
	if opts.Log == nil {
		opts.Log = quiet
	}
	c, err := stdio.New(opts).Dial(t.Context(), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return c
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func call(t *testing.T, c mcp.Conn, text string) mcp.Stream {
	t.Helper()
	s, err := c.Call(limited(t), mcp.Message{Data: []byte(text)})
	require.NoError(t, err)
	return s
}

// all reads a stream to its end.
func all(s mcp.Stream) (messages []string, err error) {
	for {
		m, err := s.Next()
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		messages = append(messages, string(m.Data))
	}
}

var asked atomic.Int64

// ask calls a method and reads the result.
func ask[T any](t *testing.T, c mcp.Conn, method string) (value T) {
	t.Helper()
	got, err := all(call(t, c, fmt.Sprintf(`{"jsonrpc":"2.0","id":"ask %d","method":%q}`, asked.Add(1), method)))
	require.NoError(t, err)
	require.NotEmpty(t, got)
	var m struct{ Result *T }
	m.Result = &value
	require.NoError(t, json.Unmarshal([]byte(got[len(got)-1]), &m))
	return value
}

func TestCall(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	got, err := all(call(t, c, `{"jsonrpc":"2.0","id":1.0,"method":"progress","params":{"_meta":{"progressToken":"p"}}}`))
	require.NoError(t, err)
	require.Equal(t, []string{
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":0}}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":2}}`,
		`{"jsonrpc":"2.0","id":1.0,"result":"done"}`,
	}, got)
	require.Equal(t, "{\"jsonrpc\":\"2.0\",  \"id\":\"ask\",\"method\":\"echo\",\"x\":[1e400, 12345678901234567890]}",
		strings.TrimSpace(echo(t, c, "{\"jsonrpc\":\"2.0\",\r\n\"id\":\"ask\",\"method\":\"echo\",\"x\":[1e400,\n12345678901234567890]}")))
}

func echo(t *testing.T, c mcp.Conn, text string) (line string) {
	t.Helper()
	got, err := all(call(t, c, text))
	require.NoError(t, err)
	var m struct{ Result string }
	require.NoError(t, json.Unmarshal([]byte(got[0]), &m))
	return m.Result
}

func TestManyCalls(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			text := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"echo","params":{"x":%q}}`, i, strings.Repeat("y", i*100))
			s, err := c.Call(t.Context(), mcp.Message{Data: []byte(text)})
			if err != nil {
				t.Error(err)
				return
			}
			got, err := all(s)
			if err != nil || len(got) != 1 || !strings.HasPrefix(got[0], fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,`, i)) {
				t.Error(err, got)
			}
		})
	}
	wg.Wait()
}
