package mcptest

import (
	"errors"
	"io"
	"sync"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

// ErrCrash is how Serve ends after a call of the tool crash.
var ErrCrash = errors.New("mcptest: the server has crashed")

// MaxLine bounds the lines that Serve takes, in bytes.
const MaxLine = 64 << 20

// Serve serves one client, whose messages are lines of r, on w: what a process does
// with its standard streams. It returns nil at the end of r, and ErrCrash when a tool
// asks for it, while a last read of r may still be under way; the process should then
// exit with a status that is not 0.
func (s *Server) Serve(r io.Reader, w io.Writer) error {
	out := &lineWriter{w: w}
	crashed := make(chan struct{})
	var once sync.Once
	c := s.open(out, func(way) {
		once.Do(func() { close(crashed) })
		out.stop()
	})
	c.oneWire = true
	defer c.close()
	ended := make(chan error, 1)
	go func() {
		lines := jsonrpc.NewLines(r, MaxLine)
		for {
			line, err := lines.Next()
			if err != nil {
				ended <- err
				return
			}
			m, err := jsonrpc.Parse(line)
			if err != nil {
				s.remember(line)
				out.send(jsonrpc.Errorf(jsonrpc.CodeParse, "%v", err).Response(nil))
				continue
			}
			c.message(m, out)
		}
	}()
	select {
	case err := <-ended:
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	case <-crashed:
		return ErrCrash
	}
}

// lineWriter writes messages on lines.
type lineWriter struct {
	mu   sync.Mutex
	w    io.Writer
	over bool
}

func (l *lineWriter) send(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		_, err := l.w.Write(append(data[:len(data):len(data)], '\n'))
		l.over = err != nil
	}
}

func (l *lineWriter) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

func (l *lineWriter) garbage() {
	for _, line := range nonsense {
		l.send([]byte(line))
	}
	l.send(nil)
}
