package stdio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/agent-gateway/agent-gateway/mcp/internal/duplex"
)

// writer writes lines one after the other, each of them whole: who gives one up while
// it is written leaves it to the writer.
type writer struct {
	file    *os.File
	timeout time.Duration
	lines   chan outgoing
	broken  func(error) // told why, before the writer stops by itself

	once sync.Once
	done chan struct{} // closed when nothing is written any more
}

type outgoing struct {
	line   []byte
	result chan error // has room for one
}

// piece is how much is written in one timeout's time.
const piece = 64 << 10

func newWriter(file *os.File, timeout time.Duration, broken func(error)) *writer {
	w := &writer{file: file, timeout: timeout, lines: make(chan outgoing), broken: broken, done: make(chan struct{})}
	go w.run()
	return w
}

func (w *writer) stop() { w.once.Do(func() { close(w.done) }) }

var errStopped = errors.New("mcp: the server's input is closed")

// send writes the line, and returns when that is done or ctx ends.
func (w *writer) send(ctx context.Context, line []byte) error {
	o := outgoing{line, make(chan error, 1)}
	select {
	case w.lines <- o:
	case <-w.done:
		return errStopped
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", duplex.ErrNotSent, context.Cause(ctx))
	}
	select {
	case err := <-o.result:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *writer) run() {
	for {
		select {
		case o := <-w.lines:
			err := w.write(o.line)
			if err != nil {
				w.broken(err)
				w.stop()
			}
			o.result <- err
			if err != nil {
				return
			}
		case <-w.done:
			return
		}
	}
}

func (w *writer) write(line []byte) error {
	for len(line) > 0 {
		_ = w.file.SetWriteDeadline(time.Now().Add(w.timeout))
		n, err := w.file.Write(line[:min(len(line), piece)])
		line = line[n:]
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && n > 0: // it reads, if slowly
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("mcp: the server has not read its input for %v", w.timeout)
		case errors.Is(err, syscall.EPIPE), errors.Is(err, os.ErrClosed):
			return errStopped
		case err != nil:
			return fmt.Errorf("mcp: the server's input cannot be written: %w", err)
		}
	}
	return nil
}

var errLineBreak = errors.New("mcp: the message is not sent: a string in it holds a line break, which JSON does not allow")

// oneLine returns a copy of the message that stands on a line, with its end. Breaks
// between values become spaces. All else keeps its bytes.
func oneLine(message []byte) ([]byte, error) {
	line := append(append(make([]byte, 0, len(message)+1), message...), '\n')
	text := line[:len(message)]
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 {
		return line, nil
	}
	inside := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			inside = !inside
		case inside && c == '\\':
			i++
		case c != '\n' && c != '\r':
		case inside:
			return nil, errLineBreak
		default:
			text[i] = ' '
		}
	}
	// A break behind a backslash was passed over.
	if bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		return nil, errLineBreak
	}
	return line, nil
}
