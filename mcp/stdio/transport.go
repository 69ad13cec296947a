package stdio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

// New returns the transport. It is safe for concurrent use.
func New(opts Options) mcp.Transport { return &transport{opts.filled()} }

type transport struct{ opts Options }

// Stats counts what happened on a session.
type Stats = duplex.Stats

// ErrClosed is what streams and calls end with after Close; it is a net.ErrClosed.
var ErrClosed = duplex.ErrClosed

// Process is what the sessions of this transport are besides an [mcp.Conn].
type Process interface {
	// Pid is the id of the process, which is its group's too; an old one when it is gone.
	Pid() int
	// Done is closed when the session has ended.
	Done() <-chan struct{}
	// Err is why the session ended: an [*ExitError] when the process exited by itself,
	// ErrClosed after Close; nil while it lasts.
	Err() error
	// Stderr is the end of what the process wrote to its standard error, at most 8 KiB,
	// without what is not printable, and the values of its service's environment
	// replaced.
	Stderr() string
	// Stats counts what happened so far.
	Stats() Stats
}

type conn struct {
	*duplex.Conn
	wire *wire
}

var (
	_ mcp.Conn = conn{}
	_ Process  = conn{}
)

func (c conn) Pid() int       { return c.wire.process.pid }
func (c conn) Stderr() string { return c.wire.tail.all() }

// Dial starts the service's process. That it runs does not mean that it speaks MCP: a
// call shows that.
func (t *transport) Dial(ctx context.Context, s mcp.Service) (mcp.Conn, error) {
	if !supported {
		return nil, fmt.Errorf("mcp: servers that are processes are not supported on %s", runtime.GOOS)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	env, err := environment(t.opts.Environ(), s.Env)
	if err != nil {
		return nil, fmt.Errorf("mcp: %w", err)
	}
	if s.Dir != "" { // or the system would say of the command that it does not exist
		if info, err := os.Stat(s.Dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("mcp: the folder %q to run the command in does not exist", s.Dir)
		}
	}
	path, err := find(s.Command, env, s.Dir)
	if err != nil {
		return nil, fmt.Errorf("mcp: %w", err)
	}
	p, err := start(spec{path: path, dir: s.Dir, argv: append([]string{s.Command}, s.Args...), env: env})
	if err != nil {
		var at *os.PathError
		if errors.As(err, &at) { // "fork/exec" and the path, which the message has already
			err = at.Err
		}
		return nil, fmt.Errorf("mcp: the command %q cannot be started: %w", s.Command, err)
	}
	log := t.opts.Log.With("service", s.ID)
	w := &wire{process: p, opts: t.opts, lines: jsonrpc.NewLines(p.stdout, t.opts.MaxLine), tail: newTail(s.Env, log)}
	w.writer = newWriter(p.stdin, t.opts.WriteTimeout, w.fail)
	go func() {
		w.tail.read(p.stderr)
		close(p.drained)
	}()
	return conn{duplex.New(w, t.opts.duplex(log)), w}, nil
}
