package h1

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The first call leaves a connection, on which the upstream then does what is
// told; seen is how many requests of the second call it may have acted upon.
func TestAgain(t *testing.T) {
	hangUp := func(p *peer) {
		p.request()
		_ = p.Close()
	}
	for name, tt := range map[string]struct {
		method, key string
		then        func(*peer)
		idle        bool // then is done before the second call
		err         error
		seen        int32
	}{
		"POST seen":               {"POST", "", hangUp, false, io.ErrUnexpectedEOF, 1},
		"POST with a key":         {"POST", "k", hangUp, false, nil, 2},
		"GET seen":                {"GET", "", hangUp, false, nil, 2},
		"DELETE seen":             {"DELETE", "", hangUp, false, io.ErrUnexpectedEOF, 1},
		"POST, closed before":     {"POST", "", func(p *peer) { _ = p.Close() }, true, nil, 1},
		"POST, reset before":      {"POST", "", func(p *peer) { _ = p.SetLinger(0); _ = p.Close() }, true, nil, 1},
		"POST, half closed":       {"POST", "", func(p *peer) { _ = p.CloseWrite() }, true, nil, 1},
		"POST, unasked bytes":     {"POST", "", func(p *peer) { p.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil") }, true, nil, 1},
		"GET, an answer cut off":  {"GET", "", func(p *peer) { p.request(); p.say("HTTP/1.1 200"); _ = p.Close() }, false, io.ErrUnexpectedEOF, 1},
		"GET, an answer not HTTP": {"GET", "", func(p *peer) { p.request(); p.say("secret\r\n\r\n") }, false, ErrAnswer, 1},
		"GET, silence":            {"GET", "", func(p *peer) { p.request() }, false, ErrTimeout, 1},
	} {
		t.Run(name, func(t *testing.T) {
			idle := make(chan struct{})
			s := serve(t, func(p *peer) {
				p.request()
				p.say(ok)
				if tt.idle {
					<-idle
				}
				tt.then(p)
			}, each(ok))
			tr := client(t)
			_, _, err := fetch(t, tr, s.req("GET"))
			require.NoError(t, err)
			close(idle)
			if tt.idle {
				stirred(t, tr)
			}
			req := s.req(tt.method)
			if tt.key != "" {
				req.Header.Set("Idempotency-Key", tt.key)
			}
			if tt.err == ErrTimeout {
				req.Timeout = 50 * time.Millisecond
			}
			_, body, err := fetch(t, tr, req)
			require.ErrorIs(t, err, tt.err)
			if err == nil {
				require.Equal(t, "ok", body)
			}
			require.Equal(t, tt.seen, s.seen.Load()-1)
		})
	}
}

func TestUnseen(t *testing.T) {
	broken := errors.New("broken pipe")
	for _, tt := range []struct {
		c      conn
		method string
		err    error
		want   bool
	}{
		{conn{}, "POST", broken, true},
		{conn{}, "POST", ErrHeader, false},
		{conn{}, "GET", ErrTimeout, false},
		{conn{wrote: 1}, "POST", broken, false},
		{conn{wrote: 1}, "HEAD", broken, true},
		{conn{wrote: 1, answered: true}, "GET", broken, false},
	} {
		require.Equal(t, tt.want, tt.c.unseen(&Request{Method: tt.method}, tt.err), "%+v", tt)
	}
}
