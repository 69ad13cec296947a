package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// says is a server that answers so, whatever it is asked.
func says(status int, kind, body string, headers ...string) mcptest.Fault {
	return mcptest.Fault{Serve: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}}
}

const (
	jsonKind  = "application/json"
	eventKind = "text/event-stream"
	forged    = `{"jsonrpc":"2.0","id":999,"result":{"content":[]}}` // an answer to something else
)

// serverFaults are answers over HTTP that are none.
func serverFaults(t *testing.T) map[string]mcptest.Fault {
	return map[string]mcptest.Fault{
		"before headers":          {Break: mcptest.BeforeHeaders},
		"after headers":           {Break: mcptest.AfterHeaders},
		"mid-event":               {Break: mcptest.MidEvent},
		"mid-event, late":         {Break: mcptest.MidEvent, After: 2},
		"mid-rune":                {Break: mcptest.MidRune},
		"mid-rune, late":          {Break: mcptest.MidRune, After: 2},
		"cut":                     {Break: mcptest.Cut, After: 2},
		"ended":                   {Break: mcptest.End},
		"ended, late":             {Break: mcptest.End, After: 2},
		"html":                    says(200, "text/html", "<html>It works!</html>"),
		"html said to be json":    says(200, jsonKind, "<html>It works!</html>"),
		"html of a proxy":         says(502, "text/html", "<html>502 Bad Gateway</html>"),
		"gzip":                    says(200, jsonKind, gzipped(t, forged), "Content-Encoding", "gzip"),
		"gzip of events":          says(200, eventKind, gzipped(t, "data: "+forged+"\n\n"), "Content-Encoding", "gzip"),
		"nothing":                 says(200, jsonKind, ""),
		"accepted":                says(202, jsonKind, ""),
		"no content":              says(204, jsonKind, ""),
		"null":                    says(200, jsonKind, "null"),
		"half":                    says(200, jsonKind, `{"jsonrpc":"2.0","id":1,"result":{`),
		"another's":               says(200, jsonKind, forged),
		"another's, as an event":  says(200, eventKind, "data: "+forged+"\n\n"),
		"two ids":                 says(200, jsonKind, `{"jsonrpc":"2.0","id":1,"id":2,"result":{}}`),
		"result and error":        says(200, jsonKind, `{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}`),
		"no version":              says(200, jsonKind, `{"id":1,"result":{}}`),
		"nonsense in an event":    says(200, eventKind, "data: {\"jsonrpc\"\n\ndata: "+forged+"\n\n"),
		"redirect":                says(307, jsonKind, "", "Location", "http://127.0.0.1:1/elsewhere"),
		"redirect to get":         says(302, jsonKind, "", "Location", "http://127.0.0.1:1/elsewhere"),
		"internal error":          says(500, jsonKind, `{"error":"secret-of-the-server"}`),
		"unauthorized":            says(401, jsonKind, `{"error":"secret-of-the-server"}`, "WWW-Authenticate", "Bearer secret-of-the-server"),
		"forbidden":               says(403, jsonKind, ""),
		"too many":                says(429, jsonKind, "", "Retry-After", "7"),
		"unavailable":             says(503, "text/plain", "secret-of-the-server", "Retry-After", "7"),
		"not found":               says(404, "text/plain", "secret-of-the-server"),
		"ten thousand headers":    manyHeaders(),
		"a head without an end":   longHead(),
		"interim answers for now": interim(),
	}
}

func manyHeaders() mcptest.Fault {
	var pairs []string
	for i := range 10_000 {
		pairs = append(pairs, fmt.Sprintf("X-Header-%d", i), strings.Repeat("x", 100))
	}
	return says(200, jsonKind, forged, pairs...)
}

func longHead() mcptest.Fault {
	return says(200, jsonKind, forged, "X-Long", strings.Repeat("x", 4<<20))
}

func interim() mcptest.Fault {
	return mcptest.Fault{Serve: func(w http.ResponseWriter, _ *http.Request) {
		for range 1000 {
			w.WriteHeader(http.StatusProcessing)
		}
		panic(http.ErrAbortHandler)
	}}
}

// A call whose server fails over HTTP has one answer, which is an error, or a stream that
// breaks without one. It is made once, and the next is served.
func TestMCPServerFails(t *testing.T) {
	for _, kind := range []string{"json", "events"} {
		up := newMCP(t, kind, nil)
		s := newGateway(t, up.bundle("", ""))
		for name, f := range serverFaults(t) {
			t.Run(kind+" "+name, func(t *testing.T) {
				for _, c := range []*mcpCaller{s.mcp(alice).begin(t), s.mcp(bob)} {
					c.echoes(t) // the handshake of the gateway's is over
					before := up.calls("progress")
					f.Text = `"progress"`
					up.http.Enqueue(f)
					got := c.post(t, c.request("tools/call", toolCall("progress", `{"steps":3}`)))
					if c.session == "" && name == "not found" { // it was not made, since the session is gone
						require.Equal(t, "done", got.result(t).Get("result.content.0.text").Str)
						require.Equal(t, before+2, up.calls("progress"))
						require.True(t, s.callOf(t, "progress").Success)
						continue
					}
					c.notAnswered(t, got)
					require.Equal(t, before+1, up.calls("progress"), "it is made once")
					e := s.callOf(t, "progress")
					require.False(t, e.Success)
					require.Equal(t, got.Status, e.StatusCode)
					require.NotContains(t, fmt.Sprint(got), "secret-of-the-server")
					require.NotContains(t, fmt.Sprint(got), "elsewhere")
					if got.Status == 429 || got.Status == 503 {
						require.Equal(t, "7", got.Header.Get("Retry-After"))
					}
					if name == "not found" { // the session is, says the specification
						require.Equal(t, 404, got.Status)
						continue
					}
					c.echoes(t)
				}
			})
		}
	}
}

// callOf is the event of the next call of a tool of that name.
func (s *stack) callOf(t *testing.T, tool string) *metrics.Event {
	t.Helper()
	for {
		if e := s.call(t); e.MCP.PresentedToolName == tool {
			return e
		}
	}
}

// calls counts how often a tool was called over HTTP.
func (m *mcpServer) calls(tool string) (n int) {
	for _, r := range m.http.Requests() {
		if gjson.GetBytes(r.Body, "params.name").Str == tool {
			n++
		}
	}
	return n
}

// notAnswered holds an answer to have no result, and no second response.
func (c *mcpCaller) notAnswered(t *testing.T, got answer) {
	t.Helper()
	require.NotEqual(t, 401, got.Status, "the server's credentials are not the caller's")
	var responses []string
	for _, m := range got.messages(t) {
		require.True(t, gjson.Valid(m), m)
		if !gjson.Get(m, "method").Exists() {
			responses = append(responses, m)
		}
	}
	require.LessOrEqual(t, len(responses), 1, got.Body)
	if len(responses) == 0 {
		require.Contains(t, got.Header.Get("Content-Type"), eventKind)
		return
	}
	require.Equal(t, int64(c.last), gjson.Get(responses[0], "id").Int(), got.Body)
	require.True(t, gjson.Get(responses[0], "error.code").Exists(), got.Body)
	require.False(t, gjson.Get(responses[0], "result").Exists(), got.Body)
}

// An event without an end is not kept, and not read for long.
func TestMCPEndlessEvent(t *testing.T) {
	for _, start := range []string{"data: ", "data: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n\n: ", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"", "\n\n\n"} {
		up := newMCP(t, "events", nil)
		s := newGateway(t, up.bundle("", ""))
		c, other := s.mcp(alice).begin(t), s.mcp(bob).begin(t)
		var sent atomic.Int64
		left := make(chan struct{})
		up.http.Enqueue(mcptest.Fault{Text: `"echo"`, Serve: func(w http.ResponseWriter, r *http.Request) {
			defer close(left)
			w.Header().Set("Content-Type", map[bool]string{true: jsonKind, false: eventKind}[start[0] == '{'])
			_, _ = io.WriteString(w, start)
			more := []byte(strings.Repeat("x", 1<<20))
			for range 1 << 10 {
				n, err := w.Write(more)
				if sent.Add(int64(n)); err != nil || r.Context().Err() != nil {
					return
				}
			}
		}})
		got := c.post(t, c.request("tools/call", toolCall("echo", `{}`)))
		c.notAnswered(t, got)
		require.Contains(t, got.Body, "longer than")
		<-left
		require.Less(t, sent.Load(), int64(64<<20), "most of it was not read")
		c.echoes(t)
		other.echoes(t)
	}
}

// A server that is silent is waited for as long as the caller waits, and no longer.
func TestMCPServerIsSilent(t *testing.T) {
	for _, started := range []bool{false, true} {
		up := newMCP(t, "events", nil)
		s := newGateway(t, up.bundle("", ""))
		for _, c := range []*mcpCaller{s.mcp(alice).begin(t), s.mcp(bob)} {
			c.echoes(t)
			came, left := make(chan struct{}), make(chan struct{})
			up.http.Enqueue(mcptest.Fault{Text: `"echo"`, Serve: func(w http.ResponseWriter, r *http.Request) {
				defer close(left)
				if started {
					w.Header().Set("Content-Type", eventKind)
					_ = http.NewResponseController(w).Flush()
				}
				close(came)
				<-r.Context().Done()
			}})
			leave := s.leaving(t, c, c.request("tools/call", toolCall("echo", `{}`)))
			<-came
			s.mcp(alice).begin(t).echoes(t)
			leave()
			<-left
			c.echoes(t)
		}
	}
}
