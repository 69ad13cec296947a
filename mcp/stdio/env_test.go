//go:build unix

package stdio_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/mcp/stdio"
)

// A child gets what is listed, and what its service says.
func TestEnvironment(t *testing.T) {
	opts := stdio.Options{Environ: func() []string {
		return []string{
			"PATH=/usr/bin:/bin", "HOME=/h", "USER=u", "LANG=C", "LC_ALL=C", "LC_TIME=C", "TMPDIR=/t", "XDG_CACHE_HOME=/c", "npm_config_registry=r",
			"http_proxy=p", "HTTPS_PROXY=p", "No_Proxy=wrong", "no_proxy=n", "ALL_PROXY=a", "SSL_CERT_FILE=f", "SSL_CERT_DIR=d", "NODE_EXTRA_CA_CERTS=e",
			"OPENAI_API_KEY=canary", "AGW_MASTER_KEY=canary", "PATH_TO=canary", "LD_PRELOAD=canary", "NODE_OPTIONS=canary", "LC=canary", "XDG=canary", "NPM_TOKEN=canary", "=canary", "canary",
		}
	}}
	s := service("server", "HOME=/own", "TOKEN=a=b", "EMPTY=", "TOKEN=last")
	got := ask[[]string](t, dial(t, opts, s), "env")
	slices.Sort(got)
	want := []string{
		childMode + "=server", atOnce, "HOME=/own", "TOKEN=last", "EMPTY=",
		"PATH=/usr/bin:/bin", "USER=u", "LANG=C", "LC_ALL=C", "LC_TIME=C", "TMPDIR=/t", "XDG_CACHE_HOME=/c", "npm_config_registry=r",
		"http_proxy=p", "HTTPS_PROXY=p", "no_proxy=n", "ALL_PROXY=a", "SSL_CERT_FILE=f", "SSL_CERT_DIR=d", "NODE_EXTRA_CA_CERTS=e",
	}
	slices.Sort(want)
	require.Equal(t, want, got)

	t.Setenv("CANARY", "canary") // and by default that of this process
	got = ask[[]string](t, dial(t, stdio.Options{}, service("server")), "env")
	require.NotContains(t, strings.Join(got, "\n"), "canary")
	require.Contains(t, got, "PATH="+os.Getenv("PATH"))

	// Nothing is not everything.
	got = ask[[]string](t, dial(t, stdio.Options{Environ: func() []string { return nil }}, service("server")), "env")
	require.Equal(t, []string{childMode + "=server", atOnce}, got)
}

// Arguments reach the process as they are: there is no shell.
func TestArguments(t *testing.T) {
	dir := t.TempDir()
	touched := filepath.Join(dir, "touched")
	s := service("server")
	s.Args = []string{"; touch " + touched, "$(touch " + touched + ")", "`touch " + touched + "`", "| touch " + touched, "&& touch " + touched, "", "*", "~", "$HOME", "a\nb", "--x='y'"}
	s.Dir = dir
	c := dial(t, stdio.Options{}, s)
	require.Equal(t, append([]string{os.Args[0]}, s.Args...), ask[[]string](t, c, "args"))
	require.NoFileExists(t, touched)
	resolved, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	require.Equal(t, resolved, ask[string](t, c, "dir"))
}

// A command is looked for in the PATH that the child has.
func TestCommand(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "the-server")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a-file"), nil, 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a-folder"), 0o755))

	s := service("server", "PATH=relative:"+dir)
	s.Command = "the-server"
	require.Equal(t, []string{"the-server"}, ask[[]string](t, dial(t, stdio.Options{}, s), "args"))
	s.Dir, s.Command = dir, "./the-server"
	require.Equal(t, []string{"./the-server"}, ask[[]string](t, dial(t, stdio.Options{}, s), "args"))

	for command, text := range map[string]string{
		"":                 "no command",
		"a-file":           `"a-file" is not in PATH`,
		"a-folder":         `"a-folder" is not in PATH`,
		"missing":          `"missing" is not in PATH`,
		"./a-file":         `"./a-file" is not an executable file`,
		"the-server; ls":   "not in PATH",
		"$(the-server)":    "not in PATH",
		"the-server\x00":   "not in PATH",
		dir + "/a-folder":  "not an executable file",
		"sh -c the-server": "not in PATH",
	} {
		s := service("server", "PATH="+dir)
		s.Command, s.Dir = command, dir
		_, err := stdio.New(stdio.Options{}).Dial(t.Context(), s)
		require.ErrorContains(t, err, text, command)
	}
}

func TestBadService(t *testing.T) {
	for text, change := range map[string]func(*mcp.Service){
		"env: entry 3 is not NAME=value": func(s *mcp.Service) { s.Env = append(s.Env, "canary") },
		"does not exist":                 func(s *mcp.Service) { s.Dir = filepath.Join(os.TempDir(), "there is no such folder") },
		"cannot be started":              func(s *mcp.Service) { s.Args = []string{"\x00"} },
	} {
		s := service("server")
		change(&s)
		_, err := stdio.New(stdio.Options{}).Dial(t.Context(), s)
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), "canary")
	}
}
