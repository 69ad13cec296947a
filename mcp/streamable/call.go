package streamable

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// firstModern is the first version without sessions.
const firstModern = "2026-07-28"

var acceptBoth = []string{"application/json, text/event-stream"}

// post sends a message.
func (c *conn) post(ctx context.Context, m mcp.Message) (*http.Response, error) {
	if c.live.Err() != nil {
		return nil, errClosed
	}
	r := c.request(ctx, http.MethodPost, m.Header)
	r.Header["Accept"] = acceptBoth
	r.Header["Content-Type"] = []string{"application/json"}
	r.ContentLength = int64(len(m.Data))
	r.Body = io.NopCloser(bytes.NewReader(m.Data))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(m.Data)), nil }
	return c.do(r)
}

// Call implements [mcp.Conn].
func (c *conn) Call(ctx context.Context, m mcp.Message) (mcp.Stream, error) {
	in, err := jsonrpc.Parse(m.Data)
	if err != nil || in.Kind() != jsonrpc.Request {
		return nil, fmt.Errorf("streamable: the message is not a request: %v", err)
	}
	ctx, cancel := c.bound(ctx)
	resp, err := c.post(ctx, m)
	if err == nil && resp.StatusCode >= 300 {
		err = refused(resp)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	s := &stream{c: c, body: resp.Body, cancel: cancel, max: c.t.MaxMessage, call: in, key: in.Key()}
	if in.Method == "initialize" {
		s.agree = func(result *jsonrpc.Message) { c.agree(resp.Header.Get("Mcp-Session-Id"), result) }
	}
	if v := m.Header["Mcp-Protocol-Version"]; len(v) > 0 && v[0] >= firstModern || in.Method == "initialize" {
		s.silent = true // closing the stream says it all, or nothing may be said
	}
	if err := s.begin(resp); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// agree takes over what the server has answered to initialize.
func (c *conn) agree(id string, result *jsonrpc.Message) {
	at, err := result.Member(result.Result, "protocolVersion")
	if err != nil || !result.Result.OK() {
		return
	}
	version, _ := result.String(at)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.id = id
	if len(version) == len(firstModern) && version > "2025-03-26" { // the first version to have the header
		c.version = version
	}
}

// Notify implements [mcp.Conn].
func (c *conn) Notify(ctx context.Context, m mcp.Message) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	ctx, done := context.WithTimeout(ctx, c.t.HeaderTimeout)
	defer done()
	resp, err := c.post(ctx, m)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return refused(resp)
	}
	drain(resp)
	return nil
}

// Listen implements [mcp.Conn].
func (c *conn) Listen(ctx context.Context, after string) (mcp.Stream, error) {
	if c.live.Err() != nil {
		return nil, errClosed
	}
	ctx, cancel := c.bound(ctx)
	r := c.request(ctx, http.MethodGet, nil)
	r.Header["Accept"] = []string{"text/event-stream"}
	if after != "" {
		if strings.ContainsAny(after, "\r\n\x00") {
			cancel()
			return nil, fmt.Errorf("streamable: the id of the event has a control character")
		}
		r.Header["Last-Event-Id"] = []string{after}
	}
	resp, err := c.do(r)
	switch {
	case err != nil:
	case resp.StatusCode >= 300:
		err = refused(resp)
	case !isEvents(resp):
		drain(resp)
		err = fmt.Errorf("streamable: the server answered a GET with something else than events")
	}
	if err != nil {
		cancel()
		return nil, err
	}
	s := &stream{c: c, body: resp.Body, cancel: cancel, max: c.t.MaxMessage}
	s.events()
	return s, nil
}

// Close implements [mcp.Conn].
func (c *conn) Close(ctx context.Context) error {
	c.mu.Lock()
	id, closed := c.id, c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	c.end()
	c.work.Wait() // they end with the session
	if id == "" {
		return nil
	}
	resp, err := c.t.Client.Do(c.request(ctx, http.MethodDelete, nil))
	if err != nil {
		return fmt.Errorf("streamable: the session could not be deleted")
	}
	drain(resp)
	return nil
}

// cancelTime bounds how long it may take to tell the server that a call is cancelled.
const cancelTime = 10 * time.Second

// cancelled tells the server that nobody waits for a call any longer.
func (c *conn) cancelled(id []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.work.Go(func() {
		ctx, done := context.WithTimeout(c.live, cancelTime)
		defer done()
		params := append(append([]byte(`{"requestId":`), id...), `,"reason":"the client has gone"}`...)
		_ = c.Notify(ctx, mcp.Message{Data: jsonrpc.Call(nil, "notifications/cancelled", params)}) // it is a courtesy
	})
}

// refused reads what a server has refused a request with.
func refused(resp *http.Response) error {
	defer resp.Body.Close()
	const most = 64 << 10
	body, _ := io.ReadAll(io.LimitReader(resp.Body, most)) // what there is of it
	e := &mcp.StatusError{Code: resp.StatusCode, Header: http.Header{}, Body: body}
	for _, name := range []string{"Content-Type", "Www-Authenticate", "Retry-After", "Allow"} {
		if v := resp.Header[name]; v != nil {
			e.Header[name] = v
		}
	}
	return e
}

// drain reads a short rest, so that the connection can be used again.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

func isEvents(resp *http.Response) bool {
	return strings.HasPrefix(strings.ToLower(resp.Header.Get("Content-Type")), "text/event-stream")
}
