package llmtest

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

const mutantVariable = "LLMTEST_MUTANT"

// mutant is the promise to break in a child of TestMutants, which does not wait long for
// what will not happen; empty elsewhere.
func mutant() string {
	name := os.Getenv(mutantVariable)
	if name != "" {
		patience = 2 * soon // a call that ends with its time must not seem to be cancelled
	}
	return name
}

// mutants are the promises that a provider can break, by the test that runs the suite over
// it. Most have the name of the subtest that notices.
var mutants = map[string][]string{
	"TestProvider": {
		"Native", "KeyInQuery", "CanceledContext", "CallIsNotChanged", "Request", "Response", "Statuses", "Unbuffered", "Encoding",
		"Credential", "Redirect", "NoResponse", "BrokenResponse", "CancelBeforeResponse", "CancelInResponse", "CloseInResponse",
		"RequestBody", "InMemoryBody", "EarlyResponse",
	},
	"TestCollector": {"PathPrefix", "KeyHeader", "TwoKeys", "SentBody", "Collecting", "CollectedError", "CancelCollecting"},
}

var noticedBy = map[string]string{
	"KeyInQuery": "Credential", "PathPrefix": "Request", "KeyHeader": "Credential", "TwoKeys": "Answers", "SentBody": "Request",
	"CollectedError": "Collecting", "CancelCollecting": "Collecting",
}

// A suite that nothing can fail is worth nothing.
func TestMutants(t *testing.T) {
	if os.Getenv(mutantVariable) != "" {
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	type child struct {
		test, subtest string
		cmd           *exec.Cmd
		out           bytes.Buffer
	}
	children := map[string]*child{} // all at once, as they mostly wait
	for test, names := range mutants {
		for _, name := range names {
			c := &child{test: test, subtest: cmp.Or(noticedBy[name], name)}
			c.cmd = exec.CommandContext(t.Context(), self, "-test.run=^"+test+"$/^"+c.subtest+"$", "-test.timeout=1m")
			c.cmd.Env = append(os.Environ(), mutantVariable+"="+name)
			c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
			require.NoError(t, c.cmd.Start())
			children[name] = c
		}
	}
	for name, c := range children {
		t.Run(name, func(t *testing.T) {
			require.Error(t, c.cmd.Wait(), "the suite did not notice:\n%s", &c.out)
			require.Contains(t, c.out.String(), "FAIL: "+c.test+"/"+c.subtest)
		})
	}
}
