// Command agwctl is the command line of the gateway: it applies bundles and reads and
// changes objects through the Admin API, and asks a model a question through the
// data plane.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv))
}

// Exit codes. That diff found a difference is 2 as well, so a mistake in calling
// diff is an ordinary error.
const (
	exitOK        = 0
	exitError     = 1
	exitUsage     = 2
	exitDifferent = 2
)

// exitStatus ends the program with that code; all has been said already.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// app is what commands work with.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	env    func(string) (string, bool)
	global *globalFlags
}

// run is the program: it returns the exit code. A signal just ends the process,
// since there is nothing to clean up.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) (string, bool)) int {
	var commands commandLine
	out := &stickyWriter{w: stdout}
	a := &app{stdin, out, stderr, env, &commands.globalFlags}
	asked := false // for help
	parser, err := newParser(&commands, env, out, stderr, func(int) { asked = true })
	if err != nil {
		fmt.Fprintln(stderr, "agwctl: error:", err)
		return exitError
	}
	command, err := parser.Parse(args)
	switch {
	case asked:
		return exitOK
	case err != nil:
		return usageError(stderr, err)
	}
	command.BindTo(context.Background(), (*context.Context)(nil))
	err = command.Run(a)
	if err == nil {
		err = out.err
	}
	if err == nil {
		return exitOK
	}
	if s, ok := errors.AsType[exitStatus](err); ok {
		return int(s)
	}
	fmt.Fprintln(stderr, "agwctl: error:", oneLine(err.Error()))
	return exitError
}

func usageError(stderr io.Writer, err error) int {
	command := "agwctl"
	code := exitUsage
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil {
		if node := p.Context.Selected(); node != nil {
			command = node.FullPath()
			if node.Name == "diff" {
				code = exitError
			}
		}
	}
	fmt.Fprintf(stderr, "agwctl: error: %s\nRun \"%s --help\" for its usage.\n", oneLine(err.Error()), command)
	return code
}

// stickyWriter remembers the first error, so that output which did not arrive
// fails the command without a check after every line.
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(b)
	if err != nil {
		s.err = fmt.Errorf("cannot write the output: %w", err)
	}
	return n, s.err
}
