package sse_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/sse"
)

// A server that refuses is quoted; addresses and their secrets never are.
func TestRefused(t *testing.T) {
	up := newServer(t)
	up.post = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope"`)
		w.Header().Set("Set-Cookie", "canary")
		w.WriteHeader(403)
		_, _ = io.WriteString(w, strings.Repeat("x", 100<<10))
	}
	up.text <- event("endpoint", "/m")
	c := dial(t, options(t), up.service())
	_, err := c.Call(limited(t), request(1))
	var status *mcp.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, 403, status.Code)
	require.Equal(t, `Bearer error="insufficient_scope"`, status.Header.Get("WWW-Authenticate"))
	require.Empty(t, status.Header.Get("Set-Cookie"))
	require.Len(t, status.Body, 64<<10)
	require.Zero(t, c.(sse.Session).Stats().Calls)

	for _, test := range []struct {
		status    int
		kind      string
		text      string
		wantCode  int
		wantError string
	}{
		{401, "text/plain", "who?", 401, "401"},
		{404, "text/event-stream", "", 404, "404"},
		{204, "text/event-stream", "", 204, "204"},
		{200, "text/html", "<p>", 0, "something else than a stream"},
		{200, "text/event-stream", event("message", "{}"), 0, "before the address"},
		{200, "text/event-stream", "event: endpoint\ndata: /m\n", 0, "broke off in an event"},
		{200, "text/event-stream", ": ping\n\n", 0, "ended the stream"},
	} {
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", test.kind)
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.text)
		}))
		_, err := sse.New(options(t)).Dial(limited(t), mcp.Service{URL: front.URL + "/?key=canary"})
		require.ErrorContains(t, err, test.wantError)
		require.NotContains(t, err.Error(), "canary")
		if test.wantCode > 0 {
			require.ErrorAs(t, err, &status)
			require.Equal(t, test.wantCode, status.Code)
		}
		front.Close()
		_, err = sse.New(options(t)).Dial(limited(t), mcp.Service{URL: strings.Replace(front.URL, "http://", "http://user:canary@", 1) + "/?key=canary"})
		require.ErrorContains(t, err, "cannot be reached")
		require.NotContains(t, err.Error(), "canary")
	}
	for _, bad := range []mcp.Service{{URL: ""}, {URL: "/canary"}, {URL: "ftp://canary"}, {URL: "http://%zz/canary"}, {URL: up.URL, PostURL: "canary"}} {
		_, err := sse.New(options(t)).Dial(limited(t), bad)
		require.ErrorContains(t, err, "URL")
		require.NotContains(t, err.Error(), "canary")
	}
	_, err = sse.New(options(t)).Dial(limited(t), mcp.Service{URL: up.URL, Header: http.Header{"X": {"canary\r\n"}}})
	require.ErrorContains(t, err, "header")
	require.NotContains(t, err.Error(), "canary")
}

// Ends of the stream end the session and what is under way.
func TestStreamEnds(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "ended the stream",
		"data: {\"jsonrpc\":":                 "broke off in an event",
		"data: " + strings.Repeat("x", 20000): "longer than 10000 bytes",
	} {
		up := newServer(t)
		opts := options(t)
		opts.MaxMessage = 10000
		up.text <- event("endpoint", "/m")
		c := dial(t, opts, up.service())
		s, done := call(t, c, 1), call(t, c, 2)
		up.text <- event("message", `{"jsonrpc":"2.0","id":2,"result":{}}`) + text
		close(up.text)
		_, err := s.Next()
		require.ErrorContains(t, err, want)
		require.Equal(t, err, c.(sse.Session).Err())
		<-c.(sse.Session).Done()
		next(t, done)
		_, err = c.Call(t.Context(), request(3))
		require.ErrorContains(t, err, want)
	}
}

// A server may answer the POST of a request after the request.
func TestPostAnswersLate(t *testing.T) {
	up := newServer(t)
	release := make(chan struct{})
	up.post = func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	up.text <- event("endpoint", "/m")
	opts := options(t)
	opts.PostTimeout = time.Nanosecond // is not for requests
	c := dial(t, opts, up.service())
	progress := `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}`
	go func() {
		<-up.posted
		up.text <- event("message", progress)
	}()
	s := call(t, c, 1)
	require.Equal(t, progress, string(next(t, s).Data))
	up.text <- event("message", `{"jsonrpc":"2.0","id":1,"result":{}}`)
	next(t, s)
	require.ErrorIs(t, c.Notify(t.Context(), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"n"}`)}), context.DeadlineExceeded)
	waits := make(chan error, 1)
	go func() {
		s, err := c.Call(t.Context(), request(2))
		if err == nil {
			_, err = s.Next()
		}
		waits <- err
	}()
	for {
		if _, body := up.received(t); strings.Contains(body, `"id":2`) {
			break
		}
	}
	require.NoError(t, c.Close(t.Context())) // ends it, and the POST of the first
	require.ErrorIs(t, <-waits, net.ErrClosed)
	close(release)
}

func TestFlood(t *testing.T) {
	up := newServer(t)
	up.text <- event("endpoint", "/m")
	c := dial(t, options(t), up.service())
	s := call(t, c, 1)
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":%d}}\n\n", i)
	}
	b.WriteString("data: nonsense\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":2}\n\n")
	up.text <- b.String()
	stats := c.(sse.Session).Stats
	require.Eventually(t, func() bool { return stats().Unclaimed == 1 }, patience, time.Millisecond)
	for range 1024 {
		next(t, s)
	}
	require.Contains(t, string(next(t, s).Data), `"result":1`)
	require.EqualValues(t, 100_000-1024, stats().Dropped)
	require.EqualValues(t, 1, stats().Skipped)
}
