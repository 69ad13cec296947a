package h1

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what must happen, and is not how long it takes.
const patience = 10 * time.Second

// server is an upstream that does on each connection what its script says.
type server struct {
	url   *url.URL
	conns atomic.Int32
	seen  atomic.Int32 // requests that were read whole
}

// peer is a connection from the server's side.
type peer struct {
	*net.TCPConn
	s  *server
	in *bufio.Reader
}

// request reads one; it is nil when the client has closed.
func (p *peer) request() *http.Request {
	req, err := http.ReadRequest(p.in)
	if err != nil {
		return nil
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil
	}
	p.s.seen.Add(1)
	return req
}

func (p *peer) say(text string) { _, _ = io.WriteString(p.TCPConn, text) }

// each answers all requests of a connection with the same bytes.
func each(answer string) func(*peer) {
	return func(p *peer) {
		for p.request() != nil {
			p.say(answer)
		}
	}
}

// serve starts a server; the first connection follows the first script, and so
// on, and the last script is for all others. A connection that its script has not
// closed must be closed by the client before the test ends: none leaks.
func serve(t *testing.T, scripts ...func(*peer)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{url: &url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/v1"}}
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			n := int(s.conns.Add(1))
			mu.Lock()
			open = append(open, nc)
			mu.Unlock()
			running.Go(func() {
				p := &peer{TCPConn: nc.(*net.TCPConn), s: s, in: bufio.NewReader(nc)}
				scripts[min(n, len(scripts))-1](p)
				_, _ = io.Copy(io.Discard, p.TCPConn)
				_ = p.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		ended := make(chan struct{})
		go func() {
			running.Wait()
			close(ended)
		}()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("the client leaks a connection")
			mu.Lock()
			for _, c := range open {
				_ = c.Close()
			}
			mu.Unlock()
			<-ended
		}
	})
	return s
}

// client returns a transport that the test closes before its servers wait.
func client(t *testing.T) *Transport {
	tr := &Transport{MaxIdle: 8, MaxIdlePerHost: 4}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func (s *server) req(method string) *Request {
	r := &Request{Method: method, URL: s.url, Host: s.url.Host, Header: http.Header{}, Timeout: patience}
	if method == "POST" {
		r.Body = []byte(`{"model":"m"}`)
	}
	return r
}

// fetch makes a call and reads its answer to the end.
func fetch(t *testing.T, tr *Transport, req *Request) (int, string, error) {
	t.Helper()
	resp, err := tr.RoundTrip(context.Background(), req)
	if err != nil {
		require.Nil(t, resp)
		return 0, "", err
	}
	defer func() { require.NoError(t, resp.Body.Close()) }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// pooled returns the idle connections.
func (t *Transport) pooled() []*conn {
	t.idle.mu.Lock()
	defer t.idle.mu.Unlock()
	var all []*conn
	for _, list := range t.idle.hosts {
		all = append(all, list...)
	}
	return all
}

// stirred waits until what the server did on the one idle connection has arrived.
func stirred(t *testing.T, tr *Transport) {
	t.Helper()
	list := tr.pooled()
	require.Len(t, list, 1)
	require.Eventually(t, func() bool { return !list[0].quiet() }, patience, time.Millisecond)
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
