package gateway_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/agent-gateway/agent-gateway"

type goPackage struct {
	ImportPath, Name, Doc string
	Imports, Deps         []string
	GoFiles               []string
}

// goList asks the go command about packages of this module.
func goList(t *testing.T, patterns ...string) map[string]goPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Doc,Imports,Deps,GoFiles"}, patterns...)...)
	out, err := cmd.Output()
	require.NoError(t, err)
	all := map[string]goPackage{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := d.Decode(&p)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all[strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")] = p
	}
}

// The planes' public packages know nothing of each other, and nobody imports
// what stands above it.
func TestImportBoundaries(t *testing.T) {
	planes := []string{"llm", "mcp", "acp", "metrics", "configstore"}
	leaves := []string{"internal/balance", "internal/h1", "internal/httperr", "internal/jsonrpc", "internal/jsonscan", "internal/jsonwrite", "internal/sse", "internal/strict", "internal/sqlitex", "internal/trace"}
	within := func(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }
	for path, p := range goList(t, "./...") {
		for _, imported := range p.Imports {
			imported, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				require.False(t, imported == module && !slices.ContainsFunc([]string{"cmd", "examples", "bench"}, func(root string) bool { return within(path, root) }),
					"%s imports the root package", path)
				continue
			}
			for _, plane := range planes {
				if !within(path, plane) {
					continue
				}
				allowed := within(imported, plane) || slices.ContainsFunc(leaves, func(l string) bool { return within(imported, l) })
				require.True(t, allowed, "%s imports %s: a plane imports itself and leaves", path, imported)
			}
			if slices.ContainsFunc(leaves, func(l string) bool { return within(path, l) }) {
				require.Contains(t, leaves, imported, "%s imports %s: a leaf imports leaves", path, imported)
			}
			if within(path, "internal/llmproxy") || within(path, "internal/mcpproxy") {
				require.False(t, within(imported, "internal/runtime") || within(imported, "admin"), "%s imports %s", path, imported)
			}
			if within(path, "internal/runtime") {
				require.False(t, within(imported, "admin"), "%s imports %s", path, imported)
			}
		}
	}
}

// Whoever imports the gateway gets no command line, no database and no web server
// with it.
func TestLightDependencies(t *testing.T) {
	deps := goList(t, ".")[""].Deps
	require.NotEmpty(t, deps)
	for _, dep := range deps {
		require.NotContains(t, []string{"database/sql", "flag", "testing", "net/http/httptest", "net/http/pprof", "expvar"}, dep)
		for _, heavy := range []string{"alecthomas/kong", "modernc.org/", "caddyserver/", "prometheus/", "stretchr/testify", "rogpeppe/", "uber.org/", "google.golang.org/", "x/crypto/bcrypt"} {
			require.NotContains(t, dep, heavy)
		}
	}
}

// Every package says what it is.
func TestPackageComments(t *testing.T) {
	for path, p := range goList(t, "./...") {
		if len(p.GoFiles) == 0 {
			continue // tests only
		}
		require.NotEmpty(t, p.Doc, "the package %s has no comment", path)
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			continue
		}
		require.True(t, strings.HasPrefix(p.Doc, want), "the comment of %s begins %q", path, p.Doc)
	}
}
