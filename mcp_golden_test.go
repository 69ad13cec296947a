package gateway_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/mcp/mcptest"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// TestMCPGolden plays the transcripts in testdata/mcp, each with a server behind every
// transport (or those in the file kinds), so that all of them give the same. Besides,
// there are
//
//	service, route   more fields of theirs
//	policy           of the tools that alice's key may use
//	era              what the server speaks: both unless it says legacy or modern
//
// and then steps: what a caller sends, by the caller's name, which begins with that of
// a key or with nobody; headers may stand before the message, and GET or DELETE before
// these. Behind it is server, what the server has received because of it, a message a
// line, and answer, what the caller got. With -update these two are written.
func TestMCPGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/mcp/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		require.NoError(t, err)
		settings := map[string]string{"kinds": strings.Join(mcpKinds, " ")}
		for _, f := range archive.Files {
			settings[f.Name] = strings.TrimSpace(string(f.Data))
		}
		for i, kind := range strings.Fields(settings["kinds"]) {
			t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar")+"/"+kind, func(t *testing.T) {
				era := map[string]mcptest.Era{"legacy": mcptest.Legacy, "modern": mcptest.Modern}[settings["era"]]
				up := newMCP(t, kind, &mcptest.Server{Era: era})
				bundle := toolsOf(up.bundle(settings["service"], settings["route"]), "alice", settings["policy"])
				play := &mcpPlay{s: newGateway(t, bundle), up: up, callers: map[string]*mcpCaller{}, writing: *update && i == 0}
				got := play.run(t, archive)
				if play.writing { // the others are compared with it
					require.NoError(t, os.WriteFile(name, txtar.Format(got), 0o644))
					archive = got
				}
				require.Equal(t, string(txtar.Format(archive)), string(txtar.Format(got)))
			})
		}
	}
}

// mcpPlay is a transcript that is played.
type mcpPlay struct {
	s       *stack
	up      *mcpServer
	callers map[string]*mcpCaller
	seen    int  // messages that the server has received
	writing bool // the golden file
}

func (p *mcpPlay) run(t *testing.T, archive *txtar.Archive) *txtar.Archive {
	got := &txtar.Archive{Comment: archive.Comment}
	for i, f := range archive.Files {
		switch f.Name {
		case "server", "answer":
			continue
		case "kinds", "service", "route", "policy", "era":
			got.Files = append(got.Files, f)
			continue
		}
		answer := p.step(t, f.Name, string(f.Data))
		if i+1 < len(archive.Files) && archive.Files[i+1].Name == "server" { // nobody waits for notifications
			p.await(t, p.seen+bytes.Count(archive.Files[i+1].Data, []byte("\n")))
		}
		got.Files = append(got.Files, f, txtar.File{Name: "server", Data: p.received()}, txtar.File{Name: "answer", Data: []byte(answer)})
	}
	return got
}

// await waits until the server has received n messages, or more than that.
func (p *mcpPlay) await(t *testing.T, n int) {
	if !p.writing {
		require.Eventually(t, func() bool { return len(p.up.Received()) >= n }, patience, step)
	}
}

// received is what the server has received since the last time.
func (p *mcpPlay) received() []byte {
	var b bytes.Buffer
	all := p.up.Received()
	for _, m := range all[p.seen:] {
		b.WriteString(strings.ReplaceAll(m, "\n", " ") + "\n")
	}
	p.seen = len(all)
	return b.Bytes()
}

func (p *mcpPlay) step(t *testing.T, name, text string) (answer string) {
	t.Helper()
	c := p.callers[name]
	if c == nil {
		key := ""
		switch {
		case strings.HasPrefix(name, "alice"):
			key = alice
		case strings.HasPrefix(name, "bob"):
			key = bob
		default:
			require.True(t, strings.HasPrefix(name, "nobody"), name)
		}
		c = p.s.mcp(key)
		p.callers[name] = c
	}
	method, body := "POST", strings.TrimSuffix(text, "\n")
	var headers []string
	for body != "" && body[0] != '{' && body[0] != '[' {
		line, rest, _ := strings.Cut(body, "\n")
		body = rest
		if name, value, ok := strings.Cut(line, ": "); ok {
			headers = append(headers, name, value)
		} else {
			method = line
		}
	}
	got := p.s.do(t, method, c.path, body, c.headers(headers...)...)
	require.NoError(t, got.err)
	answer = fmt.Sprintln(got.Status, got.Header.Get("Content-Type"))
	if id := got.Header.Get("Mcp-Session-Id"); id != "" {
		c.session = id
		answer += "Mcp-Session-Id: {session}\n"
	}
	if got.Body != "" {
		answer += strings.TrimSuffix(got.Body, "\n") + "\n"
	}
	return answer
}
