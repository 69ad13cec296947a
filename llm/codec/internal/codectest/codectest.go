// Package codectest holds what every codec must do with whatever an upstream sends:
// what was read of an answer, a stream or an error can be written in the same
// protocol, and is the same when it is read again. The codecs' fuzz targets share it.
package codectest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/gjson"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// Suite is a codec, and what its protocol cannot carry.
type Suite struct {
	Codec codec.Codec
	// Caller is who answers are written for.
	Caller *codec.Request
	// Response brings a complete answer into the one form that the protocol has for
	// what it says, so that answers that differ in what the protocol cannot carry are
	// equal. It takes out what has no form at all, and says whether it did.
	Response func(*codec.Response) (lost bool)
	// Stream does the same for an answer that was collected from a stream.
	Stream func(*codec.Response) (lost bool)
	// Failure brings an error in a stream into the form that the protocol has for it
	// there; nil is for one that says as much of it as in the place of an answer.
	Failure func(*llm.Error)
	// Written checks the text of a stream that was written; nil checks nothing more
	// than that its events are JSON.
	Written func(t testing.TB, text []byte)
}

// mutants is how many changed ones of each seed are tried without fuzzing.
const mutants = 20

// Answers fuzzes complete answers, which the files with one of the names are in the
// archives that a pattern matches; see [Suite.Answer].
func (s *Suite) Answers(f *testing.F, pattern string, names ...string) {
	Fuzz(f, Files(f, pattern, names...), s.Answer)
}

// Fuzz fuzzes JSON: with bytes changed, and with values.
func Fuzz(f *testing.F, texts [][]byte, check func(t *testing.T, text []byte)) {
	var p pool
	for _, text := range texts {
		p.add(text)
		for seed := range uint64(mutants) {
			f.Add(text, seed)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		text = p.json(text, seed)
		said(t, text)
		check(t, text)
	})
}

// Streams fuzzes streams likewise; see [Suite.Events].
func (s *Suite) Streams(f *testing.F, pattern string, names ...string) {
	FuzzStreams(f, Files(f, pattern, names...), s.Events)
}

// FuzzStreams fuzzes streams: with bytes changed, and with events and values.
func FuzzStreams(f *testing.F, texts [][]byte, check func(t *testing.T, text []byte)) {
	var p pool
	for _, text := range texts {
		text = append(text, "\n\n"...) // an archive's file has one line end
		each(text, func(e sse.Event) bool {
			p.add(e.Data)
			return true
		})
		for seed := range uint64(mutants) {
			f.Add(text, seed)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		text = p.stream(text, seed)
		said(t, text)
		check(t, text)
	})
}

// said shows what a test failed for, which a seed alone does not tell.
func said(t *testing.T, text []byte) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the text is\n%s", text)
		}
	})
}

// Seeds adds files to the corpus of a fuzz target of one's own.
func Seeds(f *testing.F, pattern string, names ...string) {
	for _, text := range Files(f, pattern, names...) {
		f.Add(text)
	}
}

// Files are the files with one of the names in the archives that a pattern matches.
func Files(t testing.TB, pattern string, names ...string) (list [][]byte) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range txtar.Parse(text).Files {
			if slices.Contains(names, file.Name) {
				list = append(list, file.Data)
			}
		}
	}
	if len(list) == 0 {
		t.Fatalf("%s has none of the files %q", pattern, names)
	}
	return list
}

// WellFormed says whether a text is JSON of which all readers take the same: in UTF-8,
// and without names that occur twice in one object. Two readings of any other text may
// differ (RFC 8259, sections 4 and 8.1), so that nothing is held to be stable for it.
func WellFormed(text []byte) bool {
	return utf8.Valid(text) && gjson.ValidBytes(text) && unique(gjson.ParseBytes(text))
}

func unique(v gjson.Result) bool {
	if !v.IsObject() && !v.IsArray() {
		return true
	}
	ok, seen := true, map[string]bool{}
	v.ForEach(func(name, e gjson.Result) bool {
		ok = (!v.IsObject() || !seen[name.Str]) && unique(e)
		seen[name.Str] = true
		return ok
	})
	return ok
}
