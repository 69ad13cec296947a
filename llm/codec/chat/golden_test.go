package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/agent-gateway/agent-gateway/internal/sse"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// newID matches an id that the codec made up.
var newID = regexp.MustCompile(`call_[0-9a-f]{24}`)

// archive is a golden file: inputs stay, and results are compared or written.
type archive struct {
	t    *testing.T
	name string
	*txtar.Archive
}

func open(t *testing.T, name string) *archive {
	a, err := txtar.ParseFile(name)
	if errors.Is(err, os.ErrNotExist) && *update {
		a, err = &txtar.Archive{}, nil
	}
	require.NoError(t, err)
	return &archive{t, name, a}
}

func (a *archive) get(name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// result compares what came out under a name; a result that is empty has no file.
func (a *archive) result(name, got string) {
	a.t.Helper()
	got = newID.ReplaceAllString(got, "call_new")
	if got != "" && !strings.HasSuffix(got, "\n") {
		got += "\n"
	}
	if !*update {
		require.Equal(a.t, a.get(name), got, "%s of %s", name, a.name)
		return
	}
	for i, f := range a.Files {
		if f.Name == name {
			a.Files = append(a.Files[:i], a.Files[i+1:]...)
			break
		}
	}
	if got != "" {
		a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(got)})
	}
	require.NoError(a.t, os.WriteFile(a.name, txtar.Format(a.Archive), 0o666))
}

// each runs f for every golden file in a folder of testdata.
func each(t *testing.T, folder string, f func(*testing.T, *archive)) {
	files, err := filepath.Glob("testdata/" + folder + "/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { f(t, open(t, name)) })
	}
}

// caps reads the upstream's capabilities, if the file has some.
func (a *archive) caps() (c llm.Capabilities) {
	if s := a.get("caps"); s != "" {
		require.NoError(a.t, json.Unmarshal([]byte(s), &c))
	}
	return c
}

// pretty puts each member at the top, and each element of a list there, on a line of
// its own, without a change to the bytes of any.
func pretty(t *testing.T, text []byte) string {
	t.Helper()
	require.True(t, json.Valid(text), "%s", text)
	var b bytes.Buffer
	depth, inString, escaped := 0, false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped, inString = c == '\\', c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		b.WriteByte(c)
		if !inString && depth < 3 && c == ',' {
			b.WriteString("\n" + strings.Repeat("  ", depth))
		}
	}
	return b.String()
}

// dump writes a value with its fields that are not zero.
func dump(v any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(v), "")
	return b.String() + "\n"
}

func dumpValue(b *strings.Builder, v reflect.Value, indent string) {
	switch x := v.Interface().(type) {
	case json.RawMessage:
		b.WriteString(string(x))
		return
	case llm.Count:
		fmt.Fprint(b, x.N)
		return
	case *llm.Error:
		fmt.Fprintf(b, "%s status=%d param=%q %q", x.Code, x.Status, x.Param, x.Message)
		return
	case codec.EventKind:
		b.WriteString([]string{"Begin", "PartStart", "PartDelta", "PartStop", "Finish", "Usage", "Ping", "End", "Failed"}[x])
		return
	case codec.Kind:
		b.WriteString([]string{"Text", "Image", "File", "Audio", "ToolCall", "ToolResult", "Thinking", "Refusal", "Opaque"}[x])
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		dumpValue(b, v.Elem(), indent)
	case reflect.Struct:
		b.WriteString("{")
		for i := range v.NumField() {
			f := v.Field(i)
			name := v.Type().Field(i).Name
			if f.IsZero() && name != "Kind" || name == "Kind" && f.IsZero() && v.Type() == reflect.TypeFor[codec.Tool]() {
				continue
			}
			b.WriteString("\n" + indent + "  " + name + ": ")
			dumpValue(b, f, indent+"  ")
		}
		b.WriteString("\n" + indent + "}")
	case reflect.Slice:
		b.WriteString("[")
		for i := range v.Len() {
			b.WriteString("\n" + indent + "  ")
			dumpValue(b, v.Index(i), indent+"  ")
		}
		b.WriteString("\n" + indent + "]")
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	default:
		fmt.Fprintf(b, "%v", v.Interface())
	}
}

// dumpEvents writes events, one a line.
func dumpEvents(events []codec.Event) string {
	var b strings.Builder
	for i := range events {
		var one strings.Builder
		dumpValue(&one, reflect.ValueOf(events[i]), "")
		s := strings.Join(strings.Fields(one.String()), " ")
		b.WriteString(s + "\n")
	}
	return b.String()
}

// decodeStream feeds the text of a stream to a decoder, each event in memory that is
// overwritten after it.
func decodeStream(text string) (events []codec.Event, err error) {
	d := Codec.NewStreamDecoder()
	b := []byte(text)
	for len(b) > 0 {
		n := sse.Next(b)
		if n == 0 {
			break
		}
		e := sse.Parse(b[:n])
		if e.HasData {
			name, data := bytes.Clone(e.Name), bytes.Clone(e.Data)
			if events, err = d.Decode(events, name, data); err != nil {
				return events, err
			}
			for i := range data {
				data[i] = '#'
			}
		}
		b = b[n:]
	}
	return d.Close(events)
}

func encodeStream(events []codec.Event, req *codec.Request, lost *codec.Losses) (string, error) {
	enc := Codec.NewStreamEncoder(req, lost)
	var out []byte
	for i := range events {
		var err error
		if out, err = enc.Encode(out, &events[i]); err != nil {
			return string(enc.Fail(out, llm.AsError(err), "")), err
		}
	}
	return string(out), nil
}

func lines(l *codec.Losses) string { return strings.Join(l.Fields(), "\n") }
