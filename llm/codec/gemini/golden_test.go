package gemini

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// golden runs f for each txtar file of a folder. f gets the files in it that are not
// derived, and returns those that are, which are compared.
func golden(t *testing.T, folder string, f func(t *testing.T, in map[string]string) []txtar.File) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			require.NoError(t, err)
			in := map[string]string{}
			for _, file := range archive.Files {
				in[file.Name] = string(file.Data)
			}
			derived := f(t, in)
			if *update && derived != nil {
				kept := archive.Files[:0:0]
				for _, file := range archive.Files {
					if strings.HasPrefix(file.Name, "in") {
						kept = append(kept, file)
					}
				}
				archive.Files = append(kept, derived...)
				require.NoError(t, os.WriteFile(name, txtar.Format(archive), 0o644))
				return
			}
			for _, file := range derived {
				require.Equal(t, in[file.Name], string(file.Data), "%s of %s", file.Name, name)
			}
		})
	}
}

// compare compares text with a golden file.
func compare(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		return
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), text, name)
}

func file(name, text string) txtar.File {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return txtar.File{Name: name, Data: []byte(text)}
}

func lostText(l *codec.Losses) string { return strings.Join(l.Fields(), "\n") }

var kinds = []string{"Text", "Image", "File", "Audio", "ToolCall", "ToolResult", "Thinking", "Refusal", "Opaque"}

var eventKinds = []string{"Begin", "PartStart", "PartDelta", "PartStop", "Finish", "Usage", "Ping", "End", "Failed"}

// dump writes a value of the neutral form without what is zero in it.
func dump(v any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(v), "")
	return b.String() + "\n"
}

func dumpValue(b *strings.Builder, v reflect.Value, in string) {
	switch x := v.Interface().(type) {
	case codec.Kind:
		b.WriteString(kinds[x])
		return
	case codec.EventKind:
		b.WriteString(eventKinds[x])
		return
	case json.RawMessage:
		b.WriteString("`" + string(x) + "`")
		return
	case codec.Field:
		b.WriteString(x.Name + ": `" + string(x.Value) + "`")
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		dumpValue(b, v.Elem(), in)
	case reflect.Struct:
		var fields []string
		for i := range v.NumField() {
			f, name := v.Field(i), v.Type().Field(i).Name
			if f.IsZero() && name != "Kind" {
				continue
			}
			var fb strings.Builder
			dumpValue(&fb, f, in+"  ")
			fields = append(fields, name+": "+fb.String())
		}
		text := strings.Join(fields, ", ")
		if len(text) < 100 && !strings.Contains(text, "\n") {
			b.WriteString("{" + text + "}")
			return
		}
		b.WriteString("{\n" + in + "  " + strings.Join(fields, "\n"+in+"  ") + "\n" + in + "}")
	case reflect.Slice:
		b.WriteString("[")
		for i := range v.Len() {
			b.WriteString("\n" + in + "  ")
			dumpValue(b, v.Index(i), in+"  ")
		}
		b.WriteString("]")
	case reflect.Map:
		keys := v.MapKeys()
		sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
		for _, k := range keys {
			fmt.Fprintf(b, "%v: %v ", k, v.MapIndex(k))
		}
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	default:
		fmt.Fprintf(b, "%v", v.Interface())
	}
}

// pretty makes JSON readable, to be read in golden files.
func pretty(t *testing.T, text []byte) string {
	t.Helper()
	require.True(t, json.Valid(text), "%s", text)
	var parts strings.Builder
	depth := 0
	inString := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case inString:
			parts.WriteByte(c)
			if c == '\\' {
				i++
				parts.WriteByte(text[i])
			} else if c == '"' {
				inString = false
			}
			continue
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		parts.WriteByte(c)
		if c == ',' && depth <= 4 {
			parts.WriteString("\n" + strings.Repeat("  ", depth))
		}
	}
	return parts.String()
}
