package streamable

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// lastWithoutHeader is the last version that does not have MCP-Protocol-Version.
const lastWithoutHeader = "2025-03-26"

// Call implements [mcp.Conn]. It returns when the head of the answer has come.
func (c *conn) Call(ctx context.Context, m mcp.Message) (mcp.Stream, error) {
	in, err := jsonrpc.Parse(m.Data)
	if err != nil {
		return nil, fmt.Errorf("mcp: the message is not sent: it is no request: %w", err)
	}
	if in.Kind() != jsonrpc.Request {
		return nil, errors.New("mcp: the message is not sent: it is no request")
	}
	ctx, l, err := c.lease(ctx)
	if err != nil {
		return nil, err
	}
	initialize := in.Method == "initialize"
	s := &stream{c: c, lease: l, call: in, key: in.Key()}
	// In the era without sessions, closing the stream says it all. In the one before, the
	// call goes on unless the server is told; initialize may not be cancelled.
	s.silent = initialize || m.Header.Get("Mcp-Protocol-Version") >= mcp.FirstModern
	resp, err := c.send(ctx, l, outgoing{method: http.MethodPost, accept: acceptBoth, own: m.Header, body: m.Data, first: initialize})
	if err != nil {
		if l.cause() != nil {
			s.abandon() // it is carried out, perhaps, and only does not answer yet
		} else {
			l.over()
		}
		return nil, err
	}
	if s.body = resp.Body; resp.StatusCode >= 300 {
		return nil, refused(l, resp)
	}
	if initialize {
		s.agree = func(result *jsonrpc.Message) error { return c.agree(resp.Header.Get("Mcp-Session-Id"), result) }
	}
	if err := s.begin(resp); err != nil {
		_ = resp.Body.Close()
		l.over()
		return nil, err
	}
	return s, nil
}

// agree takes over what the server has answered to initialize.
func (c *conn) agree(id string, result *jsonrpc.Message) error {
	if !result.Result.OK() {
		return nil
	}
	// Visible ASCII (2025-11-25, Session Management).
	if strings.ContainsFunc(id, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return errors.New("mcp: the id that the server gives the session is not of visible ASCII")
	}
	at, _ := result.Member(result.Result, "protocolVersion")
	version, _ := result.String(at)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.version = nil, nil
	if id != "" {
		c.session = []string{id}
	}
	if isDate(version) && version > lastWithoutHeader {
		c.version = []string{version}
	}
	return nil
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// Notify implements [mcp.Conn].
func (c *conn) Notify(ctx context.Context, m mcp.Message) error {
	ctx, l, err := c.lease(ctx)
	if err != nil {
		return err
	}
	defer l.over()
	defer l.within(c.t.opts.NotifyTimeout)()
	resp, err := c.send(ctx, l, outgoing{method: http.MethodPost, accept: acceptBoth, own: m.Header, body: m.Data})
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return refused(l, resp)
	}
	drain(l, resp.Body)
	return nil
}

// Listen implements [mcp.Conn]: by a GET (2025-11-25, Listening for Messages from the
// Server), which servers of the era without sessions refuse with 405.
func (c *conn) Listen(ctx context.Context, after string) (mcp.Stream, error) {
	if strings.ContainsAny(after, "\r\n\x00") {
		return nil, errors.New("mcp: the id of the event to listen after has a control character")
	}
	ctx, l, err := c.lease(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := c.send(ctx, l, outgoing{method: http.MethodGet, accept: acceptEvents, after: after})
	if err != nil {
		l.over()
		return nil, err
	}
	if resp.StatusCode >= 300 {
		return nil, refused(l, resp)
	}
	s := &stream{c: c, lease: l, body: resp.Body}
	if err := s.begin(resp); err != nil {
		_ = resp.Body.Close()
		l.over()
		return nil, err
	}
	return s, nil
}

const (
	// maxCancels bounds the cancellations that are on their way. To tell a server that
	// takes none is not worth more: a cancellation is a courtesy.
	maxCancels = 64
	// cancelTime bounds each of them.
	cancelTime = 10 * time.Second
)

// cancelled tells the server that nobody waits for a call any longer.
func (c *conn) cancelled(id []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	select {
	case c.cancels <- struct{}{}:
	default:
		return
	}
	c.work.Go(func() {
		defer func() { <-c.cancels }()
		ctx, done := context.WithTimeout(c.live, cancelTime)
		defer done()
		_ = c.Notify(ctx, mcp.Message{Data: mcp.Cancelled(id, "the client has gone")})
	})
}
