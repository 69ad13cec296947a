package stdio

import (
	"errors"
	"os"
	"strings"
)

// ExitError says that a server exited though nobody had asked it to.
type ExitError struct {
	// Status is "exit status 1", or "signal: killed".
	Status string
	// Code is the exit status, -1 for a signal.
	Code int
	// Stderr is the last lines that it wrote to its standard error, ten at most, with
	// "; " between them: printable, and at most 1000 bytes. The values of its service's
	// environment are replaced in it. It is empty when a signal has ended the server,
	// which had no time for words about that.
	Stderr string
}

func (e *ExitError) Error() string {
	var b strings.Builder
	b.WriteString("mcp: the server exited: ")
	b.WriteString(e.Status)
	if e.Stderr != "" {
		b.WriteString(": ")
		b.WriteString(e.Stderr)
	}
	return b.String()
}

// Public is the error without what the server has written, which is for its operator.
func (e *ExitError) Public() string { return "the server exited: " + e.Status }

func exitError(state *os.ProcessState, last string) error {
	if state == nil {
		return &ExitError{Status: "status unknown", Code: -1, Stderr: last}
	}
	if state.ExitCode() < 0 {
		last = ""
	}
	return &ExitError{Status: state.String(), Code: state.ExitCode(), Stderr: last}
}

func isExit(err error) bool {
	var e *ExitError
	return errors.As(err, &e)
}
