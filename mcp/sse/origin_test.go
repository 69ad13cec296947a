package sse_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/sse"
)

// Credentials and messages go to the origin of the stream alone.
func TestEndpoint(t *testing.T) {
	up := newServer(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(up.URL, "http://"))
	require.NoError(t, err)
	for endpoint, want := range map[string]string{
		"messages":                               "/messages",
		"/m?a=1#f":                               "/m?a=1",
		"?s=1":                                   "/sse?s=1",
		up.URL + "/x":                            "/x",
		"//127.0.0.1:" + port + "/y":             "/y",
		"HTTP://127.0.0.1:" + port + "/z":        "/z",
		"http://127.0.0.1:" + port + ".example/": "",
		"http://evil.example/m":                  "",
		"http://127.0.0.1/m":                     "",
		"http://127.0.0.1:1/m":                   "",
		"https://127.0.0.1:" + port + "/m":       "",
		"http://127.0.0.1:" + port + "@evil/":    "",
		"//evil.example/m":                       "",
		`\\evil.example\m`:                       "/%5C%5Cevil.example%5Cm",
		"javascript:alert(1)":                    "",
		"http://[::1/":                           "",
		"/" + strings.Repeat("x", 9<<10):         "",
	} {
		up.text <- event("endpoint", endpoint)
		c, err := sse.New(options(t)).Dial(limited(t), up.service())
		if err == nil {
			defer func() { require.NoError(t, c.Close(context.Background())) }()
		}
		if want == "" {
			up.idle(t)
			require.ErrorContains(t, err, "endpoint", endpoint)
			require.NotContains(t, err.Error(), "evil")
			continue
		}
		require.NoError(t, err, endpoint)
		require.NoError(t, c.Notify(limited(t), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"n"}`)}))
		r, _ := up.received(t)
		require.Equal(t, want, r.RequestURI, endpoint)
		require.NoError(t, c.Close(t.Context()))
		up.idle(t)
	}
}

// A configured address is used, with the session's id that the server gives.
func TestPostURL(t *testing.T) {
	up, other := newServer(t), newServer(t)
	for _, test := range [][3]string{ // configured path, first event, address used
		{"/in?k=v", event("endpoint", "http://internal.example/messages?sessionId=1"), "/in?k=v&sessionId=1"},
		{"/in", event("endpoint", "/messages?sessionId=1"), "/in?sessionId=1"},
		{"/in?k=v", event("endpoint", "/messages"), "/in?k=v"},
		{"/in", event("message", `{"jsonrpc":"2.0","method":"first"}`), "/in"},
	} {
		up.text <- test[1]
		s := up.service()
		s.PostURL = other.URL + test[0]
		c := dial(t, options(t), s)
		require.NoError(t, c.Notify(limited(t), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"n"}`)}))
		r, _ := other.received(t)
		require.Equal(t, test[2], r.RequestURI)
		if strings.Contains(test[1], "first") {
			l, err := c.Listen(limited(t), "")
			require.NoError(t, err)
			require.Contains(t, string(next(t, l).Data), "first")
		}
		require.NoError(t, c.Close(t.Context()))
		up.idle(t)
	}
	require.Empty(t, up.posted)
}

// Redirects are followed on the same origin, in the same method.
func TestRedirects(t *testing.T) {
	up, evil := newServer(t), newServer(t)
	target := ""
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := http.StatusTemporaryRedirect
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/start":
			http.Redirect(w, r, target, code)
		case r.Method == http.MethodGet:
			up.stream(w, r)
		case r.URL.Path == "/kept":
			http.Redirect(w, r, "/final", code)
		case r.URL.Path == "/changed":
			http.Redirect(w, r, "/final", http.StatusFound)
		case r.URL.Path == "/away":
			http.Redirect(w, r, evil.URL+"/m", code)
		default:
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
			r.Body = io.NopCloser(&text{body})
			up.posted <- r
		}
	}))
	t.Cleanup(front.Close)
	s := mcp.Service{URL: front.URL + "/start", Header: http.Header{"Authorization": {"Bearer canary"}}}
	var status *mcp.StatusError
	for _, target = range []string{evil.URL + "/sse", strings.Replace(front.URL, "http:", "https:", 1), "/start"} {
		_, err := sse.New(options(t)).Dial(limited(t), s)
		require.ErrorAs(t, err, &status, target)
		require.Equal(t, 307, status.Code)
	}
	target = "/sub/sse"
	for path, want := range map[string]int{"kept": 0, "changed": 302, "away": 307} {
		up.text <- event("endpoint", "/"+path)
		c := dial(t, options(t), s)
		err := c.Notify(limited(t), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"n"}`)})
		require.NoError(t, c.Close(t.Context()))
		up.idle(t)
		if want == 0 {
			require.NoError(t, err)
			r, body := up.received(t)
			require.Equal(t, "/final", r.RequestURI)
			require.Equal(t, "Bearer canary", r.Header.Get("Authorization"))
			require.Equal(t, `{"jsonrpc":"2.0","method":"n"}`, body)
			continue
		}
		require.ErrorAs(t, err, &status, path)
		require.Equal(t, want, status.Code)
	}
	evil.mu.Lock()
	defer evil.mu.Unlock()
	require.Empty(t, evil.streams)
	require.Empty(t, evil.posted)
	require.Empty(t, up.posted)
}
