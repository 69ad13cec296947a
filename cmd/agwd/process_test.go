package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gorace makes a process under the race detector end at once; it costs a second
// otherwise.
const gorace = "atexit_sleep_ms=0"

// patience is how long tests wait for what should happen at once.
const patience = 20 * time.Second

// masterKeyText seals the stores of tests that do not care.
const masterKeyText = "a-master-key-of-more-than-32-bytes!"

// setup is how a daemon is started.
type setup struct {
	dir  string   // working folder; a new one when empty
	env  []string // beside PATH and HOME; nothing else is inherited
	args []string // beside the addresses
}

// process is an agwd that runs.
type process struct {
	t              testing.TB
	cmd            *exec.Cmd
	dir            string
	stdout, stderr *transcript
	exited         chan struct{}
	data, admin    string // origins
	user, password string // for the Admin API
}

// launch starts agwd on free ports and does not wait.
func (s setup) launch(t testing.TB) *process {
	t.Helper()
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	p := &process{t: t, dir: s.dir, stdout: newTranscript(), stderr: newTranscript(), exited: make(chan struct{})}
	p.cmd = exec.Command("agwd", append(slices.Clone(s.args), "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0")...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = s.dir, p.stdout, p.stderr
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "GORACE=" + gorace, "GOCOVERDIR=" + os.Getenv("GOCOVERDIR")}, s.env...)
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // the code is in ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill()
		if strings.Contains(p.stderr.String(), "DATA RACE") || strings.Contains(p.stderr.String(), "panic") {
			t.Errorf("agwd has a race or a panic:\n%s", p.stderr)
		}
	})
	return p
}

var serving = regexp.MustCompile(`msg=serving addr=(\S+) admin_addr=(\S+)`)

// start starts agwd and waits until it listens.
func (s setup) start(t testing.TB) *process {
	t.Helper()
	p := s.launch(t)
	m := p.waitFor(p.stderr, serving)
	p.data, p.admin = "http://"+m[1], "http://"+m[2]
	return p
}

// waitFor waits until the process has written what matches.
func (p *process) waitFor(out *transcript, what *regexp.Regexp) []string {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		text, more := out.read()
		if m := what.FindStringSubmatch(text); m != nil {
			return m
		}
		select {
		case <-more:
		case <-p.exited:
			p.t.Fatalf("agwd ended with %d before it wrote %s\n%s%s", p.cmd.ProcessState.ExitCode(), what, p.stdout, p.stderr)
		case <-deadline:
			p.t.Fatalf("agwd did not write %s\n%s%s", what, p.stdout, p.stderr)
		}
	}
}

// wait waits for the end and returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("agwd does not end\n%s", p.stderr)
		return -1
	}
}

// terminate asks the process to end and returns its exit code.
func (p *process) terminate() int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	return p.wait()
}

// kill ends the process without asking.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error says that it has ended already
	<-p.exited
}

// database is where agwd keeps everything unless told otherwise.
func (p *process) database() string { return filepath.Join(p.dir, "data", "configstore.db") }

// transcript keeps what a process writes.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // closed, and replaced, by each write
}

func newTranscript() *transcript { return &transcript{more: make(chan struct{})} }

func (o *transcript) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.text.Write(b)
}

func (o *transcript) read() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.more
}

func (o *transcript) String() string {
	text, _ := o.read()
	return text
}

// password opens the Admin API of startWithPassword.
const password = "admin-password-0123456789"

// startWithPassword starts agwd with an Admin API that wants a password.
func startWithPassword(t testing.TB, args ...string) *process {
	t.Helper()
	hash, err := exec.Command("agwd", "hash-password", "--plaintext", password).Output()
	require.NoError(t, err)
	p := setup{
		env:  []string{"AGW_ADMIN_BASIC_AUTH_HASH=admin:" + strings.TrimSpace(string(hash)), "AGW_MASTER_KEY=" + masterKeyText},
		args: args,
	}.start(t)
	p.user, p.password = "admin", password
	return p
}
