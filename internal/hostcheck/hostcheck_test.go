package hostcheck

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFromLoopback(t *testing.T) {
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 8019} }
	for name, tt := range map[string]struct {
		local        net.Addr
		remote, host string
		header       string
		want         bool
	}{
		"IPv4":                 {tcp("127.0.0.1"), "127.0.0.1:5", "127.0.0.1:8019", "", true},
		"IPv6":                 {tcp("::1"), "[::1]:5", "localhost:8019", "", true},
		"mapped":               {tcp("::ffff:127.0.0.1"), "[::ffff:127.0.0.1]:5", "localhost", "", true},
		"another loopback":     {tcp("127.0.0.1"), "127.8.8.8:5", "localhost", "", true},
		"from elsewhere":       {tcp("127.0.0.1"), "192.0.2.1:5", "localhost", "", false},
		"to elsewhere":         {tcp("192.0.2.1"), "127.0.0.1:5", "localhost", "", false},
		"under another name":   {tcp("127.0.0.1"), "127.0.0.1:5", "admin.example.org", "", false},
		"no local address":     {nil, "127.0.0.1:5", "localhost", "", false},
		"a socket":             {&net.UnixAddr{Name: "/run/agw", Net: "unix"}, "@", "localhost", "", false},
		"no remote address":    {tcp("127.0.0.1"), "", "localhost", "", false},
		"an address rewritten": {tcp("127.0.0.1"), "127.0.0.1", "localhost", "", false},
		"X-Forwarded-For":      {tcp("127.0.0.1"), "127.0.0.1:5", "localhost", "X-Forwarded-For", false},
		"X-Forwarded-Host":     {tcp("127.0.0.1"), "127.0.0.1:5", "localhost", "x-forwarded-host", false},
		"Forwarded":            {tcp("127.0.0.1"), "127.0.0.1:5", "localhost", "Forwarded", false},
		"X-Real-IP":            {tcp("127.0.0.1"), "127.0.0.1:5", "localhost", "X-Real-IP", false},
		"Via":                  {tcp("127.0.0.1"), "127.0.0.1:5", "localhost", "Via", false},
		"an ordinary header":   {tcp("127.0.0.1"), "127.0.0.1:5", "localhost", "X-Trace-ID", true},
	} {
		ctx := t.Context()
		if tt.local != nil {
			ctx = context.WithValue(ctx, http.LocalAddrContextKey, tt.local)
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://x/admin", nil)
		require.NoError(t, err)
		r.RemoteAddr, r.Host = tt.remote, tt.host
		if tt.header != "" {
			r.Header.Set(tt.header, "x")
		}
		require.Equal(t, tt.want, FromLoopback(r), name)
	}
}

func TestRebound(t *testing.T) {
	ctx := context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080})
	for name, tt := range map[string]struct {
		host    string
		headers []string
		want    bool
	}{
		"this machine":           {"localhost:8080", nil, false},
		"another name":           {"evil.example", nil, true},
		"by a proxy":             {"mcp.example.org", []string{"X-Forwarded-For"}, false},
		"a page behind a header": {"evil.example", []string{"X-Forwarded-For", "Origin"}, true},
	} {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://x/mcp", nil)
		require.NoError(t, err)
		r.Host = tt.host
		for _, h := range tt.headers {
			r.Header.Set(h, "http://evil.example")
		}
		require.Equal(t, tt.want, Rebound(r), name)
		require.False(t, Rebound(r.WithContext(t.Context())), "not over loopback")
	}
}
