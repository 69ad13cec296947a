package h1

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHead(t *testing.T) {
	u, err := url.Parse("http://[::1]/a%20b?q=%0D%0A")
	require.NoError(t, err)
	base := func() *Request {
		return &Request{Method: "POST", URL: u, Host: u.Host, Header: http.Header{}, Body: []byte("{}")}
	}
	for name, tt := range map[string]struct {
		change func(*Request)
		want   string // after the first lines; empty where nothing is sent
	}{
		"plain":       {func(r *Request) {}, "Content-Length: 2\r\n\r\n"},
		"empty POST":  {func(r *Request) { r.Body = nil }, "Content-Length: 0\r\n\r\n"},
		"empty value": {func(r *Request) { r.Header["X"] = []string{""} }, "X: \r\nContent-Length: 2\r\n\r\n"},
		"no agent":    {func(r *Request) { r.Header["User-Agent"] = []string{""} }, "Content-Length: 2\r\n\r\n"},
		"its own": {func(r *Request) {
			for _, n := range []string{"Host", "host", "Content-Length", "content-length", "TRANSFER-ENCODING", "Transfer-Encoding", "connection", "Trailer", "expect"} {
				r.Header[n] = []string{"chunked"}
			}
		}, "Content-Length: 2\r\n\r\n"},
		"value ends its line": {func(r *Request) { r.Header["X"] = []string{"secret\r\nY: 1"} }, ""},
		"value ends in CR":    {func(r *Request) { r.Header["X"] = []string{"secret\r"} }, ""},
		"value with NUL":      {func(r *Request) { r.Header["X"] = []string{"a", "secret\x00"} }, ""},
		"name with a colon":   {func(r *Request) { r.Header["X: y\r\nZ"] = []string{"secret"} }, ""},
		"name with a space":   {func(r *Request) { r.Header["Content-Length "] = []string{"secret"} }, ""},
		"no name":             {func(r *Request) { r.Header[""] = []string{"secret"} }, ""},
		"method":              {func(r *Request) { r.Method = "GET / HTTP/1.1\r\n" }, ""},
		"method no token":     {func(r *Request) { r.Method = "GET:" }, ""},
		"no method":           {func(r *Request) { r.Method = "" }, ""},
		"host":                {func(r *Request) { r.Host = "a\r\nX: y" }, ""},
		"query":               {func(r *Request) { r.URL = &url.URL{Path: "/", RawQuery: "a HTTP/1.1\r\nX: y"} }, ""},
		"opaque":              {func(r *Request) { r.URL = &url.URL{Opaque: "/ HTTP/1.1\r\n"} }, ""},
	} {
		r := base()
		tt.change(r)
		b, err := appendHead(nil, r)
		if tt.want == "" {
			require.ErrorIs(t, err, ErrHeader, name)
			require.NotContains(t, err.Error(), "secret", name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, "POST /a%20b?q=%0D%0A HTTP/1.1\r\nHost: [::1]\r\n"+tt.want, string(b), name)
	}
}

func TestTakes(t *testing.T) {
	for text, want := range map[string]bool{
		"http://a": true, "http://[::1]:8080": true, "http://127.0.0.1": true,
		"https://a": false, "http://[fe80::1%25eth0]": false, "http://bücher.test": false, "http:///path": false,
	} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.Equal(t, want && available, Takes(u, MaxBody), text)
		require.False(t, Takes(u, MaxBody+1), text)
	}
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		"http://a": "a:80", "http://a:": "a:80", "http://a:8080": "a:8080", "http://[::1]": "[::1]:80", "http://[::1]:81/x": "[::1]:81",
	} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, address(u), text)
	}
}

// Head and body arrive as they were, however they were written.
func TestSent(t *testing.T) {
	for _, n := range []int{0, 1, copied, copied + 1, MaxBody} {
		for _, header := range []int{0, 64 << 10} {
			got := make(chan []byte, 1)
			s := serve(t, func(p *peer) {
				req, err := http.ReadRequest(p.in)
				if err != nil {
					return
				}
				var b bytes.Buffer
				_, _ = b.ReadFrom(req.Body)
				got <- b.Bytes()
				p.say(ok)
			})
			tr := client(t)
			req := s.req("POST")
			req.Header.Set("X", strings.Repeat("x", header))
			req.Body = bytes.Repeat([]byte("b"), n)
			_, body, err := fetch(t, tr, req)
			require.NoError(t, err)
			require.Equal(t, "ok", body)
			require.True(t, bytes.Equal(req.Body, <-got))
			for _, c := range tr.pooled() {
				require.LessOrEqual(t, cap(c.out), 4*copied, "an idle connection holds a long request")
			}
		}
	}
}
