package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// mcpServer is the role that speaks MCP on its standard streams.
const mcpServer = "mcp-server"

// toolResult is what stands behind the id in the answer to a tool's call.
var toolResult = fmt.Sprintf(`,"jsonrpc":"2.0","result":{"content":[{"type":"text","text":%q}],"isError":false}}`, sized(mcpScenarios()[0].size))

const mcpHello = `,"jsonrpc":"2.0","result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}}`

// mcpAnswer answers a message, by appending to b; nothing is the answer to a notification.
func mcpAnswer(b, message []byte) []byte {
	_, rest, found := bytes.Cut(message, []byte(`"id":`)) // which stands in no argument
	if !found {
		return b
	}
	id := rest[:bytes.IndexAny(rest, ",}")]
	b = append(append(b, `{"id":`...), id...)
	if bytes.Contains(message, []byte(`"method":"initialize"`)) {
		return append(b, mcpHello...)
	}
	return append(b, toolResult...)
}

// serveMCP is the upstream as an MCP server over HTTP. It gives ids to sessions, and
// keeps nothing of them.
func (u *upstream) serveMCP(c io.Writer, r *http.Request, body []byte) error {
	var reply []byte
	switch {
	case r.Method == http.MethodGet: // held until the caller hangs up
		reply = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	case r.Method == http.MethodDelete:
		reply = []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	default:
		if text := mcpAnswer(nil, body); text == nil {
			reply = []byte("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
		} else {
			id := ""
			if bytes.HasSuffix(text, []byte(mcpHello)) {
				id = fmt.Sprintf("Mcp-Session-Id: bench-%d\r\n", u.requests.Load())
			}
			reply = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", id, len(text), text)
		}
	}
	_, err := c.Write(reply)
	return err
}

// isMCP says whether a path is of MCP.
func isMCP(path string) bool { return strings.HasPrefix(path, mcpRoute) }

// speakMCP is the life of an MCP server that is a process.
func speakMCP(stdin io.Reader, stdout io.Writer) error {
	in := bufio.NewReaderSize(stdin, 64<<10)
	var b []byte
	for {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if b = mcpAnswer(b[:0], line); len(b) == 0 {
			continue
		}
		if _, err := stdout.Write(append(b, '\n')); err != nil {
			return err
		}
	}
}
