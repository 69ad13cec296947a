package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be agwd, so that tests run the daemon in
// processes of their own, and under the race detector when they are.
func TestMain(m *testing.M) {
	testscript.Main(withCtl{m}, map[string]func(){"agwd": main})
}

// withCtl puts agwctl, another main package, beside agwd.
type withCtl struct{ m *testing.M }

// Run implements [testscript.TestingM].
func (w withCtl) Run() int {
	dir, err := os.MkdirTemp("", "agwctl-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "../agwctl")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build agwctl: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return w.m.Run()
}
