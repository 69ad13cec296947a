package streamable_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
)

const (
	note = `{"jsonrpc":"2.0","method":"notifications/x","params":{"é":12345678901234567890}}`
	last = `{"result":{},"jsonrpc":"2.0","id":1}`
)

// event is what an event has become.
type event struct {
	data, id string
	retry    time.Duration
}

// events reads a call's answer in events to the end, which must be a good one.
func events(t *testing.T, body io.Reader) (list []event) {
	t.Helper()
	c := dial(t, streamable.Options{RoundTripper: answering(200, "text/event-stream", body)}, mcp.Service{URL: "http://test"})
	s, err := c.Call(limited(t), legacy("1", "x", ""))
	require.NoError(t, err)
	defer s.Close()
	for {
		m, err := s.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		list = append(list, event{string(m.Data), m.EventID, m.Retry})
	}
}

// Events become messages, in whatever form and pieces they come.
func TestEvents(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []event
	}{
		"plain":           {"event: message\ndata: " + note + "\n\ndata: " + last + "\n\n", []event{{data: note}, {data: last}}},
		"no space":        {"data:" + note + "\n\ndata:" + last + "\n\n", []event{{data: note}, {data: last}}},
		"CRLF":            {"event: message\r\ndata: " + note + "\r\n\r\ndata: " + last + "\r\n\r\n", []event{{data: note}, {data: last}}},
		"CR":              {"data: " + note + "\r\rdata: " + last + "\r\r:", []event{{data: note}, {data: last}}},
		"byte order":      {"\ufeffdata: " + note + "\n\ndata: " + last + "\n\n", []event{{data: note}, {data: last}}},
		"keep-alives":     {": hi\n\n:\r\n\n\ndata: " + note + "\n\n: ping\n\ndata: " + last + "\n\n", []event{{data: note}, {data: last}}},
		"primed":          {"id: s_0\nretry: 1500\ndata:\n\nid: s_1\ndata: " + last + "\n\n", []event{{id: "s_0", retry: 1500 * time.Millisecond}, {data: last, id: "s_1"}}},
		"retry alone":     {"retry: 20\n\ndata: " + last + "\n\n", []event{{retry: 20 * time.Millisecond}, {data: last}}},
		"no retry":        {"retry: -1\n\nretry: 1e3\n\nretry: 99999999999999999999\n\ndata: " + last + "\n\n", []event{{data: last}}},
		"an id with NUL":  {"id: a\x00b\ndata: " + last + "\n\n", []event{{data: last}}},
		"other events":    {"event: ping\ndata: x\n\nevent: endpoint\nid: 7\ndata: /x\n\ndata: " + last + "\n\n", []event{{id: "7"}, {data: last}}},
		"lines":           {"data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\ndata:  \"result\":{}}\n\n", []event{{data: "{\"jsonrpc\":\"2.0\",\n\"id\":1,\n \"result\":{}}"}}},
		"other fields":    {"foo: bar\nevent: message\nx\ndata: " + last + "\n\n", []event{{data: last}}},
		"after the end":   {"data: " + last + "\n\ndata: " + note + "\n\ndata: {\"half", []event{{data: last}}},
		"a batch":         {"id: b\ndata: [" + note + " , " + last + "]\n\n", []event{{data: note, id: "b"}, {data: last, id: "b"}}},
		"strangers":       {"data: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"1\",\"error\":{}}\n\ndata: " + last + "\n\n", []event{{data: last}}},
		"a stranger's id": {"id: 9\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n\ndata: " + last + "\n\n", []event{{id: "9"}, {data: last}}},
		"id otherwise":    {"data: {\"jsonrpc\":\"2.0\",\"id\":1.0,\"result\":{}}\n\n", []event{{data: `{"jsonrpc":"2.0","id":1.0,"result":{}}`}}},
		"error of none":   {"data: {\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700}}\n\n", []event{{data: `{"jsonrpc":"2.0","id":null,"error":{"code":-32700}}`}}},
		"gone on with":    {"id: 1\ndata: " + note + "\n\n", []event{{data: note, id: "1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, events(t, strings.NewReader(tt.text)))
			require.Equal(t, tt.want, events(t, iotest.OneByteReader(strings.NewReader(tt.text))))
			require.Equal(t, tt.want, events(t, iotest.DataErrReader(strings.NewReader(tt.text))))
		})
	}
}

// So does an answer in JSON.
func TestJSON(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"plain":           {last, []string{last}},
		"space around":    {" \r\n\t" + last + "\n ", []string{last}},
		"a batch":         {"[ " + note + ",\n" + last + " ]\n", []string{note, last}},
		"a batch, turned": {"[" + last + "," + note + "]", []string{last}},
		"an error":        {`{"jsonrpc":"2.0","error":{"code":-1},"id":1}`, []string{`{"jsonrpc":"2.0","error":{"code":-1},"id":1}`}},
		"events":          {"\ndata: " + note + "\n\ndata: " + last + "\n\n", []string{note, last}},
		"a comment":       {": hi\n\ndata: " + last + "\n\n", []string{last}},
		"long":            {`{"jsonrpc":"2.0","id":1,"result":"` + strings.Repeat("x", 1<<20) + `"}`, []string{`{"jsonrpc":"2.0","id":1,"result":"` + strings.Repeat("x", 1<<20) + `"}`}},
	} {
		for _, r := range []func() io.Reader{
			func() io.Reader { return strings.NewReader(tt.text) },
			func() io.Reader { return iotest.HalfReader(strings.NewReader(tt.text)) },
			func() io.Reader { return iotest.DataErrReader(strings.NewReader(tt.text)) },
		} {
			c := dial(t, streamable.Options{RoundTripper: answering(200, "application/json", r())}, mcp.Service{URL: "http://test"})
			list, err := do(limited(t), c, legacy("1", "x", ""))
			require.NoError(t, err, name)
			require.Equal(t, tt.want, list, name)
		}
	}
}

// A stream of what belongs to no call has no response to wait for, and ends when the
// server ends it.
func TestListened(t *testing.T) {
	for _, contentType := range []string{"text/event-stream", "application/json"} {
		text := "id: 1\ndata: " + note + "\n\ndata: ping\n\nid: 3\ndata: [DONE]\n\nid: 2\ndata: " + last + "\n\n" // and what is no message is let go by
		c := dial(t, streamable.Options{RoundTripper: answering(200, contentType, strings.NewReader(text))}, mcp.Service{URL: "http://test"})
		s, err := c.Listen(limited(t), "0")
		require.NoError(t, err)
		list, err := all(s)
		require.NoError(t, err)
		require.Equal(t, []string{note, last}, list)
		require.NoError(t, s.Close())

		c = dial(t, streamable.Options{RoundTripper: answering(200, contentType, strings.NewReader(text+"data: {"))}, mcp.Service{URL: "http://test"})
		s, err = c.Listen(limited(t), "")
		require.NoError(t, err)
		_, err = all(s)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.NoError(t, s.Close())
	}
}

// The connection of an answer that was read to its response is used again.
func TestConnectionIsKept(t *testing.T) {
	for name, body := range map[string]string{"text/event-stream": "data: " + last + "\n\n: bye\n\n", "application/json": last} {
		read := false
		body := io.MultiReader(strings.NewReader(body), readFunc(func([]byte) (int, error) {
			read = true
			return 0, io.EOF
		}))
		_, err := do(limited(t), dial(t, streamable.Options{RoundTripper: answering(200, name, body)}, mcp.Service{URL: "http://test"}), legacy("1", "x", ""))
		require.NoError(t, err)
		require.True(t, read, "the body is read to its end")
	}
}
