package streamable_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
)

// patience is for what has to happen; nothing is measured by it.
const patience = 30 * time.Second

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, o streamable.Options, s mcp.Service) mcp.Conn {
	t.Helper()
	tr := streamable.New(o)
	c, err := tr.Dial(t.Context(), s)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = c.Close(context.Background())
		tr.CloseIdleConnections()
	})
	return c
}

// served is a session with a scripted server.
func served(t *testing.T, h *mcptest.HTTP) mcp.Conn {
	t.Helper()
	c := dial(t, streamable.Options{}, mcp.Service{ID: "test", URL: h.Start(t)})
	initialize(t, c)
	return c
}

const initializeRequest = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`

func initialize(t *testing.T, c mcp.Conn) {
	t.Helper()
	_, err := do(limited(t), c, mcp.Message{Data: []byte(initializeRequest)})
	require.NoError(t, err)
}

// do makes a call and reads all of it; what carries no message is left out.
func do(ctx context.Context, c mcp.Conn, m mcp.Message) (list []string, err error) {
	s, err := c.Call(ctx, m)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return all(s)
}

func all(s mcp.Stream) (list []string, err error) {
	for {
		m, err := s.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		if len(m.Data) > 0 {
			list = append(list, string(m.Data))
		}
	}
}

func legacy(id, tool, arguments string) mcp.Message {
	return mcp.Message{Data: []byte(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `","arguments":{` + arguments + `}}}`)}
}

func modern(id, tool, arguments string) mcp.Message {
	return mcp.Message{
		Data:   []byte(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"name":"` + tool + `","arguments":{` + arguments + `}}}`),
		Header: http.Header{"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {tool}},
	}
}

func works(t *testing.T, c mcp.Conn, call func(id, tool, arguments string) mcp.Message) {
	t.Helper()
	list, err := do(limited(t), c, call(`"works"`, "echo", `"text":"still good"`))
	require.NoError(t, err)
	require.Contains(t, strings.Join(list, "\n"), "still good")
}

// roundTrip is a server in memory.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering answers every request with a status, a type and a body.
func answering(code int, contentType string, body io.Reader) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(body), ContentLength: -1, Request: r}, nil
	}
}

// silence is a body of which nothing comes until ctx ends.
func silence(ctx context.Context) io.Reader {
	return readFunc(func([]byte) (int, error) {
		<-ctx.Done()
		return 0, context.Cause(ctx)
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

var quiet = log.New(io.Discard, "", 0)
