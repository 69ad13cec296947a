//go:build unix

package stdio

import (
	"os"
	"runtime"
	"syscall"
)

// run starts the process and waits for its end. It does both on one thread, which does
// nothing else meanwhile: where the system can tell a child of its parent's death, it
// does so when the thread dies that has started it.
func (p *process) run(s spec, files []*os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child, err := os.StartProcess(s.path, s.argv, &os.ProcAttr{Dir: s.dir, Env: s.env, Files: files, Sys: attributes()})
	if err == nil {
		p.pid = child.Pid
	}
	started <- err
	if err != nil {
		return
	}
	state := p.reap(child)
	p.settle(state)
	// Where this process is the one that orphans are given to, as in most containers, it
	// has to reap the group's; elsewhere it has no such children.
	for {
		if _, err := syscall.Wait4(-p.pid, nil, 0, nil); err != nil && err != syscall.EINTR {
			return
		}
	}
}

// reap waits until the process has exited, and ends with it what it leaves in its group.
// As long as it is not reaped, the group's id is nobody else's; where waiting always
// reaps, the group is signalled right after.
func (p *process) reap(child *os.Process) (state *os.ProcessState) {
	exited := awaitExit(child.Pid)
	if !exited {
		state, _ = child.Wait()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	if exited {
		state, _ = child.Wait()
	}
	p.reaped = true
	return state
}

func (p *process) terminate() { p.signal(syscall.SIGTERM) }

func (p *process) kill() { p.signal(syscall.SIGKILL) }

// signal signals the group.
func (p *process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = syscall.Kill(-p.pid, sig)
	}
}

const supported = true
