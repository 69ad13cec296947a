package streamable_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
)

// What goes with each request of a session, from its beginning to its end.
func TestHeaders(t *testing.T) {
	h := &mcptest.HTTP{Token: "t0ken"}
	c := dial(t, streamable.Options{}, mcp.Service{URL: h.Start(t) + "?q=1#fragment", Header: http.Header{"authorization": {"Bearer t0ken"}, "X-Own": {"a", "b"}}})
	require.Empty(t, h.Requests(), "Dial sends nothing")
	initialize(t, c)
	id := c.(interface{ SessionID() string }).SessionID()
	require.NotEmpty(t, id)
	require.NoError(t, c.Notify(limited(t), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)}))
	works(t, c, legacy)
	m := legacy("1", "echo", "")
	m.Header = http.Header{"mcp-protocol-version": {"2025-06-18"}, "Mcp-Param-Region": {"x"}, "Mcp-Session-Id": {"another"}, "Authorization": {"Bearer the caller's"}, "Cookie": {"c"}}
	_, err := do(limited(t), c, m)
	require.NoError(t, err)
	s, err := c.Listen(limited(t), "e1")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, c.Close(limited(t)))
	require.NoError(t, c.Close(limited(t)))
	require.Zero(t, h.Sessions())

	all := h.Requests()
	require.Len(t, all, 6)
	for i, r := range all {
		got := r.Header
		require.Equal(t, "/mcp?q=1", r.Path+"?"+r.Query)
		require.Equal(t, []string{"Bearer t0ken"}, got["Authorization"])
		require.Equal(t, []string{"a", "b"}, got["X-Own"])
		require.Equal(t, []string{"agent-gateway"}, got["User-Agent"])
		require.Equal(t, []string{"identity"}, got["Accept-Encoding"])
		require.Nil(t, got["Cookie"])
		if i == 0 {
			require.Nil(t, got["Mcp-Session-Id"], "there is no session yet")
			require.Nil(t, got["Mcp-Protocol-Version"], "nor a version")
			continue
		}
		require.Equal(t, []string{id}, got["Mcp-Session-Id"])
		if i != 3 {
			require.Equal(t, []string{"2025-11-25"}, got["Mcp-Protocol-Version"])
		}
	}
	for _, r := range all[:4] {
		require.Equal(t, http.MethodPost, r.Method)
		require.Equal(t, []string{"application/json, text/event-stream"}, r.Header["Accept"])
		require.Equal(t, []string{"application/json"}, r.Header["Content-Type"])
	}
	require.Equal(t, []string{"2025-06-18"}, all[3].Header["Mcp-Protocol-Version"], "that of the message")
	require.Equal(t, []string{"x"}, all[3].Header["Mcp-Param-Region"])
	require.Equal(t, http.MethodGet, all[4].Method)
	require.Equal(t, []string{"text/event-stream"}, all[4].Header["Accept"])
	require.Equal(t, []string{"e1"}, all[4].Header["Last-Event-Id"])
	require.Equal(t, http.MethodDelete, all[5].Method)
	require.Nil(t, all[5].Header["Content-Type"])
}

// The version goes along from 2025-06-18 on, which is the first to have the header.
func TestNegotiatedVersion(t *testing.T) {
	for version, want := range map[string][]string{
		"2024-11-05": nil, "2025-03-26": nil, "2025-06-18": {"2025-06-18"}, "2025-11-25": {"2025-11-25"},
		"2099-01-01": {"2099-01-01"}, "9999\r\nX: 1": nil, "2025-6-18": nil, "": nil,
	} {
		var last http.Header
		quoted, _ := json.Marshal(version)
		rt := roundTrip(func(r *http.Request) (*http.Response, error) {
			last = r.Header
			return answering(200, "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":`+string(quoted)+`}}`))(r)
		})
		c := dial(t, streamable.Options{RoundTripper: rt}, mcp.Service{URL: "http://test"})
		initialize(t, c)
		_, err := do(limited(t), c, legacy("0", "x", ""))
		require.NoError(t, err)
		require.Equal(t, want, last["Mcp-Protocol-Version"], version)
	}
}

// A server without sessions has none to be deleted, and an id that HTTP could not carry
// begins none.
func TestSessionIDs(t *testing.T) {
	h := &mcptest.HTTP{Sessionless: true}
	c := served(t, h)
	works(t, c, legacy)
	require.NoError(t, c.Close(limited(t)))
	for _, r := range h.Requests() {
		require.NotEqual(t, http.MethodDelete, r.Method)
		require.Nil(t, r.Header["Mcp-Session-Id"])
	}
	for _, id := range []string{"a b", "é", "a\tb"} {
		rt := roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := answering(200, "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":0,"result":{}}`))(r)
			resp.Header.Set("Mcp-Session-Id", id)
			return resp, err
		})
		_, err := do(limited(t), dial(t, streamable.Options{RoundTripper: rt}, mcp.Service{URL: "http://test"}), mcp.Message{Data: []byte(initializeRequest)})
		require.ErrorContains(t, err, "visible ASCII")
	}
}

// A handshake that the server refuses begins no session.
func TestRefusedHandshake(t *testing.T) {
	for _, h := range []*mcptest.HTTP{{Server: &mcptest.Server{Era: mcptest.Modern}}, {Token: "x"}} {
		c := dial(t, streamable.Options{}, mcp.Service{URL: h.Start(t)})
		_, err := do(limited(t), c, mcp.Message{Data: []byte(initializeRequest)})
		var refused *mcp.StatusError
		require.ErrorAs(t, err, &refused)
		require.Contains(t, []int{400, 401}, refused.Code)
		require.NoError(t, c.Close(limited(t)))
		require.Len(t, h.Requests(), 1)
	}
}

// A session that the server has forgotten is its caller's to begin anew, on the same
// connection if it likes.
func TestForgottenSession(t *testing.T) {
	h := &mcptest.HTTP{}
	c := served(t, h)
	s, err := c.Call(limited(t), legacy("1", "slow", ""))
	require.NoError(t, err)
	_, err = s.Next()
	require.NoError(t, err)
	h.Forget()
	_, err = s.Next()
	require.Error(t, err)
	_ = s.Close()
	_, err = do(limited(t), c, legacy("2", "echo", ""))
	var refused *mcp.StatusError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 404, refused.Code)
	require.Contains(t, string(refused.Body), "Session not found")
	require.ErrorAs(t, c.Notify(limited(t), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","method":"x"}`)}), &refused)
	_, err = c.Listen(limited(t), "")
	require.ErrorAs(t, err, &refused)
	old := c.(interface{ SessionID() string }).SessionID()
	initialize(t, c)
	require.NotEqual(t, old, c.(interface{ SessionID() string }).SessionID())
	works(t, c, legacy)
	for _, r := range h.Requests() {
		if strings.Contains(string(r.Body), `"initialize"`) {
			require.Nil(t, r.Header["Mcp-Session-Id"])
		}
	}
}

// initialize may not be cancelled (2025-11-25, Cancellation), whatever becomes of it.
func TestInitializeIsNotCancelled(t *testing.T) {
	h := &mcptest.HTTP{}
	c := dial(t, streamable.Options{}, mcp.Service{URL: h.Start(t)})
	for _, f := range []mcptest.Fault{{Text: "initialize", Break: mcptest.Stall}, {Text: "initialize", Break: mcptest.Cut}} {
		h.Enqueue(f)
		ctx, cancel := context.WithCancel(limited(t))
		s, err := c.Call(ctx, mcp.Message{Data: []byte(initializeRequest)})
		if err == nil {
			require.NoError(t, s.Close())
		}
		cancel()
	}
	h.Enqueue(mcptest.Fault{Break: mcptest.End})
	_, err := do(limited(t), c, mcp.Message{Data: []byte(initializeRequest)})
	require.Error(t, err)
	initialize(t, c)
	require.NoError(t, c.Close(limited(t)))
	for _, r := range h.Requests() {
		require.NotContains(t, string(r.Body), "notifications/cancelled")
	}
}

// Cancellations are bounded: a server that takes none holds up nothing.
func TestManyCancellations(t *testing.T) {
	const most = 64
	s := &mcptest.Server{}
	h := &mcptest.HTTP{Server: s}
	c := served(t, h)
	deaf := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for i := range most {
		st, err := c.Call(limited(t), legacy(fmt.Sprintf(`"c%d"`, i), "slow", ""))
		require.NoError(t, err)
		_, err = st.Next()
		require.NoError(t, err)
		h.Enqueue(mcptest.Fault{Text: "notifications/cancelled", Serve: deaf})
		require.NoError(t, st.Close())
		_, err = h.WaitRequest(limited(t), func(r mcptest.Request) bool {
			return strings.Contains(string(r.Body), fmt.Sprintf(`"requestId":"c%d"`, i))
		})
		require.NoError(t, err)
	}
	st, err := c.Call(limited(t), legacy(`"more"`, "slow", ""))
	require.NoError(t, err)
	_, err = st.Next()
	require.NoError(t, err)
	require.NoError(t, st.Close())
	works(t, c, legacy)
	require.NoError(t, c.Close(limited(t)))
	for _, r := range h.Requests() {
		require.NotContains(t, string(r.Body), `"requestId":"more"`)
	}
}

// The addresses that cannot be dialled.
func TestDial(t *testing.T) {
	for _, u := range []string{"", "x", "/mcp", "ftp://host/mcp", "http://", "http://:80/", "https:///mcp", "http://[::1", "http://a b/", "mailto:a@b"} {
		_, err := streamable.New(streamable.Options{}).Dial(t.Context(), mcp.Service{URL: u})
		require.Error(t, err, u)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := streamable.New(streamable.Options{}).Dial(ctx, mcp.Service{URL: "http://test"})
	require.ErrorIs(t, err, context.Canceled)
}

// What is asked for after Close says so.
func TestErrClosed(t *testing.T) {
	h := &mcptest.HTTP{}
	c := served(t, h)
	s, err := c.Call(limited(t), legacy("1", "slow", ""))
	require.NoError(t, err)
	_, err = s.Next()
	require.NoError(t, err)
	require.NoError(t, c.Close(limited(t)))
	_, err = s.Next()
	require.ErrorIs(t, err, streamable.ErrClosed)
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = c.Call(limited(t), legacy("1", "echo", ""))
	require.ErrorIs(t, err, streamable.ErrClosed)
}
