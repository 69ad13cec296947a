package h1

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each answer is given twice, to two calls; reused says whether by one connection.
func TestAnswers(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	for name, tt := range map[string]struct {
		method, answer string
		body           string
		err            error
		reused         bool
	}{
		"length":                {"POST", ok, "ok", nil, true},
		"chunks":                {"POST", head + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok", nil, true},
		"trailers":              {"POST", head + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n", "ok", nil, true},
		"bytes after a body":    {"POST", ok + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "ok", nil, false},
		"bytes after chunks":    {"POST", head + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + ok, "ok", nil, false},
		"a body for HEAD":       {"HEAD", ok, "", nil, false},
		"a body of 204":         {"POST", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", "", nil, false},
		"a body of 304":         {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok", "", nil, false},
		"chunks of 204":         {"POST", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", nil, false},
		"bytes after no body":   {"POST", head + "Content-Length: 0\r\n\r\n\r\n", "", nil, false},
		"chunks and a length":   {"POST", head + "Content-Length: 90\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok", nil, true},
		"two lengths":           {"POST", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", "", ErrAnswer, false},
		"another coding":        {"POST", head + "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "", ErrAnswer, false},
		"a length below zero":   {"POST", head + "Content-Length: -2\r\n\r\nok", "", ErrAnswer, false},
		"close":                 {"POST", head + "Connection: close\r\nContent-Length: 2\r\n\r\nok", "ok", nil, false},
		"HTTP/1.0":              {"POST", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", nil, false},
		"HTTP/1.0 and kept":     {"POST", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "ok", nil, true},
		"interim":               {"POST", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, "ok", nil, true},
		"many interim":          {"POST", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 99) + ok, "ok", nil, true},
		"too many interim":      {"POST", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 9999) + ok, "", ErrAnswer, false},
		"interim with a length": {"POST", "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + ok, "ok", nil, true},
		"below interim":         {"POST", "HTTP/1.1 050 Hm\r\nContent-Length: 0\r\n\r\n" + ok, "", ErrAnswer, false},
		"another protocol":      {"POST", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "", ErrAnswer, false},
		"a long head":           {"POST", head + "X: " + strings.Repeat("x", 60<<10) + "\r\nContent-Length: 2\r\n\r\nok", "ok", nil, true},
		"too long a head":       {"POST", head + "X: " + strings.Repeat("x", 64<<10) + "\r\nContent-Length: 2\r\n\r\nok", "", ErrAnswer, false},
		"a long body":           {"POST", head + "Content-Length: 200000\r\n\r\n" + strings.Repeat("x", 200000), strings.Repeat("x", 200000), nil, true},
		"not HTTP":              {"POST", "secret\r\n\r\n", "", ErrAnswer, false},
		"a line that is none":   {"POST", head + "secret\r\n\r\n", "", ErrAnswer, false},
		"a trailer that is none": {
			"POST", head + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nsecret\r\n\r\n", "ok", ErrAnswer, false,
		},
		"a chunk that is none": {"POST", head + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nsecret\r\n\r\n", "ok", ErrAnswer, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, each(tt.answer))
			tr := client(t)
			tr.MaxHead = 64 << 10
			for range 2 {
				_, body, err := fetch(t, tr, s.req(tt.method))
				require.ErrorIs(t, err, tt.err)
				require.Equal(t, tt.body, body)
				if err != nil {
					require.NotContains(t, err.Error(), "secret")
				}
			}
			require.Equal(t, tt.reused, s.conns.Load() == 1)
		})
	}
}

// Answers that the end of their connection cuts.
func TestCuts(t *testing.T) {
	for answer, want := range map[string]error{
		"":                                  io.ErrUnexpectedEOF,
		"HTTP/1.1 200":                      io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\nX: ":            io.ErrUnexpectedEOF,
		"HTTP/1.1 100 Continue\r\n\r\n":     io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\n\r\nto the end": nil,
		"HTTP/1.0 200 OK\r\n\r\nto the end": nil,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no":                    io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n": io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\no":      io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ":    ErrAnswer,
	} {
		s := serve(t, func(p *peer) {
			p.request()
			p.say(answer)
			_ = p.Close()
		})
		tr := client(t)
		_, _, err := fetch(t, tr, s.req("GET"))
		require.ErrorIs(t, err, want, "%q", answer)
		require.Empty(t, tr.pooled(), "%q", answer)
		require.EqualValues(t, 1, s.seen.Load(), "%q", answer)
	}
}

// narrow makes connections whose buffers hold little, and says when some of an
// answer was read.
type narrow struct {
	*net.TCPConn
	read chan struct{}
}

func (n *narrow) Read(b []byte) (int, error) {
	c, err := n.TCPConn.Read(b)
	select {
	case n.read <- struct{}{}:
	default:
	}
	return c, err
}

func narrowDial(read chan struct{}) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		tcp := c.(*net.TCPConn)
		return &narrow{tcp, read}, tcp.SetWriteBuffer(4 << 10)
	}
}

// An upstream may answer a request that it does not read, and may not read it
// before its interim answer was.
func TestAnswersBeforeReading(t *testing.T) {
	for name, tt := range map[string]struct {
		script func(p *peer, read <-chan struct{})
		body   string
		err    error
	}{
		"answers": {func(p *peer, _ <-chan struct{}) { p.say(ok) }, "ok", nil},
		"closes":  {func(p *peer, _ <-chan struct{}) { _ = p.CloseWrite() }, "", io.ErrUnexpectedEOF},
		"hints first": {func(p *peer, read <-chan struct{}) {
			p.say("HTTP/1.1 103 Early Hints\r\n\r\n")
			<-read
			p.request()
			p.say(ok)
		}, "ok", nil},
	} {
		t.Run(name, func(t *testing.T) {
			read, end := make(chan struct{}, 1), make(chan struct{})
			s := serve(t, func(p *peer) {
				tt.script(p, read)
				<-end // and reads nothing until then
			})
			tr := client(t)
			tr.Dial = narrowDial(read)
			req := s.req("POST")
			req.Header.Set("X", strings.Repeat("x", 1<<20))
			req.Body = make([]byte, MaxBody)
			_, body, err := fetch(t, tr, req)
			require.ErrorIs(t, err, tt.err)
			require.Equal(t, tt.body, body)
			require.Equal(t, name == "hints first", len(tr.pooled()) == 1, "one with half a request is not used again")
			close(end)
		})
	}
}
