package streamable_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
)

// An answer that breaks off never looks like a whole one, and harms no other.
func TestBreaks(t *testing.T) {
	for _, json := range []bool{false, true} {
		h := &mcptest.HTTP{JSON: json}
		c := served(t, h)
		for era, call := range map[string]func(id, tool, arguments string) mcp.Message{"Legacy": legacy, "Modern": modern} {
			for _, f := range []mcptest.Fault{
				{Break: mcptest.BeforeHeaders}, {Break: mcptest.AfterHeaders}, {Break: mcptest.MidEvent}, {Break: mcptest.MidRune}, {Break: mcptest.Cut}, {Break: mcptest.End},
				{Break: mcptest.MidEvent, After: 2}, {Break: mcptest.MidRune, After: 3}, {Break: mcptest.Cut, After: 2}, {Break: mcptest.End, After: 1},
			} {
				for _, tool := range []string{"progress", "echo"} {
					if tool == "echo" && f.After > 0 {
						continue
					}
					t.Run(fmt.Sprintf("JSON=%t/%s/%s after %d of %s", json, era, f.Break, f.After, tool), func(t *testing.T) {
						f.Text = `"id":1,` // and not a cancellation that is on its way
						h.Enqueue(f)
						list, err := do(limited(t), c, call("1", tool, `"steps":5,"text":"é"`))
						require.Error(t, err)
						require.NotErrorIs(t, err, io.EOF)
						require.NotErrorIs(t, err, context.DeadlineExceeded)
						require.LessOrEqual(t, len(list), max(f.After, 1))
						for _, m := range list {
							require.NotContains(t, m, `"result"`)
						}
						works(t, c, call)
					})
				}
			}
		}
	}
}

// A server that has said something and then nothing is left when the caller wants.
func TestStall(t *testing.T) {
	for _, call := range []func(id, tool, arguments string) mcp.Message{legacy, modern} {
		h := &mcptest.HTTP{}
		c := served(t, h)
		h.Enqueue(mcptest.Fault{Text: "tools/call", Break: mcptest.Stall, After: 1})
		ctx, cancel := context.WithCancel(limited(t))
		s, err := c.Call(ctx, call("1", "progress", `"steps":5`))
		require.NoError(t, err)
		_, err = s.Next()
		require.NoError(t, err)
		cancel()
		_, err = s.Next()
		require.ErrorIs(t, err, context.Canceled)
		_, err = s.Next()
		require.ErrorIs(t, err, context.Canceled, "the end of a stream stays what it was")
		require.NoError(t, s.Close())
		works(t, c, call)
	}
}

// endless writes pieces until the client has had enough.
func endless(contentType, head, piece string, written *atomic.Int64, ended chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, head)
		for written.Load() < 1<<30 && r.Context().Err() == nil {
			n, err := io.WriteString(w, piece)
			if written.Add(int64(n)); err != nil {
				return
			}
		}
	}
}

// Of an event, or an answer, of 1 GiB no more is read than the bound.
func TestHugeMessage(t *testing.T) {
	piece := strings.Repeat("x", 64<<10)
	for contentType, head := range map[string]string{
		"text/event-stream":                "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"",
		"application/json":                 `{"jsonrpc":"2.0","id":1,"result":"`,
		"text/event-stream; charset=utf-8": ": ",
	} {
		var written atomic.Int64
		ended := make(chan struct{})
		ts := httptest.NewServer(endless(contentType, head, piece, &written, ended))
		c := dial(t, streamable.Options{MaxMessage: 1 << 20}, mcp.Service{URL: ts.URL})
		_, err := do(limited(t), c, modern("1", "x", ""))
		require.ErrorContains(t, err, "longer than the bound", contentType)
		<-ended
		require.Less(t, written.Load(), int64(256<<20), contentType)
		ts.Close()
	}
}

// A message that is as long as the bound is taken.
func TestLongestMessage(t *testing.T) {
	const bound = 100_000
	head, tail := `{"jsonrpc":"2.0","id":1,"result":"`, `"}`
	text := head + strings.Repeat("x", bound-len(head)-len(tail)) + tail
	for _, more := range []int{0, 1 << 16} {
		text := strings.Replace(text, "xx", strings.Repeat("x", more+2), 1)
		for contentType, body := range map[string]string{"text/event-stream": "data: " + text + "\n\n", "application/json": text} {
			c := dial(t, streamable.Options{MaxMessage: bound, RoundTripper: answering(200, contentType, strings.NewReader(body))}, mcp.Service{URL: "http://test"})
			list, err := do(limited(t), c, legacy("1", "x", ""))
			if more > 0 {
				require.ErrorContains(t, err, "longer than the bound")
				continue
			}
			require.NoError(t, err)
			require.Equal(t, []string{text}, list)
		}
	}
}

// What is no answer of MCP is an error, and not shown.
func TestWrongAnswers(t *testing.T) {
	const canary = "canary-body"
	good := `{"jsonrpc":"2.0","id":1,"result":{}}`
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(good))
	_ = z.Close()
	for name, serve := range map[string]http.HandlerFunc{
		"html":               write("text/html", "<html>"+canary),
		"text":               write("text/plain", good),
		"html said json":     write("application/json", "<html>"+canary),
		"nothing":            write("application/json", ""),
		"space":              write("application/json", " \r\n\t "),
		"no stream":          write("text/event-stream", ""),
		"garbage":            write("text/event-stream", "data: "+canary+"\n\n"),
		"an event of other":  write("text/event-stream", "event: other\ndata: "+good+"\n\n"),
		"other response":     write("application/json", `{"jsonrpc":"2.0","id":2,"result":"`+canary+`"}`),
		"other type of id":   write("application/json", `{"jsonrpc":"2.0","id":"1","result":"`+canary+`"}`),
		"truncated":          write("application/json", `{"jsonrpc":"2.0","id":1,"result":{"`+canary),
		"duplicate":          write("application/json", `{"jsonrpc":"2.0","id":1,"result":{},"`+canary+`":1,"`+canary+`":2}`),
		"version 1":          write("application/json", `{"jsonrpc":"1.0","id":1,"result":"`+canary+`"}`),
		"empty batch":        write("application/json", `[]`),
		"long batch":         write("application/json", "["+strings.Repeat(`{"jsonrpc":"2.0","method":"x"},`, 1000)+good+"]"),
		"batch of strings":   write("application/json", `["`+canary+`"]`),
		"two texts":          write("application/json", good+good),
		"a notification":     write("application/json", `{"jsonrpc":"2.0","method":"x"}`),
		"accepted":           status(202, ""),
		"no content":         status(204, ""),
		"gzip":               encoded("gzip", zipped.String()),
		"gzip unsaid":        write("application/json", zipped.String()),
		"unknown coding":     encoded("x-"+canary, good),
		"switched protocols": hijack("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
		"no HTTP":            hijack("SSH-2.0-" + canary + "\r\n"),
		"wrong header":       hijack("HTTP/1.1 200 OK\r\n" + canary + "\r\n\r\n"),
		"endless header":     hijack("HTTP/1.1 200 OK\r\nX: " + strings.Repeat(canary, 100_000) + "\r\n\r\n"),
		"wrong chunks":       hijack("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + canary + "\r\n"),
		"short":              hijack("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n" + good),
	} {
		t.Run(name, func(t *testing.T) {
			ts := httptest.NewServer(serve)
			defer ts.Close()
			for _, rt := range []http.RoundTripper{nil, &http.Transport{DisableCompression: true, DisableKeepAlives: true}} {
				c := dial(t, streamable.Options{RoundTripper: rt}, mcp.Service{URL: ts.URL + "/canary-url"})
				_, err := do(limited(t), c, modern("1", "x", ""))
				require.Error(t, err)
				require.NotErrorIs(t, err, io.EOF)
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				require.NotContains(t, err.Error(), "canary")
				require.NotContains(t, err.Error(), "127.0.0.1")
			}
		})
	}
}

func write(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	}
}

func encoded(coding, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", coding)
		write("application/json", body)(w, r)
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func hijack(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, answer)
		_ = conn.Close()
	}
}

// A GET is answered with events, or refused.
func TestWrongAnswersToListen(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"html": write("text/html", "<html>"), "a health check": write("application/json", `{"status":"ok"}`), "nothing": status(204, ""), "accepted": status(202, ""),
	} {
		ts := httptest.NewServer(serve)
		c := dial(t, streamable.Options{}, mcp.Service{URL: ts.URL})
		_, err := c.Listen(limited(t), "")
		require.Error(t, err, name)
		var refused *mcp.StatusError
		require.False(t, errors.As(err, &refused), name)
		ts.Close()
	}
	c := dial(t, streamable.Options{}, mcp.Service{URL: "http://127.0.0.1:1"})
	for _, after := range []string{"a\nb", "a\rb", "a\x00"} {
		_, err := c.Listen(limited(t), after)
		require.ErrorContains(t, err, "control character")
	}
}

// Events are what their type says, though the server calls them accepted: there are some
// that do, once they have flushed.
func TestEventsThatAreAccepted(t *testing.T) {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n")
	}))
	defer ts.Close()
	c := dial(t, streamable.Options{}, mcp.Service{URL: ts.URL})
	for _, open := range []func() (mcp.Stream, error){
		func() (mcp.Stream, error) {
			return c.Call(limited(t), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)})
		},
		func() (mcp.Stream, error) { return c.Listen(limited(t), "") },
	} {
		st, err := open()
		require.NoError(t, err)
		m, err := st.Next()
		require.NoError(t, err)
		require.Equal(t, `{"jsonrpc":"2.0","id":1,"result":{}}`, string(m.Data))
		require.NoError(t, st.Close())
	}
}

// Types that are written in unusual ways are understood.
func TestContentTypes(t *testing.T) {
	good := `{"jsonrpc":"2.0","id":1,"result":{}}`
	for contentType, body := range map[string]string{
		"application/json; charset=utf-8": good, "Application/JSON": "\r\n " + good + "\n", "": good, "application/problem+json": good,
		"text/event-stream;charset=utf-8": "data: " + good + "\n\n", " TEXT/Event-Stream ": "data:" + good + "\n\n", "application/json ": "\n\nevent: message\ndata: " + good + "\n\n",
	} {
		c := dial(t, streamable.Options{RoundTripper: answering(200, contentType, strings.NewReader(body))}, mcp.Service{URL: "http://test"})
		list, err := do(limited(t), c, legacy("1", "x", ""))
		require.NoError(t, err, contentType)
		require.Equal(t, []string{good}, list, contentType)
	}
}
