package sse_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/sse"
)

func TestCall(t *testing.T) {
	up := newServer(t)
	up.text <- ": hello\n\nevent: endpoint\r\ndata: /messages?sessionId=a%20b\r\n\r\n"
	service := up.service()
	service.Header = http.Header{"authorization": {"Bearer canary"}, "X-Two": {"1", "2"}, "Host": {"other.example"}}
	c := dial(t, options(t), service)
	m := request(1)
	m.Header = http.Header{"Mcp-Protocol-Version": {"2024-11-05"}, "Authorization": {"Bearer of the caller"}}
	s, err := c.Call(limited(t), m)
	require.NoError(t, err)
	r, body := up.received(t)
	require.Equal(t, string(m.Data), body)
	require.Equal(t, "/messages?sessionId=a%20b", r.RequestURI)
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.Equal(t, "2024-11-05", r.Header.Get("Mcp-Protocol-Version"))
	require.Equal(t, "other.example", r.Host)
	up.mu.Lock()
	defer up.mu.Unlock()
	require.Equal(t, "text/event-stream", up.streams[0].Get("Accept"))
	for _, h := range []http.Header{r.Header, up.streams[0]} {
		require.Equal(t, []string{"Bearer canary"}, h["Authorization"])
		require.Equal(t, []string{"1", "2"}, h["X-Two"])
		require.Equal(t, "identity", h.Get("Accept-Encoding"))
	}

	progress := `{"method":"notifications/progress", "jsonrpc":"2.0","params":{"progressToken":1,"progress":1e400}}`
	up.text <- event("unknown", progress) + ": ping\n\n" + "id: e1\nretry: 1500\n" + event("message", progress) + "data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\"result\":{}}\n\n"
	require.Equal(t, mcp.Message{Data: []byte(progress), EventID: "e1", Retry: 1500 * time.Millisecond}, next(t, s))
	require.Equal(t, "{\"jsonrpc\":\"2.0\",\n\"id\":1,\"result\":{}}", string(next(t, s).Data))
	_, err = s.Next()
	require.Equal(t, io.EOF, err)

	require.NoError(t, c.Notify(limited(t), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"n"}`)}))
	_, body = up.received(t)
	require.Equal(t, `{"jsonrpc":"2.0","method":"n"}`, body)
	s = call(t, c, 2)
	up.received(t)
	require.NoError(t, s.Close())
	_, body = up.received(t)
	require.Contains(t, body, `"notifications/cancelled","params":{"requestId":2,`)
	l, err := c.Listen(t.Context(), "e1")
	require.NoError(t, err)
	up.text <- event("message", `{"jsonrpc":"2.0","method":"n"}`)
	require.Equal(t, `{"jsonrpc":"2.0","method":"n"}`, string(next(t, l).Data))
	require.Zero(t, c.(sse.Session).Stats().Calls)
}

// The context of Dial bounds it, also when the server never says where to send, and
// nothing of the session.
func TestDialContext(t *testing.T) {
	up := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := sse.New(options(t)).Dial(ctx, up.service())
		failed <- err
	}()
	up.text <- ": nothing\n\n"
	require.Eventually(t, func() bool { return len(up.text) == 0 }, patience, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	up.idle(t)

	ctx, cancel = context.WithCancel(t.Context())
	up.text <- event("endpoint", "/m")
	c, err := sse.New(options(t)).Dial(ctx, up.service())
	require.NoError(t, err)
	cancel()
	s := call(t, c, 1)
	up.text <- event("message", `{"jsonrpc":"2.0","id":1,"result":{}}`)
	next(t, s)
	require.NoError(t, c.Close(t.Context()))
	_, err = sse.New(options(t)).Dial(ctx, up.service())
	require.ErrorIs(t, err, context.Canceled)
}
