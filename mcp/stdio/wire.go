package stdio

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

// wire is the streams of a process.
type wire struct {
	process *process
	opts    Options
	lines   *jsonrpc.Lines
	writer  *writer
	tail    *tail

	mu    sync.Mutex
	cause error // why the session was ended, nil while only the process can have done it
}

var _ duplex.Wire = (*wire)(nil)

// Send writes the message on a line.
func (w *wire) Send(ctx context.Context, m mcp.Message) error {
	line, err := oneLine(m.Data)
	if err != nil {
		return err
	}
	if err = w.writer.send(ctx, line); errors.Is(err, errStopped) {
		err = w.why()
	}
	return err
}

// Receive reads the next line.
func (w *wire) Receive() (mcp.Message, error) {
	line, err := w.lines.Next()
	if err == nil {
		return mcp.Message{Data: line}, nil
	}
	if errors.Is(err, jsonrpc.ErrTooLong) {
		w.fail(fmt.Errorf("mcp: a line of the server's is longer than %d bytes", w.opts.MaxLine))
	}
	err = w.why()
	w.writer.stop()
	_ = w.process.stdout.Close()
	return mcp.Message{}, err
}

// why is why the streams ended. When the process did it, it is given a moment to exit,
// so that its status is known.
func (w *wire) why() error {
	if err := w.given(); err != nil {
		return err
	}
	if w.process.gone(exitTime) {
		if err := w.given(); err != nil {
			return err
		}
		return exitError(w.process.state, w.tail.last())
	}
	w.fail(errors.New("mcp: the server closed a stream and did not exit"))
	return w.given()
}

func (w *wire) given() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause
}

// fail ends the session with err, unless it was ended before.
func (w *wire) fail(err error) {
	if errors.Is(err, errStopped) { // by the process: the reader finds out how
		err = w.why()
	}
	if !isExit(err) {
		w.mu.Lock()
		if w.cause == nil {
			w.cause = err
		}
		w.mu.Unlock()
		_ = w.process.stdout.Close() // calls end now, not with the process
	}
	w.process.end(w.opts.Grace)
}

// Close ends the process.
func (w *wire) Close(ctx context.Context) error {
	w.mu.Lock()
	if w.cause == nil {
		w.cause = ErrClosed
	}
	w.mu.Unlock()
	w.process.end(w.opts.Grace)
	err := w.process.wait(ctx)
	w.writer.stop()
	_ = w.process.stdout.Close()
	return err
}
