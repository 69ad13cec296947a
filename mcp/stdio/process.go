package stdio

import (
	"context"
	"os"
	"sync"
	"time"
)

// process is a child and the parent's ends of its standard streams.
type process struct {
	pid                   int
	stdin, stdout, stderr *os.File
	exited                chan struct{} // closed when it has exited, was reaped, and its standard error was read
	drained               chan struct{} // closed by who has read its standard error
	state                 *os.ProcessState

	mu     sync.Mutex
	reaped bool // its id, and its group's, may be another's from now on

	ending sync.Once
}

const (
	// drainTime bounds how long what an exited process wrote is read: a process that left
	// its group can hold the pipes open.
	drainTime = time.Second
	// exitTime is how long a process that has closed a stream is given to exit.
	exitTime = 2 * drainTime
)

// spec is what to start.
type spec struct {
	path, dir string
	argv, env []string
}

// start starts a process.
func start(s spec) (*process, error) {
	p := &process{exited: make(chan struct{}), drained: make(chan struct{})}
	child := make([]*os.File, 3)
	own := []**os.File{&p.stdin, &p.stdout, &p.stderr}
	defer func() {
		for _, f := range child {
			_ = f.Close() // also a nil one
		}
	}()
	for i := range child {
		r, w, err := os.Pipe()
		if err != nil {
			p.closeFiles()
			return nil, err
		}
		if child[i], *own[i] = r, w; i > 0 {
			child[i], *own[i] = w, r
		}
	}
	started := make(chan error, 1)
	go p.run(s, child, started)
	if err := <-started; err != nil {
		p.closeFiles()
		return nil, err
	}
	return p, nil
}

func (p *process) closeFiles() {
	for _, f := range []*os.File{p.stdin, p.stdout, p.stderr} {
		_ = f.Close()
	}
}

// settle is called when the process has exited and was reaped.
func (p *process) settle(state *os.ProcessState) {
	p.state = state
	_ = p.stdin.Close()
	until := time.Now().Add(drainTime)
	_ = p.stdout.SetReadDeadline(until)
	_ = p.stderr.SetReadDeadline(until)
	<-p.drained
	_ = p.stderr.Close()
	close(p.exited)
}

// end ends the process in good order, once, and returns at once: its input is closed,
// which the specification has servers exit on; then it is asked to, then made to.
func (p *process) end(grace time.Duration) {
	p.ending.Do(func() {
		go func() {
			_ = p.stdin.Close()
			if p.gone(grace) {
				return
			}
			p.terminate()
			if p.gone(grace) {
				return
			}
			p.kill()
		}()
	})
}

func (p *process) gone(within time.Duration) bool {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-p.exited:
		return true
	case <-t.C:
		return false
	}
}

// wait waits until the process is gone, which it makes sure of when ctx ends.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
	}
	p.kill()
	if !p.gone(exitTime) { // it cannot be killed while the system holds it
		return context.Cause(ctx)
	}
	return nil
}
