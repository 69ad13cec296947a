package llmtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRefusals(t *testing.T) {
	u := NewUpstream(t)
	for _, p := range protocols {
		resp := p.ask(t, u, "[[fault:status=429,retry_after=2]]", true)
		require.Equal(t, 429, resp.StatusCode)
		require.Equal(t, "2", resp.Header.Get("Retry-After"))
		require.Contains(t, text(t, resp), p.limited)
	}
	u.Enqueue(Fault{Status: 502, Body: BodyHTML}, Fault{Status: 503, Body: BodyEmpty}, Fault{Redirect: "http://127.0.0.1:1/"},
		Fault{Status: 400, Early: true})
	require.Contains(t, text(t, ask(t, u, "POST", "/v1/messages", "")), "<html>")
	require.Empty(t, text(t, ask(t, u, "POST", "/v1/messages", "")))
	require.Equal(t, "http://127.0.0.1:1/", ask(t, u, "POST", "/v1/messages", "").Header.Get("Location"))
	require.Equal(t, 400, ask(t, u, "POST", "/v1/messages", fmt.Sprintf(messagesBody, "", false)).StatusCode)
	require.Empty(t, u.Last().Body)
}

func TestMarkers(t *testing.T) {
	u := NewUpstream(t)
	require.Equal(t, 418, ask(t, u, "GET", "/v1/models/%5B%5Bfault:status=418%5D%5D", "").StatusCode)
	require.Contains(t, text(t, ask(t, u, "POST", "/v1/chat/completions", fmt.Sprintf(chatBody, "[[fault:sttus=1]]", false))), "sttus: no such key")
	once := fmt.Sprintf(chatBody, "[[fault:status=500,times=1,id=a]]", false)
	require.Equal(t, 500, ask(t, u, "POST", "/v1/chat/completions", once).StatusCode)
	require.Equal(t, 200, ask(t, u, "POST", "/v1/chat/completions", once).StatusCode)
	u.Script(func(r Recorded) *Fault { return &Fault{Status: 402} })
	require.Equal(t, 402, ask(t, u, "GET", "/v1/models", "").StatusCode)
	u.Reset()
	require.Equal(t, 200, ask(t, u, "GET", "/v1/models", "").StatusCode)
	require.Equal(t, 1, u.Count())
}

func TestBreaks(t *testing.T) {
	u := NewUpstream(t)
	for _, p := range protocols {
		whole := text(t, p.ask(t, u, "ü", true))
		for _, tt := range []struct {
			fault    Fault
			broken   bool // the transport says so
			contains string
		}{
			{Fault{Break: AfterHeaders}, true, ""},
			{Fault{Break: Cut, After: 2}, true, ""},
			{Fault{Break: MidEvent, After: 2}, true, ""},
			{Fault{Break: MidRune, After: 1}, true, ""},
			{Fault{Break: End, After: -1}, false, ""},
			{Fault{Break: ErrorEvent, After: 3, Message: "boom"}, false, "boom"},
			{Fault{HugeLine: 1 << 20, After: 1}, false, p.terminator},
			{Fault{Chunks: 1, Size: 1 << 20}, false, p.terminator},
		} {
			name := fmt.Sprintf("%s %s huge=%d size=%d", p.path, tt.fault.Break, tt.fault.HugeLine, tt.fault.Size)
			u.Enqueue(tt.fault)
			resp := p.ask(t, u, "ü", true)
			require.Equal(t, 200, resp.StatusCode, name)
			b, err := io.ReadAll(resp.Body)
			require.Equal(t, tt.broken, err != nil, "%s: %v", name, err)
			require.Contains(t, string(b), tt.contains, name)
			if tt.fault.Break != "" {
				if tt.fault.Break != ErrorEvent || p.terminator[0] != ']' { // an array with an error ends too
					require.NotContains(t, string(b), p.terminator, name)
				}
				require.NotEqual(t, whole, string(b), name)
			}
			if tt.fault.Break == MidRune {
				require.True(t, b[len(b)-1] >= 0x80, name)
			}
		}
		u.Enqueue(Fault{Break: MidEvent})
		_, err := io.ReadAll(p.ask(t, u, "", false).Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	u.Enqueue(Fault{Break: BeforeHeaders})
	_, err := http.Post(u.URL+"/v1/chat/completions", "application/json", strings.NewReader("{}"))
	require.ErrorIs(t, err, io.EOF)
}

func TestStallAndCancel(t *testing.T) {
	u := NewUpstream(t)
	ctx, cancel := context.WithCancel(t.Context())
	u.Enqueue(Fault{Break: Stall, After: 2})
	req, err := http.NewRequestWithContext(ctx, "POST", u.URL+"/v1/chat/completions", strings.NewReader(fmt.Sprintf(chatBody, "", true)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp := do(t, req)
	for range 4 { // two events: a line and an empty line each
		_, err := readLine(resp.Body)
		require.NoError(t, err)
	}
	require.Equal(t, 1, u.InFlight())
	require.Equal(t, 1, u.OpenConns())
	cancel()
	within, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	require.NoError(t, u.WaitCanceled(within))
	require.NoError(t, u.WaitIdle(within))
	require.Equal(t, 1, u.Canceled())
	again, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	require.ErrorContains(t, u.WaitCanceled(again), "1 requests, 0 in flight, 1 cancelled")
}

func readLine(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, b); err != nil {
			return string(line), err
		}
		if line = append(line, b[0]); b[0] == '\n' {
			return string(line), nil
		}
	}
}

func TestStep(t *testing.T) {
	u := NewUpstream(t)
	steps := make(chan struct{})
	u.Enqueue(Fault{Step: steps})
	resp := ask(t, u, "POST", "/v1/chat/completions", fmt.Sprintf(chatBody, "", true))
	steps <- struct{}{}
	line, err := readLine(resp.Body)
	require.NoError(t, err)
	require.Contains(t, line, `"role":"assistant"`)
	close(steps)
	require.Contains(t, text(t, resp), "[DONE]")
}

func TestRaw(t *testing.T) {
	u := NewUpstream(t)
	u.Reply(207, http.Header{"X-Own": {"a", "b"}, "Content-Type": {"application/json"}}, []byte("{\"n\":1e400 }\n"))
	resp := ask(t, u, "GET", "/anything", "")
	require.Equal(t, 207, resp.StatusCode)
	require.Equal(t, http.Header{"X-Own": {"a", "b"}, "Content-Type": {"application/json"}, "Content-Length": {"13"}}, resp.Header)
	require.Equal(t, "{\"n\":1e400 }\n", text(t, resp))

	steps := make(chan struct{}, 1)
	f := Raw(200, nil, []byte("a\xe2"), []byte("\x82\xacb"))
	f.Step = steps
	u.Enqueue(*f)
	steps <- struct{}{}
	resp = ask(t, u, "GET", "/anything", "")
	b := make([]byte, 10)
	n, err := resp.Body.Read(b)
	require.NoError(t, err)
	require.Equal(t, "a\xe2", string(b[:n]))
	close(steps)
	require.Equal(t, "\x82\xacb", text(t, resp))
}

func TestOddHeaders(t *testing.T) {
	u := NewUpstream(t)
	u.Enqueue(Fault{Gzip: true}, Fault{DuplicateHeaders: true, ContentType: "text/plain"})
	resp := ask(t, u, "POST", "/v1/chat/completions", fmt.Sprintf(chatBody, "", true))
	require.Equal(t, "gzip", resp.Header.Get("Content-Encoding"))
	require.Equal(t, "\x1f\x8b", text(t, resp)[:2])
	resp = ask(t, u, "GET", "/v1/models", "")
	require.Equal(t, []string{"text/plain", "duplicate"}, resp.Header.Values("Content-Type"))
}

// The answer to a long request that was not read outlives the rest of the request.
func TestEarlyAnswer(t *testing.T) {
	u := NewUpstream(t)
	u.Enqueue(Fault{Status: 413, Early: true})
	c, err := net.Dial("tcp", strings.TrimPrefix(u.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	const size = 16 << 20 // more than fits between here and there
	_, err = fmt.Fprintf(c, "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)
	require.NoError(t, err)
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, 413, resp.StatusCode)
	require.True(t, resp.Close)
	_, err = c.Write(make([]byte, size))
	require.NoError(t, err)
	require.Contains(t, text(t, resp), "error")
	_, err = in.ReadByte()
	require.Equal(t, io.EOF, err)
}
