package mcptest

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/streamable"
)

const mutantVariable = "MCPTEST_MUTANT"

func TestMain(m *testing.M) {
	if os.Getenv(mutantVariable) != "" {
		patience = 3 * time.Second // what will not happen is not waited for long
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

// mutants are promises that a transport can break. Most have the name of the subtest
// that notices.
var mutants = []string{
	"Handshake", "Methods", "Bytes", "IDs", "Order", "NoEOF", "EOFOnce", "RPCError", "Notify", "NotifyBytes", "Long", "Refusals", "Concurrent", "Progress", "Ask",
	"AskAtOnce", "SlowReader", "Flood", "Twice", "Listen", "ListenClose", "NoListen", "Subscriptions", "CancelByClose", "CancelByContext", "CancelSilent",
	"NotCancelled", "ContextDone", "Crash", "Close", "CloseCalls", "Status", "StatusHeader", "StatusBody", "Headers", "TwoSessions", "Goroutines", "Dial", "Resume", "CloseAndResume",
}

var noticedBy = map[string]string{
	"NoEOF": "Order", "EOFOnce": "Order", "NotifyBytes": "Notify", "ListenClose": "Listen", "CloseCalls": "Close", "StatusHeader": "Status", "StatusBody": "Status",
}

// TestRunTransport runs the suite over a transport that keeps all promises, but for the
// one that the environment names.
func TestRunTransport(t *testing.T) {
	name := os.Getenv(mutantVariable)
	resumable := name == "Resume" || name == "CloseAndResume"
	RunTransport(t, func(t *testing.T) (mcp.Transport, mcp.Service) {
		h := &HTTP{Resumable: resumable, Retry: time.Millisecond}
		return mutant{streamable.New(streamable.Options{}), name, &shared{one: make(chan struct{}, 1)}}, mcp.Service{ID: "test", URL: h.Start(t)}
	}, Options{HTTP: true, Resumable: resumable})
}

// A suite that nothing can fail is worth nothing.
func TestMutants(t *testing.T) {
	if os.Getenv(mutantVariable) != "" {
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	type child struct {
		cmd *exec.Cmd
		out bytes.Buffer
	}
	for batch := range (len(mutants) + 7) / 8 { // some at once, as they mostly wait
		children := map[string]*child{}
		for _, name := range mutants[batch*8 : min(batch*8+8, len(mutants))] {
			c := &child{}
			pattern := "^TestRunTransport$/^(Legacy|Modern)$/^" + cmp.Or(noticedBy[name], name) + "$"
			if name == "Dial" {
				pattern = "^TestRunTransport$/^Dial$"
			}
			c.cmd = exec.CommandContext(t.Context(), self, "-test.run="+pattern, "-test.timeout=2m")
			c.cmd.Env = append(os.Environ(), mutantVariable+"="+name)
			c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
			require.NoError(t, c.cmd.Start())
			children[name] = c
		}
		for name, c := range children {
			t.Run(name, func(t *testing.T) {
				var exit *exec.ExitError
				require.True(t, errors.As(c.cmd.Wait(), &exit), "the suite did not notice:\n%s", &c.out)
				require.Contains(t, c.out.String(), "--- FAIL: TestRunTransport/")
				require.NotContains(t, c.out.String(), "panic:")
			})
		}
	}
}
