package mcpproxy

import (
	"context"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// resuming is the stream of a call that goes on wherever the server, or the network, ends
// it before the response: for callers that cannot come back for the rest themselves. What
// only those need that can is left out of its messages.
type resuming struct {
	mcp.Stream
	listen func(after string) (mcp.Stream, error)
	tell   func(data []byte)
	call   *jsonrpc.Message

	after string        // the id of the last event; empty as long as nothing can be gone on with
	retry time.Duration // what the server wants to be left alone for
	tries int           // without a message
	over  bool          // the response has come
}

// Bounds of going on.
const (
	maxTries = 5
	minRetry = 100 * time.Millisecond // where the server says nothing
	maxRetry = 30 * time.Second
)

// callThrough makes a call whose stream ends with the response, or with an error.
func callThrough(ctx context.Context, conn mcp.Conn, m mcp.Message) (mcp.Stream, error) {
	sent, err := jsonrpc.Parse(m.Data)
	if err != nil {
		return nil, err
	}
	st, err := conn.Call(ctx, m)
	if err != nil {
		return nil, err
	}
	r := &resuming{Stream: st, call: sent, retry: minRetry}
	r.listen = func(after string) (mcp.Stream, error) {
		if !pause(ctx, r.retry) {
			return nil, ctx.Err()
		}
		return conn.Listen(ctx, after)
	}
	r.tell = func(data []byte) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTime)
		defer cancel()
		_ = conn.Notify(ctx, mcp.Message{Data: data}) // it is a courtesy
	}
	return r, nil
}

// Next implements [mcp.Stream].
func (r *resuming) Next() (mcp.Message, error) {
	for {
		m, err := r.Stream.Next()
		if err != nil {
			if r.over || !r.again() {
				return m, err
			}
			continue
		}
		if m.EventID != "" {
			r.after = m.EventID
		}
		if m.Retry > 0 {
			r.retry = min(m.Retry, maxRetry)
		}
		if len(m.Data) == 0 {
			continue
		}
		m.EventID, m.Retry, r.tries = "", 0, 0
		if r.after == "" {
			return m, nil // there is nothing to go on with, so nobody asks whether it is over
		}
		if in, err := jsonrpc.Parse(m.Data); err == nil && in.Kind() == jsonrpc.Response && in.Key() == r.call.Key() {
			r.over = true
		}
		return m, nil
	}
}

// again goes on with the stream behind the last event.
func (r *resuming) again() bool {
	if r.after == "" || r.tries >= maxTries {
		return false
	}
	r.tries++
	next, err := r.listen(r.after)
	if err != nil {
		return false
	}
	_ = r.Stream.Close()
	r.Stream = next
	return true
}

// Close implements [mcp.Stream]. The server hears of it: a transport says nothing of a
// stream for which a client could come back.
func (r *resuming) Close() error {
	err := r.Stream.Close()
	if !r.over && r.after != "" && r.call.Method != "initialize" {
		r.tell(mcp.Cancelled(r.call.ID.Of(r.call.Data), "the client has gone"))
	}
	return err
}
