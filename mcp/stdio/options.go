package stdio

import (
	"log/slog"
	"os"
	"time"

	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

// Defaults of [Options].
const (
	DefaultMaxLine      = 16 << 20
	DefaultWriteTimeout = 30 * time.Second
	DefaultGrace        = 2 * time.Second
)

// Options of the transport. The zero value means the defaults.
type Options struct {
	// Environ is the environment of which children get the variables that [Inherited]
	// tells; nil is os.Environ.
	Environ func() []string
	// MaxLine bounds the lines of a server, in bytes. A longer one ends the session.
	MaxLine int
	// WriteTimeout is how long a server may leave its input unread while a message waits
	// to be written. Then the session ends.
	WriteTimeout time.Duration
	// Grace is how long Close waits for the process to exit when its input is closed, and
	// once more after SIGTERM, before SIGKILL.
	Grace time.Duration
	// QueueMessages and QueueBytes bound what waits in one stream: 1024 and 16 MiB.
	QueueMessages, QueueBytes int
	// Backlog is how many messages that belong to no call are kept while nobody listens: 256.
	Backlog int
	// Log gets what is skipped, by its length, and at debug level what servers write to
	// their standard error; nil is slog.Default().
	Log *slog.Logger
}

func (o Options) filled() Options {
	if o.Environ == nil {
		o.Environ = os.Environ
	}
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = DefaultWriteTimeout
	}
	if o.Grace <= 0 {
		o.Grace = DefaultGrace
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

func (o Options) duplex(log *slog.Logger) duplex.Options {
	return duplex.Options{QueueMessages: o.QueueMessages, QueueBytes: o.QueueBytes, Backlog: o.Backlog, Log: log}
}
