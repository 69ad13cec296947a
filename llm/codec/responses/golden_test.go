package responses

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func TestMain(m *testing.M) {
	now = func() time.Time { return time.Unix(1_800_000_000, 0) }
	os.Exit(m.Run())
}

// archives runs a test for each archive in a folder of testdata: make gets the file
// that is named as the folder, and returns the others.
func archives(t *testing.T, folder string, make func(t *testing.T, input []byte) []txtar.File) {
	names, err := filepath.Glob("testdata/" + folder + "/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			require.NoError(t, err)
			require.Equal(t, folder, a.Files[0].Name)
			golden(t, name, a.Comment, append(a.Files[:1:1], make(t, a.Files[0].Data)...))
		})
	}
}

func golden(t *testing.T, name string, comment []byte, files []txtar.File) {
	t.Helper()
	for i := range files {
		if d := files[i].Data; len(d) > 0 && d[len(d)-1] != '\n' {
			files[i].Data = append(d, '\n')
		}
	}
	got := txtar.Format(&txtar.Archive{Comment: comment, Files: files})
	if *update {
		require.NoError(t, os.WriteFile(name, got, 0o644))
		return
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func file(name, text string) txtar.File { return txtar.File{Name: name, Data: []byte(text)} }

// dump is v as JSON, without what is empty. Go's encoder sorts and compacts what the
// neutral form keeps as bytes; the JSON that is written again shows those.
func dump(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var tree any
	require.NoError(t, d.Decode(&tree))
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	require.NoError(t, e.Encode(prune(tree)))
	return out.String()
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			switch k {
			case "Raw", "Value", "Schema", "Grammar", "Metadata": // JSON as it came
				if e == nil || e == "" {
					delete(v, k)
				}
				continue
			case "Cache", "Thought": // they say something by being there
				if e == nil {
					delete(v, k)
				} else if v[k] = prune(e); v[k] == nil {
					v[k] = map[string]any{}
				}
				continue
			}
			if e = prune(e); e == nil {
				delete(v, k)
			} else {
				v[k] = e
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
		for i := range v {
			if e := prune(v[i]); e != nil {
				v[i] = e
			}
		}
	case string:
		if v == "" {
			return nil
		}
	case json.Number:
		if v == "0" {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}

func indent(t *testing.T, b []byte) string {
	t.Helper()
	require.True(t, json.Valid(b), "%s", b)
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, b, "", " "))
	return out.String()
}

// lostText is what was reported, in one line.
func lostText(lost *codec.Losses) string { return strings.Join(lost.Fields(), " ") }
