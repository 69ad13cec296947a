package gateway_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
)

// mcpCaller is a client of a route of MCP's.
type mcpCaller struct {
	s       *stack
	path    string
	key     string // empty for none
	session string // empty without one
	version string // of the protocol, once agreed on
	last    int    // id of a request
}

func (s *stack) mcp(key string) *mcpCaller { return &mcpCaller{s: s, path: "/mcp", key: key} }

const (
	acceptBoth  = "application/json, text/event-stream"
	initialize  = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{},"sampling":{},"elicitation":{}},"clientInfo":{"name":"test","version":"1"}}}`
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
)

// headers are those of a request; given ones come first and win, "-" leaves one out.
func (c *mcpCaller) headers(given ...string) (list []string) {
	own := []string{"Accept", acceptBoth, "Authorization", "Bearer " + c.key, "Mcp-Session-Id", c.session, "Mcp-Protocol-Version", c.version}
	if c.key == "" {
		own[3] = ""
	}
	for i := 0; i < len(given); i += 2 {
		for j := 0; j < len(own); j += 2 {
			if strings.EqualFold(own[j], given[i]) {
				own[j+1] = ""
			}
		}
		if given[i+1] != "-" {
			list = append(list, given[i], given[i+1])
		}
	}
	for j := 0; j < len(own); j += 2 {
		if own[j+1] != "" {
			list = append(list, own[j], own[j+1])
		}
	}
	return list
}

// post sends a message and reads the whole answer.
func (c *mcpCaller) post(t *testing.T, body string, headers ...string) answer {
	t.Helper()
	return c.s.do(t, "POST", c.path, body, c.headers(headers...)...)
}

// begin begins a session.
func (c *mcpCaller) begin(t *testing.T) *mcpCaller {
	t.Helper()
	got := c.post(t, initialize)
	require.Equal(t, 200, got.Status, got.Body)
	c.session = got.Header.Get("Mcp-Session-Id")
	require.NotEmpty(t, c.session)
	c.version = got.result(t).Get("result.protocolVersion").Str
	require.Equal(t, 202, c.post(t, initialized).Status)
	return c
}

// result is the response in an answer, the last message of it.
func (a answer) result(t *testing.T) gjson.Result {
	t.Helper()
	all := a.messages(t)
	require.NotEmpty(t, all, a.Body)
	return gjson.Parse(all[len(all)-1])
}

// messages are those of an answer, in JSON or in events.
func (a answer) messages(t *testing.T) (list []string) {
	t.Helper()
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/event-stream") {
		return []string{a.Body}
	}
	st := &mcpStream{r: bufio.NewReader(strings.NewReader(a.Body))}
	for e, ok := st.read(t); ok; e, ok = st.read(t) {
		if e.data != "" {
			list = append(list, e.data)
		}
	}
	return list
}

// request is a request with the next id. params may be empty.
func (c *mcpCaller) request(method, params string) string {
	c.last++
	if params != "" {
		params = `,"params":` + params
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q%s}`, c.last, method, params)
}

// ask makes a request that is answered with 200, and returns the response.
func (c *mcpCaller) ask(t *testing.T, method, params string) gjson.Result {
	t.Helper()
	got := c.post(t, c.request(method, params))
	require.Equal(t, 200, got.Status, got.Body)
	r := got.result(t)
	require.Equal(t, int64(c.last), r.Get("id").Int(), r.Raw)
	return r
}

// tool calls a tool and returns the text of its result.
func (c *mcpCaller) tool(t *testing.T, name, arguments string) string {
	t.Helper()
	r := c.ask(t, "tools/call", toolCall(name, arguments))
	require.True(t, r.Get("result").Exists(), r.Raw)
	return r.Get("result.content.0.text").Str
}

func toolCall(name, arguments string) string {
	return fmt.Sprintf(`{"name":%q,"arguments":%s}`, name, arguments)
}

// stateless is a request of 2026-07-28 and its headers. members are more of its params.
func (c *mcpCaller) stateless(method, name, members string) (body string, headers []string) {
	headers = []string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method, "Mcp-Session-Id", "-"}
	if name != "" {
		headers = append(headers, "Mcp-Name", name)
		key := "name"
		if method == "resources/read" {
			key = "uri"
		}
		members = more(fmt.Sprintf("%q:%q", key, name), members)
	}
	return c.request(method, "{"+more(members, mcpMeta)+"}"), headers
}

const mcpMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// alone makes a request of 2026-07-28.
func (c *mcpCaller) alone(t *testing.T, method, name, members string) answer {
	t.Helper()
	body, headers := c.stateless(method, name, members)
	return c.post(t, body, headers...)
}

// jsonAnswer answers with JSON.
func jsonAnswer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}
}

// newMCPRequest is a POST for goroutines, in which no test may fail.
func newMCPRequest(url, body string, headers ...string) *http.Request {
	r, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}
