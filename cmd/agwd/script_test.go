package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// script is what the commands of one script share.
type script struct {
	tb      testing.TB
	running *process
}

type scriptKey struct{}

// TestScripts runs testdata/script: what users type, and what they see. Each
// script has a fake upstream at $UPSTREAM, which wants the key sk-upstream, and
// in $TAKEN the address of somebody else's listener.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(9 * patience), // for all scripts together, which wait for each other
		Setup: func(env *testscript.Env) error {
			tb := env.T().(testing.TB)
			up := llmtest.NewUpstream(tb)
			up.Key = "sk-upstream"
			taken, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			tb.Cleanup(func() { _ = taken.Close() })
			env.Setenv("UPSTREAM", up.URL)
			env.Setenv("TAKEN", taken.Addr().String())
			env.Setenv("GORACE", gorace)
			env.Values[scriptKey{}] = &script{tb: tb}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"capture": capture, "exits": exits, "serve": serve, "terminate": terminate, "write": write, "mode": mode,
		},
	})
}

// serve starts agwd on free ports, and tells agwctl where it is.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(scriptKey{}).(*script)
	env := []string{"OPENAI_API_KEY=" + ts.Getenv("OPENAI_API_KEY"), "AGW_MASTER_KEY=" + ts.Getenv("AGW_MASTER_KEY")}
	s.running = setup{dir: ts.MkAbs("."), env: env, args: args}.start(s.tb)
	ts.Setenv("AGW_ADMIN_ADDR", s.running.admin)
	ts.Setenv("AGW_BASE_URL", s.running.data+"/v1")
}

// terminate ends agwd, which must end well.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	s := ts.Value(scriptKey{}).(*script)
	if code := s.running.terminate(); code != 0 {
		ts.Fatalf("agwd ended with %d\n%s", code, s.running.stderr)
	}
}

// capture puts the standard output into a variable, as NAME=$(…) does; capture
// NAME jq PATH takes one member of it, as NAME=$(… | jq -r .PATH) does.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	v := strings.TrimRight(ts.ReadFile("stdout"), "\n")
	if len(args) == 3 && args[1] == "jq" {
		v = gjson.Get(v, strings.TrimPrefix(args[2], ".")).String()
	}
	if v == "" {
		ts.Fatalf("there is nothing to capture")
	}
	ts.Setenv(args[0], v)
}

// exits runs a command that must end with that code: exits 2 agwd …
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d\n%s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// write makes a file of a text, its first argument repeated: write 100 garbage file
func write(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Repeat(args[1], n)), 0o600))
}

// mode asserts a file's permissions: mode 600 file
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := strconv.FormatInt(int64(info.Mode().Perm()), 8); got != args[0] {
		ts.Fatalf("%s has the mode %s, want %s", args[1], got, args[0])
	}
}
