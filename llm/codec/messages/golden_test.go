package messages

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
	"github.com/agent-gateway/agent-gateway/llm/codec/internal/codectest"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// golden is one archive of testdata: some files go in, the others are compared.
type golden struct {
	*txtar.Archive
	seen []string
}

func (g *golden) in(name string) string {
	g.seen = append(g.seen, name)
	for _, f := range g.Files {
		if f.Name == name {
			return strings.TrimSuffix(string(f.Data), "\n")
		}
	}
	return ""
}

// want compares got with the file of that name; an empty one is none.
func (g *golden) want(t *testing.T, name, got string) {
	t.Helper()
	if !*update {
		require.Equal(t, g.in(name), got, "the file %s", name)
		return
	}
	g.seen = append(g.seen, name)
	g.Files = slices.DeleteFunc(g.Files, func(f txtar.File) bool { return f.Name == name })
	if got != "" {
		g.Files = append(g.Files, txtar.File{Name: name, Data: []byte(got + "\n")})
	}
}

func eachGolden(t *testing.T, dir string, run func(t *testing.T, g *golden)) {
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			require.NoError(t, err)
			g := &golden{Archive: a}
			run(t, g)
			if *update {
				g.Files = slices.DeleteFunc(g.Files, func(f txtar.File) bool { return !slices.Contains(g.seen, f.Name) })
				require.NoError(t, os.WriteFile(path, txtar.Format(a), 0o644))
			}
			for _, f := range g.Files {
				require.Contains(t, g.seen, f.Name, "nothing reads this file")
			}
		})
	}
}

func problem(err error) string {
	e := llm.AsError(err)
	return string(e.Code) + " " + e.Param + "\n" + e.Message
}

func lines(l *codec.Losses) string { return strings.Join(l.Fields(), "\n") }

// A caller's request becomes the neutral form, and again what it was.
func TestDecodeRequest(t *testing.T) {
	eachGolden(t, "request", func(t *testing.T, g *golden) {
		body := g.in("request.json")
		require.True(t, json.Valid([]byte(body)))
		r, err := Codec.DecodeRequest([]byte(body), "", false)
		require.NoError(t, err)
		g.want(t, "neutral", dump(r))
		var lost codec.Losses
		again, err := Codec.EncodeRequest(r, codec.Target{Model: r.Model}, &lost)
		require.NoError(t, err)
		require.True(t, json.Valid(again), "%s", again)
		g.want(t, "again.json", string(again))
		g.want(t, "lost", lines(&lost))
	})
}

// A request of another protocol, or for a certain model, becomes Anthropic's.
func TestEncodeRequest(t *testing.T) {
	eachGolden(t, "encode", func(t *testing.T, g *golden) {
		r := &codec.Request{}
		load(t, g.in("neutral"), r)
		target := codec.Target{Model: "claude"}
		if caps := g.in("caps.json"); caps != "" {
			require.NoError(t, json.Unmarshal([]byte(caps), &target.Caps))
		}
		before := dump(r)
		var lost codec.Losses
		got, err := Codec.EncodeRequest(r, target, &lost)
		require.Equal(t, before, dump(r), "the encoder must not change the request")
		if err != nil {
			g.want(t, "error", problem(err))
			return
		}
		require.True(t, json.Valid(got), "%s", got)
		g.want(t, "request.json", string(got))
		g.want(t, "lost", lines(&lost))
	})
}

func TestDecodeResponse(t *testing.T) {
	eachGolden(t, "response", func(t *testing.T, g *golden) {
		r, err := Codec.DecodeResponse([]byte(g.in("response.json")))
		if err != nil {
			g.want(t, "error", problem(err))
			return
		}
		g.want(t, "neutral", dump(r))
		var lost codec.Losses
		again, err := Codec.EncodeResponse(r, &codec.Request{}, &lost)
		require.NoError(t, err)
		require.True(t, json.Valid(again), "%s", again)
		g.want(t, "again.json", string(again))
		require.Empty(t, lost.Fields())
	})
}

func TestEncodeResponse(t *testing.T) {
	eachGolden(t, "answer", func(t *testing.T, g *golden) {
		r := &codec.Response{}
		load(t, g.in("neutral"), r)
		var lost codec.Losses
		got, err := Codec.EncodeResponse(r, &codec.Request{Model: "asked-for"}, &lost)
		if err != nil {
			g.want(t, "error", problem(err))
			return
		}
		require.True(t, json.Valid(got), "%s", got)
		g.want(t, "response.json", string(got))
		g.want(t, "lost", lines(&lost))
	})
}

func TestDecodeStream(t *testing.T) {
	eachGolden(t, "stream", func(t *testing.T, g *golden) {
		events, err := decodeStream([]byte(g.in("stream.sse") + "\n\n"))
		g.want(t, "events", dump(events))
		if err != nil {
			g.want(t, "error", problem(err))
			return
		}
		require.NoError(t, codectest.Grammar(events, true))
		var lost codec.Losses
		again, err := encodeStream(events, &lost)
		require.NoError(t, err)
		require.Empty(t, lost.Fields())
		checkStream(t, again)
		g.want(t, "again.sse", newID.ReplaceAllString(strings.TrimSuffix(string(again), "\n\n"), "msg_NEW"))
	})
}

func TestEncodeStream(t *testing.T) {
	eachGolden(t, "events", func(t *testing.T, g *golden) {
		var events []codec.Event
		load(t, g.in("events"), &events)
		var lost codec.Losses
		got, err := encodeStream(events, &lost)
		if err != nil {
			g.want(t, "error", problem(err))
		} else {
			checkStream(t, got)
		}
		g.want(t, "stream.sse", strings.TrimSuffix(string(got), "\n\n"))
		g.want(t, "lost", lines(&lost))
	})
}

func decodeStream(text []byte) ([]codec.Event, error) { return suite.Decode(text) }

func encodeStream(events []codec.Event, lost *codec.Losses) (out []byte, err error) {
	s := Codec.NewStreamEncoder(&codec.Request{Model: "asked-for"}, lost)
	for i := range events {
		if out, err = s.Encode(out, &events[i]); err != nil {
			return out, err
		}
	}
	return out, nil
}

// newID is an id that was made because there was none.
var newID = regexp.MustCompile(`msg_[0-9a-f]{24}`)
