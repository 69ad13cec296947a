package acp

import (
	"context"
	"io"
)

// Launch says how to open one agent.
type Launch struct {
	// ServiceID names the configured service that the agent runs for.
	ServiceID string
	// Dir is the absolute working directory.
	Dir string
	// Model is the model to use; empty for the agent's own choice.
	Model string
	// Env is the whole environment, "NAME=value".
	Env []string
}

// Agent opens connections to agents of one type. It is safe for concurrent use.
type Agent interface {
	// Open starts or reaches an agent. ctx bounds Open only, not the agent.
	Open(ctx context.Context, l Launch) (Conn, error)
}

// Conn carries the protocol's lines to and from one agent. The runtime owns the
// process behind it: its exit, its standard error and its group.
type Conn interface {
	io.ReadWriteCloser
	// CloseWrite tells the agent that nothing more will come.
	CloseWrite() error
	// Done is closed when the agent has ended; Err then says why, nil for an
	// orderly end.
	Done() <-chan struct{}
	Err() error
}
