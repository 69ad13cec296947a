//go:build unix

package stdio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/stdio"
)

// requireGone waits until the process has ended.
func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return gone(pid) }, patience, time.Millisecond)
}

func requireEnded(t *testing.T, c mcp.Conn) error {
	t.Helper()
	select {
	case <-c.(stdio.Process).Done():
	case <-time.After(patience):
		t.Fatal("the session has not ended")
	}
	return c.(stdio.Process).Err()
}

// What a server writes to its output besides messages is skipped, and logged by its length.
func TestGarbage(t *testing.T) {
	var log bytes.Buffer
	c := dial(t, stdio.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, service("server"))
	require.Equal(t, "done", ask[string](t, c, "garbage"))
	require.EqualValues(t, 4, c.(stdio.Process).Stats().Skipped)
	require.Contains(t, log.String(), "skipped")
	require.Contains(t, log.String(), "bytes=")
	require.NotContains(t, log.String(), "npm warn")
}

func TestAnswersTwice(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	require.Equal(t, 1, ask[int](t, c, "twice"))
	require.Equal(t, "done", ask[string](t, c, "garbage"))
	require.EqualValues(t, 1, c.(stdio.Process).Stats().Unclaimed)
}

// Exits in the middle of calls end them all, and say how and why.
func TestExit(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	slow := call(t, c, `{"jsonrpc":"2.0","id":1,"method":"slow"}`)
	_, err := all(call(t, c, `{"jsonrpc":"2.0","id":2,"method":"exit"}`))
	require.EqualError(t, err, "mcp: the server exited: exit status 7: a last word")
	var exit *stdio.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 7, exit.Code)
	_, err = slow.Next()
	require.Equal(t, exit, err)
	require.Equal(t, exit, requireEnded(t, c))
	_, err = c.Call(t.Context(), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","id":3,"method":"x"}`)})
	require.Equal(t, exit, err)
	require.Equal(t, exit, c.Notify(t.Context(), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"x"}`)}))

	// What was written whole before it counts, a part of a message does not.
	c = dial(t, stdio.Options{}, service("server"))
	require.Equal(t, "done", ask[string](t, c, "answer-and-exit"))
	require.EqualError(t, requireEnded(t, c), "mcp: the server exited: exit status 0")
	c = dial(t, stdio.Options{}, service("server"))
	_, err = all(call(t, c, `{"jsonrpc":"2.0","id":1,"method":"half"}`))
	require.EqualError(t, err, "mcp: the server exited: exit status 0")
}

// A server that does not come up says why, without its secrets and what a terminal
// would obey.
func TestFailedStart(t *testing.T) {
	var log bytes.Buffer
	c := dial(t, stdio.Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, service("fails", "SECRET=canary-of-the-service"))
	s, err := c.Call(limited(t), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","id":1,"method":"initialize"}`)})
	if err == nil { // it was written before the exit
		_, err = s.Next()
	}
	require.EqualError(t, err, "mcp: the server exited: exit status 3: first line; cannot start: ********")
	require.Equal(t, "first line\ncannot start: ********\n", c.(stdio.Process).Stderr())
	require.Contains(t, log.String(), "first line")
	require.NotContains(t, log.String(), "canary")
}

// What a server writes to its standard error is kept in part.
func TestStandardError(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	for i := range 3 {
		_, err := all(call(t, c, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"stderr","params":{"name":"said %d"}}`, i, i)))
		require.NoError(t, err)
	}
	p := c.(stdio.Process)
	require.Eventually(t, func() bool { return strings.Contains(p.Stderr(), "xxx") }, patience, time.Millisecond)
	require.LessOrEqual(t, len(p.Stderr()), 8<<10)
}

// A server that never answers is left by the caller's context, which cancels the call.
func TestNeverAnswers(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	ctx, cancel := context.WithCancel(t.Context())
	s, err := c.Call(ctx, mcp.Message{Data: []byte(`{"jsonrpc":"2.0","id":"never","method":"slow"}`)})
	require.NoError(t, err)
	cancel()
	_, err = s.Next()
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(t, func() bool { return c.(stdio.Process).Stats().Sent == 2 }, patience, time.Millisecond)
	require.Zero(t, c.(stdio.Process).Stats().Calls)
	require.Equal(t, "done", ask[string](t, c, "garbage"))
}

// A flood of notifications that nobody reads takes bounded memory, and the response is
// there in the end.
func TestFlood(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	s := call(t, c, `{"jsonrpc":"2.0","id":1,"method":"flood","params":{"_meta":{"progressToken":1}}}`)
	p := c.(stdio.Process)
	require.Eventually(t, func() bool { return p.Stats().Received == 100_001 }, patience, time.Millisecond)
	got, err := all(s)
	require.NoError(t, err)
	require.Len(t, got, 1025)
	require.Equal(t, `{"jsonrpc":"2.0","id":1,"result":"done"}`, got[1024])
	require.Contains(t, got[0], `"progress":98976}`)
	require.EqualValues(t, 100_000-1024, p.Stats().Dropped)
}

// A line that is too long ends the session, and nothing is collected of it.
func TestHugeLine(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	_, err := all(call(t, c, `{"jsonrpc":"2.0","id":1,"method":"huge"}`))
	require.EqualError(t, err, "mcp: a line of the server's is longer than 16777216 bytes")
	require.Equal(t, err, requireEnded(t, c))
	requireGone(t, c.(stdio.Process).Pid())
}

// A server that does not read its input holds nobody up for ever.
func TestDeaf(t *testing.T) {
	long := mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"x","params":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`)}
	c := dial(t, stdio.Options{Grace: 10 * time.Millisecond}, service("deaf"))
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- c.Notify(ctx, long) }() // fills the pipe
	second := make(chan error, 1)
	go func() { second <- c.Notify(ctx, long) }()
	cancel()
	require.ErrorIs(t, <-first, context.Canceled)
	require.ErrorIs(t, <-second, context.Canceled)

	c = dial(t, stdio.Options{Grace: 10 * time.Millisecond, WriteTimeout: 20 * time.Millisecond}, service("deaf"))
	s, err := c.Call(t.Context(), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","id":1,"method":"x"}`)})
	require.NoError(t, err)
	require.ErrorContains(t, c.Notify(t.Context(), long), "has not read its input for 20ms")
	_, err = s.Next()
	require.ErrorContains(t, err, "has not read its input")
	requireEnded(t, c)
	requireGone(t, c.(stdio.Process).Pid())
}

// A server that has closed one of its streams is of no use any more.
func TestClosedStreams(t *testing.T) {
	c := dial(t, stdio.Options{Grace: 10 * time.Millisecond}, service("closed-stdin"))
	l, err := c.Listen(limited(t), "")
	require.NoError(t, err)
	_, err = l.Next() // the input is closed now
	require.NoError(t, err)
	err = c.Notify(t.Context(), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"x"}`)})
	require.ErrorContains(t, err, "closed a stream and did not exit")
	require.Equal(t, err, requireEnded(t, c))

	c = dial(t, stdio.Options{Grace: 10 * time.Millisecond}, service("closed-stdout"))
	l, err = c.Listen(limited(t), "")
	require.NoError(t, err)
	_, err = l.Next()
	require.ErrorContains(t, err, "closed a stream and did not exit")
	requireEnded(t, c)
}

// Close ends what is under way.
func TestClose(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	s := call(t, c, `{"jsonrpc":"2.0","id":1,"method":"slow"}`)
	l, err := c.Listen(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, c.Close(t.Context()))
	for _, s := range []mcp.Stream{s, l} {
		_, err := s.Next()
		require.ErrorIs(t, err, net.ErrClosed)
	}
	_, err = c.Call(t.Context(), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","id":1,"method":"x"}`)})
	require.ErrorIs(t, err, stdio.ErrClosed)
	require.NoError(t, c.Close(t.Context()))
	require.Equal(t, stdio.ErrClosed, requireEnded(t, c))
	requireGone(t, c.(stdio.Process).Pid())
}

func TestDialContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, err := stdio.New(stdio.Options{Log: quiet}).Dial(ctx, service("server"))
	require.NoError(t, err)
	cancel() // bounds Dial alone
	require.Equal(t, "done", ask[string](t, c, "garbage"))
	require.NoError(t, c.Close(t.Context()))
	_, err = stdio.New(stdio.Options{}).Dial(ctx, service("server"))
	require.ErrorIs(t, err, context.Canceled)
}

// Only line breaks between values can become spaces.
func TestLineBreaks(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	for _, text := range []string{"{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":{\"a\":[\"\n\"]}}", "{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":{\"a\":[\"\\\n\"]}}"} {
		require.ErrorContains(t, c.Notify(t.Context(), mcp.Message{Data: []byte(text)}), "line break")
	}
	require.Equal(t, `{"jsonrpc":"2.0","id":"ask","method":"echo",  "x":"\"\n\\"   }`, echo(t, c, "{\"jsonrpc\":\"2.0\",\"id\":\"ask\",\"method\":\"echo\",\r\n\"x\":\"\\\"\\n\\\\\"\n\r\n}"))
	require.Error(t, errors.Join(c.Notify(t.Context(), mcp.Message{Data: []byte("nonsense")})))
}
