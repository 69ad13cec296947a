package h1

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const half = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok"

func TestBodyEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		do     func(t *testing.T, b io.ReadCloser)
		kept   bool
	}{
		"read, read again, closed twice": {ok, func(t *testing.T, b io.ReadCloser) {
			_, err := io.ReadAll(b)
			require.NoError(t, err)
			_, err = b.Read(make([]byte, 1))
			require.Equal(t, io.EOF, err)
			require.NoError(t, b.Close())
			require.NoError(t, b.Close())
		}, true},
		"closed, then read": {ok, func(t *testing.T, b io.ReadCloser) {
			require.NoError(t, b.Close())
			_, err := b.Read(make([]byte, 1))
			require.Equal(t, http.ErrBodyReadAfterClose, err)
		}, false},
		"closed while it is read": {half, func(t *testing.T, b io.ReadCloser) {
			_, err := io.ReadFull(b, make([]byte, 2))
			require.NoError(t, err)
			failed := make(chan error, 1)
			go func() {
				_, err := b.Read(make([]byte, 1))
				failed <- err
			}()
			require.NoError(t, b.Close())
			select {
			case err := <-failed:
				require.Error(t, err)
			case <-time.After(patience):
				t.Fatal("Read waits on")
			}
		}, false},
		// The connection may be another call's: to read must not move its deadline.
		"a stream of nothing": {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n", func(t *testing.T, b io.ReadCloser) {
			_, err := b.Read(make([]byte, 1))
			require.Equal(t, io.EOF, err)
			require.Zero(t, b.(*body).moved)
			require.NoError(t, b.Close())
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, each(tt.answer))
			tr := client(t)
			resp, err := tr.RoundTrip(t.Context(), s.req("POST"))
			require.NoError(t, err)
			tt.do(t, resp.Body)
			require.Equal(t, tt.kept, len(tr.pooled()) == 1)
		})
	}
}

func TestCancel(t *testing.T) {
	gone := errors.New("gone")
	s := serve(t, func(p *peer) {
		for req := p.request(); req != nil; req = p.request() {
			switch req.Header.Get("X") {
			case "":
				p.say(ok)
			case "half":
				p.say(half)
			case "silent":
			}
		}
	})
	tr := client(t)
	_, _, err := fetch(t, tr, s.req("GET"))
	require.NoError(t, err)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	_, err = tr.RoundTrip(ctx, s.req("POST"))
	require.Equal(t, gone, err)
	require.Len(t, tr.pooled(), 1, "nothing was sent")

	ctx, cancel = context.WithCancelCause(t.Context())
	req := s.req("POST")
	req.Header.Set("X", "silent")
	seen := s.seen.Load()
	go func() {
		for s.seen.Load() == seen {
			time.Sleep(time.Millisecond)
		}
		cancel(gone)
	}()
	_, err = tr.RoundTrip(ctx, req)
	require.Equal(t, gone, err)
	require.Equal(t, seen+1, s.seen.Load())

	ctx, cancel = context.WithCancelCause(t.Context())
	req.Header.Set("X", "half")
	resp, err := tr.RoundTrip(ctx, req)
	require.NoError(t, err)
	_, err = io.ReadFull(resp.Body, make([]byte, 2))
	require.NoError(t, err)
	cancel(gone)
	_, err = resp.Body.Read(make([]byte, 1))
	require.Equal(t, gone, err)
	require.Empty(t, tr.pooled())

	ctx, cancel = context.WithCancelCause(t.Context())
	resp, err = tr.RoundTrip(ctx, s.req("POST"))
	require.NoError(t, err)
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	cancel(gone)
	require.NoError(t, resp.Body.Close())
	conns := s.conns.Load()
	_, _, err = fetch(t, tr, s.req("POST"))
	require.NoError(t, err)
	require.Equal(t, conns, s.conns.Load(), "a call that has ended closes nothing")

	ctx, cancel = context.WithCancelCause(t.Context())
	dialing := &Transport{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		cancel(gone)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	_, err = dialing.RoundTrip(ctx, s.req("POST"))
	require.Equal(t, gone, err)
}

// The time is the bubble's. After each pause the upstream says the next part.
func TestTimeout(t *testing.T) {
	const stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
	for name, tt := range map[string]struct {
		parts []string
		pause time.Duration
		head  bool
		err   error
	}{
		"no head":               {nil, 0, false, ErrTimeout},
		"half a head":           {[]string{"HTTP/1.1 200 OK\r\n"}, 0, false, ErrTimeout},
		"half a body":           {[]string{half}, 0, true, ErrTimeout},
		"a body that drips":     {[]string{half, "x"}, 40 * time.Second, true, ErrTimeout},
		"interim answers":       {[]string{"", "HTTP/1.1 102 x\r\n\r\n", "HTTP/1.1 102 x\r\n\r\n", ok}, 30 * time.Second, false, ErrTimeout},
		"a stream that drips":   {[]string{stream, "a", "b", "c"}, 50 * time.Second, true, io.EOF},
		"a stream gone silent":  {[]string{stream, "a", "b"}, 80 * time.Second, true, ErrTimeout},
		"a stream never spoken": {[]string{stream}, 0, true, ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					defer theirs.Close()
					if _, err := theirs.Read(make([]byte, 4096)); err != nil {
						return
					}
					for _, p := range tt.parts {
						if _, err := io.WriteString(theirs, p); err != nil {
							return
						}
						time.Sleep(tt.pause)
					}
					if tt.err != io.EOF {
						_, _ = theirs.Read(make([]byte, 1)) // the client's end
					}
				}()
				tr := &Transport{Dial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }}
				s := server{url: &url.URL{Scheme: "http", Host: "a", Path: "/"}}
				req := s.req("POST")
				req.Timeout = time.Minute
				resp, err := tr.RoundTrip(t.Context(), req)
				require.Equal(t, tt.head, err == nil)
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					if err == nil {
						err = io.EOF
					}
					require.NoError(t, resp.Body.Close())
				}
				require.ErrorIs(t, err, tt.err)
				<-ended
			})
		})
	}
}

func TestTimeoutOfDial(t *testing.T) {
	tr := &Transport{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	synctest.Test(t, func(t *testing.T) {
		s := server{url: &url.URL{Scheme: "http", Host: "a", Path: "/"}}
		_, err := tr.RoundTrip(t.Context(), s.req("POST"))
		require.Equal(t, ErrTimeout, err)
	})
}
