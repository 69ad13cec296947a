package gateway_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// mcpStream is an answer that is read as it comes.
type mcpStream struct {
	resp  *http.Response
	r     *bufio.Reader
	close context.CancelFunc
}

// mcpEvent is a server-sent event; what it does not have is empty.
type mcpEvent struct{ id, retry, name, data string }

// open sends a message and returns when the head of the answer is there.
func (c *mcpCaller) open(t *testing.T, body string, headers ...string) *mcpStream {
	t.Helper()
	return c.stream(t, "POST", body, headers...)
}

// listen opens the stream of what belongs to no call.
func (c *mcpCaller) listen(t *testing.T, headers ...string) *mcpStream {
	t.Helper()
	st := c.stream(t, "GET", "", append(headers, "Accept", "text/event-stream")...)
	require.Equal(t, 200, st.resp.StatusCode)
	return st
}

func (c *mcpCaller) stream(t *testing.T, method, body string, headers ...string) *mcpStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	resp := c.s.start(t, ctx, method, c.path, body, c.headers(headers...)...)
	st := &mcpStream{resp, bufio.NewReader(resp.Body), func() { cancel(); _ = resp.Body.Close() }}
	t.Cleanup(st.close)
	return st
}

// next is the next message that comes.
func (st *mcpStream) next(t *testing.T) gjson.Result {
	t.Helper()
	if strings.HasPrefix(st.resp.Header.Get("Content-Type"), "application/json") {
		return gjson.Parse(read(st.resp).Body)
	}
	for {
		e, ok := st.read(t)
		require.True(t, ok, "the stream has ended")
		if e.data != "" {
			require.True(t, gjson.Valid(e.data), e.data)
			return gjson.Parse(e.data)
		}
	}
}

// until reads until a message comes.
func (st *mcpStream) until(t *testing.T, message string) {
	t.Helper()
	for st.next(t).Raw != message {
	}
}

// ended reads to the end; nothing may come but what carries no message.
func (st *mcpStream) ended(t *testing.T) {
	t.Helper()
	for {
		e, ok := st.read(t)
		if !ok {
			return
		}
		require.Empty(t, e.data)
	}
}

// read reads one event; false at the end, or where the stream breaks.
func (st *mcpStream) read(t *testing.T) (e mcpEvent, ok bool) {
	t.Helper()
	for {
		line, err := st.r.ReadString('\n')
		if err != nil {
			require.Empty(t, line, "the stream ends in a line")
			return e, false
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case line == "\n" && e == (mcpEvent{}):
		case line == "\n":
			return e, true
		case field == "id":
			e.id = value
		case field == "retry":
			e.retry = value
		case field == "event":
			e.name = value
		case field == "data" && e.data != "":
			e.data += "\n" + value
		case field == "data":
			e.data = value
		default:
			require.Equal(t, "", field, "only comments are left")
		}
	}
}

// readAll is every event of a stream, to its end.
func (st *mcpStream) readAll(t *testing.T) (list []mcpEvent) {
	t.Helper()
	for {
		e, ok := st.read(t)
		if !ok {
			return list
		}
		list = append(list, e)
	}
}
