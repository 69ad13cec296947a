package stdio_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/stdio"
)

// state is the letter of a process, "" when there is none with that id.
func state(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}

// gone says whether a process has ended. Orphans are reaped by init, at its leisure.
func gone(pid int) bool {
	s := state(pid)
	return s == "" || s == "Z" && parent(pid) != os.Getpid()
}

func parent(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	if len(f) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(f[1])
	return n
}

// children are the processes, zombies too, whose parent is this one.
func children() (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && parent(pid) == os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

// The child has its standard streams and nothing else of the gateway's.
func TestInheritsNothing(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "open")
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	c := dial(t, stdio.Options{}, service("server"))
	ours := map[string]bool{} // as opposed to what this process was given itself, and so leaves to any child
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, e := range entries {
		info, _ := os.ReadFile("/proc/self/fdinfo/" + e.Name())
		if _, flags, ok := strings.Cut(string(info), "flags:"); ok {
			n, err := strconv.ParseInt(strings.Fields(flags)[0], 8, 64)
			require.NoError(t, err)
			what, _ := os.Readlink("/proc/self/fd/" + e.Name())
			ours[what] = n&syscall.O_CLOEXEC != 0
		}
	}
	require.True(t, ours[f.Name()])
	for fd, what := range ask[map[string]string](t, c, "fds") {
		if fd == "0" || fd == "1" || fd == "2" {
			require.True(t, ours[what], "%s is %s", fd, what) // the other end of which
		} else if strings.HasPrefix(what, "pipe:") || strings.HasPrefix(what, "socket:") || what == f.Name() { // its own runtime has others
			require.False(t, ours[what], "%s is %s", fd, what)
		}
	}
	pid := c.(stdio.Process).Pid()
	group, err := syscall.Getpgid(pid)
	require.NoError(t, err)
	require.Equal(t, pid, group)
}

// Close makes a server exit that does not want to, at once when its context is over.
func TestStubborn(t *testing.T) {
	c := dial(t, stdio.Options{Grace: 20 * time.Millisecond}, service("stubborn"))
	require.Equal(t, "done", ask[string](t, c, "garbage"))
	require.NoError(t, c.Close(t.Context()))
	requireGone(t, c.(stdio.Process).Pid())

	c = dial(t, stdio.Options{Grace: time.Hour}, service("stubborn"))
	require.Equal(t, "done", ask[string](t, c, "garbage"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, c.Close(ctx))
	requireGone(t, c.(stdio.Process).Pid())
}

// Whatever a server leaves in its group ends with it, also when it holds the streams.
func TestGrandchildren(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	pid := ask[int](t, c, "grandchild")
	require.NotEmpty(t, state(pid))
	require.NoError(t, c.Close(t.Context()))
	requireGone(t, pid)

	c = dial(t, stdio.Options{}, service("server"))
	pid = ask[int](t, c, "grandchild")
	_, err := all(call(t, c, `{"jsonrpc":"2.0","id":1,"method":"exit"}`))
	require.ErrorAs(t, err, new(*stdio.ExitError))
	requireEnded(t, c)
	requireGone(t, pid)
	requireGone(t, c.(stdio.Process).Pid())
}

// One that has left the group can hold the streams, but not the session.
func TestGrandchildOfItsOwn(t *testing.T) {
	c := dial(t, stdio.Options{}, service("server"))
	got, err := all(call(t, c, `{"jsonrpc":"2.0","id":1,"method":"grandchild","params":{"name":"session"}}`))
	require.NoError(t, err)
	var pid int
	_, err = fmt.Sscanf(got[0], `{"jsonrpc":"2.0","id":1,"result":%d}`, &pid)
	require.NoError(t, err)
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	_, err = all(call(t, c, `{"jsonrpc":"2.0","id":1,"method":"exit"}`))
	require.EqualError(t, err, "mcp: the server exited: exit status 7: a last word")
	requireEnded(t, c)
	require.NotEmpty(t, state(pid))
}

// Sessions that come and go, in whatever way, leave nothing behind.
func TestNothingIsLeft(t *testing.T) {
	before, sessions := descriptors(t), 100
	if testing.Short() {
		sessions = 10
	}
	ignore := goleak.IgnoreCurrent()
	var wg sync.WaitGroup
	free := make(chan struct{}, 8)
	var mu sync.Mutex
	var pids []int
	methods := []string{"exit", "slow", "half", "garbage", "twice", "grandchild", "answer-and-exit", "huge"}
	for i := range sessions {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			c, err := stdio.New(stdio.Options{Log: quiet, MaxLine: 1 << 20}).Dial(t.Context(), service("server"))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			pids = append(pids, c.(stdio.Process).Pid())
			mu.Unlock()
			method := methods[i%len(methods)]
			s, err := c.Call(t.Context(), mcp.Message{Data: fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":%q}`, method)})
			if err == nil && method != "slow" {
				_, _ = all(s)
			}
			if i%3 > 0 {
				if err := c.Close(context.Background()); err != nil {
					t.Error(err)
				}
			} else if method == "exit" || method == "half" || method == "huge" || method == "answer-and-exit" {
				<-c.(stdio.Process).Done() // over by itself
			} else if err := errors.Join(s.Close(), c.Close(context.Background())); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, pid := range pids {
		requireGone(t, pid)
	}
	goleak.VerifyNone(t, ignore)
	require.Eventually(t, func() bool { return descriptors(t) <= before }, patience, time.Millisecond)
	require.Empty(t, children())
}

// A gateway that dies without ending its servers takes them with it.
func TestParentDies(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), atOnce, childMode+"=parent")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NotEmpty(t, state(pid))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	requireGone(t, pid)
}

// parentOf is the process that dies: its server ignores the end of its input.
func init() {
	modes["parent"] = func() {
		c, err := stdio.New(stdio.Options{Log: quiet}).Dial(context.Background(), service("deaf"))
		if err != nil {
			panic(err)
		}
		say("%d", c.(stdio.Process).Pid())
		block()
	}
	// A process to which orphans are given, as the first of a container is: it must reap
	// what its servers leave.
	modes["reaper"] = func() {
		const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER
		if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
			panic(errno)
		}
		c, err := stdio.New(stdio.Options{Log: quiet}).Dial(context.Background(), service("server"))
		if err != nil {
			panic(err)
		}
		s, err := c.Call(context.Background(), mcp.Message{Data: []byte(`{"jsonrpc":"2.0","id":1,"method":"grandchild"}`)})
		if err != nil {
			panic(err)
		}
		if _, err = all(s); err != nil {
			panic(err)
		}
		if err := c.Close(context.Background()); err != nil {
			panic(err)
		}
		for len(children()) > 0 {
			time.Sleep(time.Millisecond)
		}
		say("no children")
	}
}

func TestReapsOrphans(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), atOnce, childMode+"=reaper")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "no children\n", string(out))
}
