package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// child is a process that this one started and ends.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser // a role ends with it; nil for agwd
	stdout *bufio.Reader
	addr   string
	admin  string // agwd's Admin API
	exited chan error
}

// startRole starts this program again, as one of its roles.
func startRole(role string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{role}, args...)...)
	cmd.Stderr = os.Stderr
	c := &child{cmd: cmd, exited: make(chan error, 1)}
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c.stdout = bufio.NewReader(out)
	if c.addr, err = c.stdout.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("%s does not say its address: %w", role, err), c.stop())
	}
	c.addr = strings.TrimSpace(c.addr)
	return c, nil
}

// counters asks an upstream how many connections and requests it has seen.
func (c *child) counters() (conns, requests int64, err error) {
	if _, err := io.WriteString(c.stdin, "\n"); err != nil {
		return 0, 0, err
	}
	_, err = fmt.Fscanln(c.stdout, &conns, &requests)
	return conns, requests, err
}

// listening is what agwd logs when it serves.
var listening = regexp.MustCompile(`\baddr=(\S+) admin_addr=(\S+)`)

// startGateway starts agwd as it would be deployed, with its store in dir.
func startGateway(ctx context.Context, agwd, dir, upstream string) (*child, error) {
	file := filepath.Join(dir, "bundle.yaml")
	if err := os.WriteFile(file, bundle(upstream), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(agwd, "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0",
		"--config-store", filepath.Join(dir, "configstore.db"), "--static-config", file)
	cmd.Env = []string{"AGW_MASTER_KEY=" + masterKey}
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: build it with `make build`, or name it with -agwd", err)
	}
	c := &child{cmd: cmd, exited: make(chan error, 1)}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(log); in.Scan(); {
			lines <- in.Text()
		}
	}()
	var said []string
	for line := range lines {
		said = append(said, line)
		if m := listening.FindStringSubmatch(line); m != nil {
			c.addr, c.admin = m[1], m[2]
			break
		}
	}
	if c.addr == "" {
		return nil, errors.Join(fmt.Errorf("%s did not start:\n%s", agwd, strings.Join(said, "\n")), c.stop())
	}
	go func() {
		for line := range lines {
			if !strings.Contains(line, "level=INFO") {
				fmt.Fprintln(os.Stderr, "agwd:", line)
			}
		}
	}()
	return c, ctx.Err()
}

// stop asks the process to end, and ends it when it does not.
func (c *child) stop() error {
	if c.stdin != nil {
		_ = c.stdin.Close()
	} else {
		_ = c.cmd.Process.Signal(os.Interrupt)
	}
	go func() { c.exited <- c.cmd.Wait() }()
	select {
	case err := <-c.exited:
		var exit *exec.ExitError
		if errors.As(err, &exit) && !exit.Exited() {
			return nil // by a signal, which an interrupted terminal sends to all
		}
		return err
	case <-time.After(patience):
		_ = c.cmd.Process.Kill()
		return fmt.Errorf("%s had to be killed: %w", filepath.Base(c.cmd.Path), <-c.exited)
	}
}
