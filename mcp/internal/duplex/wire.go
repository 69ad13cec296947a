package duplex

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/agent-gateway/agent-gateway/mcp"
)

// Wire carries messages both ways.
type Wire interface {
	// Send hands one message over, whole or not at all. It is safe for concurrent use,
	// and returns when the wire ends. An error that is [ErrNotSent] says that nothing
	// went out.
	Send(ctx context.Context, m mcp.Message) error
	// Receive returns the next message, whose bytes are the caller's. One goroutine
	// calls it. Its error ends the connection and is what calls under way end with.
	Receive() (mcp.Message, error)
	// Close ends the wire; Receive returns soon after it. It is called once, also after
	// Receive has failed, and returns at once then if nothing is left to do.
	Close(ctx context.Context) error
}

// ErrClosed is what streams and calls end with after Close; it is a [net.ErrClosed].
var ErrClosed = fmt.Errorf("mcp: %w", net.ErrClosed)

// ErrNotSent says of an error that the message has certainly not gone out.
var ErrNotSent = errors.New("mcp: the message was not sent")

// Defaults of [Options].
const (
	DefaultQueueMessages = 1024
	DefaultQueueBytes    = 16 << 20
	DefaultBacklog       = 256
)

// Options are the bounds of a connection. The zero value means the defaults.
type Options struct {
	// QueueMessages and QueueBytes bound what waits in one stream. One message is taken
	// whatever its length, and so is a response.
	QueueMessages, QueueBytes int
	// Backlog is how many messages that belong to no call are kept while nobody listens.
	Backlog int
	// Waits says that Send returns only when the other side has answered, which may be
	// after the messages that it causes: Call then does not wait for Send alone.
	Waits bool
	// Log is told of what is skipped, by its length; nil is slog.Default().
	Log *slog.Logger
}

func (o Options) filled() Options {
	set := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	set(&o.QueueMessages, DefaultQueueMessages)
	set(&o.QueueBytes, DefaultQueueBytes)
	set(&o.Backlog, DefaultBacklog)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}
