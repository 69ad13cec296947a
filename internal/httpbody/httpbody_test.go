package httpbody

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answer sends the beginning of a request and reads the answer's status.
func answer(t *testing.T, s *httptest.Server, head, body string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n"+head+"\r\n\r\n"+body)
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	return strings.Fields(line)[1]
}

// A body that does not come is not waited for, however it was announced; one that comes
// is read, and its answer may take longer than it had.
func TestTimed(t *testing.T) {
	const short = 50 * time.Millisecond
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, done := Timed(w, r, short)
		defer done()
		text, err := io.ReadAll(r.Body)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			w.WriteHeader(http.StatusRequestTimeout)
		case err != nil:
			w.WriteHeader(http.StatusBadRequest)
		default:
			select {
			case <-r.Context().Done(): // the caller has gone, it is said
			case <-time.After(4 * short):
				fmt.Fprint(w, len(text))
			}
		}
	}))
	t.Cleanup(s.Close)
	require.Equal(t, "408", answer(t, s, "Content-Length: 1000", ""))
	require.Equal(t, "408", answer(t, s, "Content-Length: 1000", "x"))
	require.Equal(t, "408", answer(t, s, "Transfer-Encoding: chunked", "1\r\nx\r\n"))
	require.Equal(t, "200", answer(t, s, "Content-Length: 3", "abc"))
	require.Equal(t, "200", answer(t, s, "Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n"))
	require.Equal(t, "200", answer(t, s, "X-A: b", ""))
}

// drip is a body that comes in pieces.
type drip struct{ left, piece int }

func (d *drip) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	n := min(d.piece, d.left, len(p))
	d.left -= n
	return n, nil
}

func (d *drip) Close() error { return nil }

// deadlines is a writer that notes them.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

// What has come earns time for what is to come; a deadline is not set for each byte.
func TestEarned(t *testing.T) {
	w := &deadlines{ResponseWriter: httptest.NewRecorder()}
	r := httptest.NewRequest("POST", "/", &drip{64 << 10, 100})
	r.ContentLength = -1
	r, done := Timed(w, r, time.Minute)
	_, err := io.Copy(io.Discard, r.Body)
	require.NoError(t, err)
	done()
	require.Len(t, w.set, 1+59+1) // a second is 11 pieces: 1,024 bytes do not come in whole ones
	require.True(t, w.set[len(w.set)-1].IsZero())
	earned := w.set[len(w.set)-2].Sub(w.set[0])
	require.InDelta(t, 64, earned.Seconds(), 2)

	w = &deadlines{ResponseWriter: httptest.NewRecorder()}
	r = httptest.NewRequest("POST", "/", strings.NewReader("abc"))
	_, done = Timed(w, r, time.Minute)
	done()
	require.Len(t, w.set, 2)
	require.WithinDuration(t, time.Now().Add(restTime), w.set[1], time.Minute/2)

	r = httptest.NewRequest("GET", "/", nil)
	same, done := Timed(httptest.NewRecorder(), r, time.Minute)
	done()
	require.Same(t, r, same)
	r = httptest.NewRequest("POST", "/", strings.NewReader("abc")) // on a server that knows no deadlines
	same, done = Timed(httptest.NewRecorder(), r, time.Minute)
	done()
	require.Same(t, r, same)
}
