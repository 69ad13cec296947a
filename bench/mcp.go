package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// mcpCall is the way in which a tool is called.
type mcpCall string

// The ways.
const (
	mcpSession mcpCall = "session" // over HTTP, after initialize
	mcpBare    mcpCall = "bare"    // over HTTP, without a handshake
	mcpStdio   mcpCall = "stdio"   // of a server that is a process; callers reach the gateway over HTTP
)

// The prefixes of the gateway's routes. The upstream takes all paths that begin so.
const (
	mcpRoute      = "/mcp"
	mcpStdioRoute = "/mcp-stdio"
)

func mcpScenarios() (all []scenario) {
	for _, way := range []mcpCall{mcpSession, mcpBare, mcpStdio} {
		s := scenario{name: "mcp-" + string(way), conns: 16, size: 700, mcp: way, asks: mcpRoute, reaches: mcpRoute, body: mcpRequest(820)}
		if way == mcpStdio {
			s.asks, s.reaches = mcpStdioRoute, mcpStdioRoute
		}
		all = append(all, s)
	}
	return all
}

const (
	mcpInitialize  = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`
	mcpInitialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	mcpAccept      = "application/json, text/event-stream"
	mcpVersion     = "2025-11-25"
)

// mcpRequest is the call of a tool with that much text, in the order in which SDKs write it.
func mcpRequest(size int) []byte {
	return fmt.Appendf(nil, `{"method":"tools/call","params":{"name":"write_note","arguments":{"path":"notes/tide.md","append":true,"text":%q}},"jsonrpc":"2.0","id":7}`, sized(size))
}

func (s scenario) wholeMCP() whole {
	return whole{line: s.mcp == mcpStdio, holds: [][]byte{[]byte(`"id":7,`), []byte(sized(s.size)), []byte(`"isError":false`)}}
}

// dialMCP is a caller that is about to call a tool, in a session where that is the way.
func dialMCP(t *target, s scenario) (*caller, error) {
	if t.name == "direct" && s.mcp == mcpStdio {
		return dialProcess(s)
	}
	c, err := connectTo(t.addr, s)
	if err != nil {
		return nil, err
	}
	c.wants.line = false
	headers := []string{"Accept", mcpAccept, "Authorization", "Bearer " + t.key}
	if s.mcp != mcpBare {
		if headers, err = c.initialize(s.asks, headers); err != nil {
			_ = c.conn.Close()
			return nil, err
		}
		t.sent++
		c.headers = headers
		c.bye = c.request(http.MethodDelete, s.asks, nil, headers...)
	}
	c.sends = c.request(http.MethodPost, s.asks, s.body, headers...)
	return c, nil
}

// initialize begins a session, and returns the headers of its requests.
func (c *caller) initialize(path string, headers []string) ([]string, error) {
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	resp, err := c.ask(c.request(http.MethodPost, path, []byte(mcpInitialize), headers...))
	if err != nil {
		return nil, fmt.Errorf("initialize: %w", err)
	}
	id := resp.Header.Get("Mcp-Session-Id")
	if id == "" {
		return nil, errors.New("initialize: there is no Mcp-Session-Id in the answer")
	}
	headers = append(headers, "Mcp-Session-Id", id, "MCP-Protocol-Version", mcpVersion)
	if _, err = c.ask(c.request(http.MethodPost, path, []byte(mcpInitialized), headers...)); err != nil {
		return nil, fmt.Errorf("initialized: %w", err)
	}
	return headers, nil
}

// readLine reads an answer that is a line.
func (c *caller) readLine(begin time.Time) (first, total time.Duration, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	total = time.Since(begin)
	return total, total, c.wants.check(http.StatusOK, line)
}

// process is a server that this program has started, by its standard streams.
type process struct {
	cmd     *exec.Cmd
	in, out *os.File
}

// dialProcess starts a server and says initialize to it.
func dialProcess(s scenario) (*caller, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, mcpServer)}
	var theirs [2]*os.File
	if theirs[0], p.in, err = os.Pipe(); err != nil {
		return nil, err
	}
	if p.out, theirs[1], err = os.Pipe(); err != nil {
		return nil, err
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirs[0], theirs[1], os.Stderr
	err = errors.Join(p.cmd.Start(), theirs[0].Close(), theirs[1].Close())
	if err != nil {
		return nil, err
	}
	c := newCaller(p, s)
	c.sends = append(bytes.Clone(s.body), '\n')
	_ = p.SetDeadline(time.Now().Add(patience))
	_, err = p.Write([]byte(mcpInitialize + "\n" + mcpInitialized + "\n"))
	if err == nil {
		_, err = c.in.ReadSlice('\n')
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return c, nil
}

func (p *process) Read(b []byte) (int, error) { return p.out.Read(b) }

func (p *process) Write(b []byte) (int, error) { return p.in.Write(b) }

func (p *process) SetDeadline(t time.Time) error {
	return errors.Join(p.in.SetDeadline(t), p.out.SetDeadline(t))
}

// Close closes the server's input, on which it exits.
func (p *process) Close() error { return errors.Join(p.in.Close(), p.cmd.Wait(), p.out.Close()) }
