package h1

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// canned is a connection whose upstream has said all that it will.
type canned struct {
	net.Conn // nil: what is not below is not used
	in       *bytes.Reader
}

func (c *canned) Read(b []byte) (int, error)       { return c.in.Read(b) }
func (c *canned) Write(b []byte) (int, error)      { return len(b), nil }
func (c *canned) Close() error                     { return nil }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// Whatever comes, it is read as net/http reads it, and a connection is kept only
// if exactly one answer was taken from it.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		ok, ok + ok, "HTTP/1.1 100 Continue\r\n\r\n" + ok, "HTTP/1.1 050 x\r\n\r\n" + ok, "HTTP/1.1 204 x\r\n\r\nx", "HTTP/1.0 200 OK\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 101 x\r\n\r\n", "x\r\n\r\n", "",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	u := &url.URL{Scheme: "http", Host: "a", Path: "/"}
	f.Fuzz(func(t *testing.T, answer []byte, head bool) {
		method := "POST"
		if head {
			method = "HEAD"
		}
		wire := &canned{in: bytes.NewReader(answer)}
		tr := &Transport{MaxIdle: 1, MaxIdlePerHost: 1, MaxHead: 4 << 10, Dial: func(context.Context, string, string) (net.Conn, error) { return wire, nil }}
		defer tr.CloseIdleConnections()
		resp, err := tr.RoundTrip(context.Background(), &Request{Method: method, URL: u, Host: "a", Timeout: time.Hour})
		kept := func() bool { return len(tr.pooled()) == 1 }
		if err != nil {
			if kept() {
				t.Fatal("a connection that failed is kept")
			}
			return
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if n, again := resp.Body.Read(make([]byte, 1)); n != 0 || again == nil {
			t.Fatalf("Read after Close: %d, %v", n, again)
		}

		all := bytes.NewReader(answer)
		in := bufio.NewReaderSize(all, readBuffer)
		want, failed := http.ReadResponse(in, &http.Request{Method: method})
		for failed == nil && want.StatusCode < 200 {
			want, failed = http.ReadResponse(in, &http.Request{Method: method})
		}
		if failed != nil {
			t.Fatalf("net/http refuses it: %v", failed)
		}
		wanted, failed := io.ReadAll(want.Body)
		if want.StatusCode != resp.StatusCode || !bytes.Equal(wanted, body) || (err == nil) != (failed == nil) {
			t.Fatalf("%d %q %v, net/http has %d %q %v", resp.StatusCode, body, err, want.StatusCode, wanted, failed)
		}
		if kept() && (failed != nil || want.Close || all.Len()+in.Buffered() != wire.in.Len()) {
			t.Fatal("a connection is kept that is not at the end of one answer")
		}
	})
}
