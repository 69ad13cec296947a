package mcp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Service is an MCP server that a transport can reach.
type Service struct {
	ID string
	// URL and PostURL are for HTTP transports; PostURL only for the older SSE one.
	URL, PostURL string
	// Header is sent with every HTTP request.
	Header http.Header
	// Command, Args, Env ("NAME=value") and Dir start a process, without a shell.
	Command string
	Args    []string
	Env     []string
	Dir     string
}

// Transport opens sessions with upstream servers. It is safe for concurrent use.
type Transport interface {
	// Dial opens one session. ctx bounds Dial only, not the session. A transport may
	// put off what it can until the first call.
	Dial(ctx context.Context, s Service) (Conn, error)
}

// Message is one JSON-RPC message.
type Message struct {
	// Data is the message; nobody changes its bytes. It is empty where an event of a
	// stream carried none, but an id or a wish for reconnecting.
	Data []byte
	// Header holds HTTP headers that belong to the message (Mcp-Method, Mcp-Name,
	// Mcp-Param-*, MCP-Protocol-Version); nil on transports without headers.
	Header http.Header
	// EventID is the id of the SSE event that carried it, if one did.
	EventID string
	// Retry is the time after which the server wants to be asked again when the stream
	// ends, 0 when it did not say.
	Retry time.Duration
}

// Conn is one upstream session. It is safe for concurrent use.
type Conn interface {
	// Call sends a request and streams the messages that belong to it: requests
	// and notifications of the server's, its response last, then io.EOF. The caller sees
	// to it that no two calls under way have one id. The stream lives until it is closed
	// or has ended; ctx bounds all of it.
	Call(ctx context.Context, m Message) (Stream, error)
	// Notify sends a notification, or the answer to a request of the server's.
	Notify(ctx context.Context, m Message) error
	// Listen streams the messages that belong to no call, those after the event
	// named by after if it is not empty. Where the server has no such stream, the error
	// is a *StatusError with its answer. ctx bounds all of the stream.
	Listen(ctx context.Context, after string) (Stream, error)
	// Close ends the session: by a DELETE, or by ending the process. Calls under way
	// end with an error.
	Close(ctx context.Context) error
}

// Stream is a sequence of messages. Next is called by one goroutine at a time; Close
// may be called meanwhile, and more than once.
type Stream interface {
	// Next returns the next message, io.EOF after the last. A stream that ends before
	// the response with io.EOF was ended by the server, to be gone on with by Listen
	// after the last EventID; one that broke ends with another error.
	Next() (Message, error)
	// Close ends the stream; before the response it cancels the call upstream.
	Close() error
}

// StatusError is an HTTP status that an upstream refused with: 401 with its
// challenge, 404 for a session that it forgot, 400 with an error of JSON-RPC.
type StatusError struct {
	Code   int
	Header http.Header
	Body   []byte // at most 64 KiB of it
}

// ReadStatusError reads what a server has refused a request with; of the header it keeps
// what a client goes by. The caller closes the body.
func ReadStatusError(resp *http.Response) *StatusError {
	const most = 64 << 10
	e := &StatusError{Code: resp.StatusCode, Header: http.Header{}}
	e.Body, _ = io.ReadAll(io.LimitReader(resp.Body, most)) // what there is of it
	for _, name := range []string{"Content-Type", "Www-Authenticate", "Retry-After", "Allow"} {
		if v := resp.Header[name]; v != nil {
			e.Header[name] = v
		}
	}
	return e
}

func (e *StatusError) Error() string { return fmt.Sprintf("mcp: upstream answered %d", e.Code) }
