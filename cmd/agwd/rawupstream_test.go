package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rawAnswers are answers that no HTTP library would send, by the model asked for.
var rawAnswers = map[string]string{
	"garbage":      canaryUpstream + " is no HTTP\r\n\r\n",
	"bad-header":   "HTTP/1.1 200 OK\r\n" + canaryUpstream + "\r\n\r\n",
	"bad-status":   "HTTP/1.1 " + canaryUpstream + "\r\n\r\n",
	"bad-length":   "HTTP/1.1 200 OK\r\nContent-Length: " + canaryUpstream + "\r\n\r\n",
	"bad-coding":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + canaryUpstream + "\r\n\r\n",
	"bad-chunk":    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + canaryUpstream + "\r\n",
	"more":         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" + canaryUpstream,
	"less":         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{" + canaryUpstream,
	"bad-type":     "HTTP/1.1 500 No\r\nContent-Type: " + canaryUpstream + "\r\nContent-Length: 2\r\n\r\n{}",
	"broken-event": "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\"error\":{\"message\":\"" + canaryUpstream + "\"}}\n\ndata: {" + canaryUpstream,
}

// rawUpstream answers with rawAnswers and returns its origin.
func rawUpstream(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answerRaw(conn)
		}
	}()
	return "http://" + l.Addr().String()
}

func answerRaw(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	for mode, answer := range rawAnswers {
		if strings.Contains(string(body), `"`+mode+`"`) {
			_, _ = conn.Write([]byte(answer))
			_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			_, _ = conn.Read(make([]byte, 1)) // until the gateway is gone, or waits for more
		}
	}
}

// closedAddr is the origin of a listener that has gone.
func closedAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return "http://" + l.Addr().String()
}
