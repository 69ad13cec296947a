package h1

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// said is what a caller sees of an answer, and of the connection.
type said struct {
	Status  int
	Header  http.Header
	Length  int64
	Trailer http.Header
	Body    string
	Failed  string
	Reused  bool
}

type roundTrip func(*Request) (*http.Response, error)

func see(s *server, method string, call roundTrip) (got said) {
	for range 2 {
		resp, err := call(s.req(method))
		if err != nil {
			got.Failed = "head"
			continue
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		got = said{Status: resp.StatusCode, Header: resp.Header, Length: resp.ContentLength, Trailer: resp.Trailer, Body: string(b)}
		if err != nil {
			got.Failed = "body"
		}
	}
	got.Reused = s.conns.Load() == 1
	return got
}

// What http.Transport makes of an answer is made of it here. Left out is where it
// depends on its goroutines' luck: bytes after an answer.
func TestLikeHTTPTransport(t *testing.T) {
	const head, chunked = "HTTP/1.1 200 OK\r\n", "Transfer-Encoding: chunked\r\n"
	for _, answer := range []string{
		ok,
		head + "Content-Length: 0\r\n\r\n",
		head + "content-length:  2 \r\nX-A: 1\r\nx-a: 2\r\nPragma: no-cache\r\n\r\nok",
		head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
		head + "Content-Length: 2, 2\r\n\r\nok",
		head + "Content-Length: +2\r\n\r\nok",
		head + "Content-Length: \r\n\r\nok",
		head + "Content-Length: 99999999999999999999\r\n\r\nok",
		head + "Content-Length: 2\r\nConnection: close\r\n\r\nok",
		head + "Content-Length: 2\r\nConnection: x, Close\r\n\r\nok",
		head + chunked + "\r\n2\r\nok\r\n0\r\n\r\n",
		head + chunked + "\r\n2;ext=1\r\nok\r\n00\r\n\r\n",
		head + chunked + "Trailer: X-T\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
		head + chunked + "\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n",
		head + chunked + "Trailer: Content-Length\r\n\r\n0\r\n\r\n",
		head + chunked + "Content-Length: 3\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		head + chunked + chunked + "\r\n0\r\n\r\n",
		head + chunked + "\r\n-2\r\nok\r\n0\r\n\r\n",
		head + chunked + "\r\n2\r\nokay\r\n0\r\n\r\n",
		head + chunked + "\r\nfffffffffffffffff\r\n",
		head + "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
		head + " Folded: x\r\n\r\n",
		head + "A: 1\r\n\tand more\r\nContent-Length: 2\r\n\r\nok",
		head + "Bad Name: x\r\nContent-Length: 2\r\n\r\nok",
		head + ": x\r\nContent-Length: 2\r\n\r\nok",
		head + "A: \x00\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 -20 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" + ok,
		"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + ok,
		strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 4000) + ok,
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nok",
		"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1\r\n\r\n", "HTTP/x 200 OK\r\n\r\n", "\r\n" + ok, "220 smtp\r\n\r\n",
		head + "X: " + strings.Repeat("x", 60<<10) + "\r\nContent-Length: 2\r\n\r\nok",
		head + "X: " + strings.Repeat("x", 80<<10) + "\r\nContent-Length: 2\r\n\r\nok",
	} {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			if method == "HEAD" && !strings.HasSuffix(answer, "\r\n\r\n") || method == "HEAD" && strings.Contains(answer, chunked) {
				continue // bytes would be left
			}
			s, s2 := serve(t, each(answer)), serve(t, each(answer))
			tr := client(t)
			tr.MaxHead = 64 << 10
			theirs := &http.Transport{MaxResponseHeaderBytes: tr.MaxHead, DisableCompression: true}
			t.Cleanup(theirs.CloseIdleConnections)
			got := see(s, method, func(req *Request) (*http.Response, error) {
				return tr.RoundTrip(context.Background(), req)
			})
			want := see(s2, method, func(req *Request) (*http.Response, error) {
				return theirs.RoundTrip(&http.Request{
					Method: req.Method, URL: req.URL, Host: req.Host, Header: req.Header,
					Body: io.NopCloser(bytes.NewReader(req.Body)), ContentLength: int64(len(req.Body)),
				})
			})
			require.Equal(t, want, got, "%s: %.300q", method, answer)
		}
	}
}
