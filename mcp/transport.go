package mcp

import (
	"context"
	"fmt"
	"net/http"
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
	// Dial opens one session. ctx bounds Dial only, not the session.
	Dial(ctx context.Context, s Service) (Conn, error)
}

// Message is one JSON-RPC message.
type Message struct {
	// Data is the message; nobody changes its bytes.
	Data []byte
	// Header holds HTTP headers that belong to the message (Mcp-Name,
	// Mcp-Param-*); nil on transports without headers.
	Header http.Header
	// EventID is the id of the SSE event that carried it, if one did.
	EventID string
}

// Conn is one upstream session. It is safe for concurrent use.
type Conn interface {
	// Call sends a request and streams the messages that belong to it: requests
	// and notifications of the server's, its response last, then io.EOF.
	Call(ctx context.Context, m Message) (Stream, error)
	// Notify sends a notification, or the answer to a request of the server's.
	Notify(ctx context.Context, m Message) error
	// Listen streams the messages that belong to no call, those after the event
	// named by after if it is not empty.
	Listen(ctx context.Context, after string) (Stream, error)
	// Close ends the session: by a DELETE, or by ending the process.
	Close(ctx context.Context) error
}

// Stream is a sequence of messages. Next and Close may be called concurrently.
type Stream interface {
	// Next returns the next message, io.EOF after the last.
	Next() (Message, error)
	// Close ends the stream; before the response it cancels the call upstream.
	Close() error
}

// StatusError is an HTTP status that an upstream refused with: 401 with its
// challenge, 404 for a session that it forgot.
type StatusError struct {
	Code   int
	Header http.Header
	Body   []byte
}

func (e *StatusError) Error() string { return fmt.Sprintf("mcp: upstream answered %d", e.Code) }
