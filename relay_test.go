package gateway_test

import (
	"encoding/hex"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

// TestRelay plays the transcripts in testdata/relay. Each has these files:
//
//	request           the caller's: method and path, headers, a blank line, the body
//	upstream-request  the body that must reach the upstream; absent: the caller's
//	upstream          its answer: status, headers, a blank line, one write a line
//	response          the body that must reach the caller; absent: the upstream's
//
// In bodies ␊ and ␍ are LF and CR, and ⟨f0 9f⟩ are bytes in hex. The line end
// before the next file is not part of a body; in an upstream's answer no line end
// is.
func TestRelay(t *testing.T) {
	files, err := filepath.Glob("testdata/relay/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	up := newUpstream(t)
	s := newGateway(t, oneProvider(up, "default_model: default-model"))
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			tr := parseTranscript(t, name)
			fault := llmtest.Raw(tr.status, tr.header, tr.writes...)
			fault.EventDelay = 3 * time.Millisecond // so that writes arrive one by one
			up.Enqueue(*fault)

			got := s.do(t, tr.method, tr.path, tr.body, tr.headers...)

			require.NoError(t, got.err)
			require.Equal(t, tr.status, got.Status)
			require.Equal(t, tr.upstreamBody, string(up.Last().Body), "what the upstream received")
			require.Equal(t, tr.response, got.Body, "what the caller received")
			require.Equal(t, tr.header.Get("Content-Type"), got.Header.Get("Content-Type"))
			s.event(t)
		})
	}
}

type transcript struct {
	method, path, body string
	headers            []string
	upstreamBody       string
	status             int
	header             http.Header
	writes             [][]byte
	response           string
}

func parseTranscript(t *testing.T, name string) (tr transcript) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	require.NoError(t, err)
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = strings.TrimSuffix(string(f.Data), "\n")
	}

	head, body, _ := strings.Cut(files["request"], "\n\n")
	tr.body = unescape(t, body)
	for i, line := range strings.Split(head, "\n") {
		if i == 0 {
			tr.method, tr.path, _ = strings.Cut(line, " ")
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		tr.headers = append(tr.headers, name, value)
	}
	tr.upstreamBody = tr.body
	if want, ok := files["upstream-request"]; ok {
		tr.upstreamBody = unescape(t, want)
	}

	head, body, _ = strings.Cut(files["upstream"], "\n\n")
	tr.header = http.Header{}
	for i, line := range strings.Split(head, "\n") {
		if i == 0 {
			tr.status, err = strconv.Atoi(line)
			require.NoError(t, err)
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		tr.header.Add(name, value)
	}
	for line := range strings.SplitSeq(body, "\n") {
		tr.writes = append(tr.writes, []byte(unescape(t, line)))
		tr.response += unescape(t, line)
	}
	if want, ok := files["response"]; ok {
		tr.response = ""
		for line := range strings.SplitSeq(want, "\n") {
			tr.response += unescape(t, line)
		}
	}
	return tr
}

var hexBytes = regexp.MustCompile(`⟨[0-9a-f ]+⟩`)

func unescape(t *testing.T, s string) string {
	s = strings.NewReplacer("␊", "\n", "␍", "\r").Replace(s)
	return hexBytes.ReplaceAllStringFunc(s, func(m string) string {
		digits := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(m, "⟨"), "⟩"), " ", "")
		b, err := hex.DecodeString(digits)
		require.NoError(t, err)
		return string(b)
	})
}
