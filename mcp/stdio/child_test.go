//go:build unix

package stdio_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The tests' servers are this test's own binary, told by this variable what to be.
const childMode = "STDIO_TEST_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		child(mode)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

type received struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Meta struct {
			ProgressToken json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
		Name string `json:"name"`
	} `json:"params"`
	line []byte
}

var (
	input = bufio.NewReaderSize(os.Stdin, 1<<20)
	out   = bufio.NewWriter(os.Stdout)
)

func say(format string, args ...any) {
	fmt.Fprintf(out, format+"\n", args...)
	_ = out.Flush()
}

func result(id json.RawMessage, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	say(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, text)
}

// modes are more of what a child can be.
var modes = map[string]func(){}

// block never returns, and is no deadlock to the runtime.
func block() {
	for {
		time.Sleep(time.Hour)
	}
}

// child is a server.
func child(mode string) {
	if run := modes[mode]; run != nil {
		run()
		return
	}
	switch mode {
	case "deaf": // reads nothing, and leaves its input open
		block()
	case "closed-stdin":
		_ = os.Stdin.Close()
		say(`{"jsonrpc":"2.0","method":"notifications/ready"}`)
		block()
	case "closed-stdout":
		_ = os.Stdout.Close()
		block()
	case "fails":
		fmt.Fprintf(os.Stderr, "first line\n\x1b[31mcannot start: \x00%s\x1b[0m\n", os.Getenv("SECRET"))
		os.Exit(3)
	case "hold": // a grandchild
		block()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	}
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			if mode == "stubborn" {
				block()
			}
			return
		}
		var m received
		if err := json.Unmarshal(line, &m); err != nil {
			fmt.Fprintf(os.Stderr, "cannot read %q\n", line)
			os.Exit(4)
		}
		m.line = bytes.TrimSuffix(line, []byte("\n"))
		answer(m)
	}
}

func answer(m received) {
	switch m.Method {
	case "env":
		result(m.ID, os.Environ())
	case "args":
		result(m.ID, os.Args)
	case "dir":
		dir, _ := os.Getwd()
		result(m.ID, dir)
	case "fds":
		open := map[string]string{}
		entries, _ := os.ReadDir("/proc/self/fd")
		for _, e := range entries {
			open[e.Name()], _ = os.Readlink("/proc/self/fd/" + e.Name())
		}
		result(m.ID, open)
	case "echo":
		result(m.ID, string(m.line))
	case "slow": // never answers
	case "twice":
		result(m.ID, 1)
		result(m.ID, 2)
	case "progress":
		for i := range 3 {
			say(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%d}}`, m.Params.Meta.ProgressToken, i)
		}
		result(m.ID, "done")
	case "flood":
		for i := range 100_000 {
			fmt.Fprintf(out, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%d}}`+"\n", m.Params.Meta.ProgressToken, i)
		}
		result(m.ID, "done")
	case "garbage":
		say("npm warn deprecated something")
		say(`{"jsonrpc":"2.0"}`)
		say(`{"id":1,"result":{}}`)
		say("")
		say("\xff\xfe\x00{[")
		result(m.ID, "done")
	case "huge":
		_, _ = io.CopyN(out, zeros{}, 100<<20)
		say("")
		result(m.ID, "done")
	case "exit":
		fmt.Fprintln(os.Stderr, "a last word")
		os.Exit(7)
	case "half":
		_, _ = out.WriteString(`{"jsonrpc":"2.0","id":`)
		_ = out.Flush()
		os.Exit(0)
	case "answer-and-exit":
		result(m.ID, "done")
		os.Exit(0)
	case "grandchild":
		cmd := exec.Command(os.Args[0], os.Args[1:]...)
		cmd.Env = append(os.Environ(), childMode+"=hold")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		if m.Params.Name == "session" {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		}
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		result(m.ID, cmd.Process.Pid)
	case "stderr":
		fmt.Fprintln(os.Stderr, m.Params.Name)
		fmt.Fprint(os.Stderr, strings.Repeat("x", 64<<10)+"\n")
		result(m.ID, "done")
	case "ping-me":
		say(`{"jsonrpc":"2.0","id":0,"method":"ping"}`)
		time.Sleep(time.Millisecond)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}
