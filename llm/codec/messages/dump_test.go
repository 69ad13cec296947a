package messages

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// names of enumerations, so that golden files can be read.
var kinds = map[reflect.Type][]string{
	reflect.TypeFor[codec.Kind]():      {"Text", "Image", "File", "Audio", "ToolCallPart", "ToolResultPart", "Thinking", "Refusal", "Opaque"},
	reflect.TypeFor[codec.EventKind](): {"Begin", "PartStart", "PartDelta", "PartStop", "FinishEvent", "UsageEvent", "Ping", "End", "Failed"},
	reflect.TypeFor[codec.ToolKind]():  {"FunctionTool", "CustomTool", "WebSearchTool", "HostedTool"},
}

var named = regexp.MustCompile(`"Kind": "(\w+)"`)

// load reads what dump wrote.
func load(t *testing.T, text string, into any) {
	t.Helper()
	text = named.ReplaceAllStringFunc(text, func(s string) string {
		for _, list := range kinds {
			if i := slices.Index(list, named.FindStringSubmatch(s)[1]); i >= 0 {
				return `"Kind": ` + strconv.Itoa(i)
			}
		}
		return s
	})
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(into), "%s", text)
}

// dump writes a value as JSON without what is zero, and raw values as they are.
func dump(v any) string {
	var b strings.Builder
	write(&b, reflect.ValueOf(v), "\n")
	return b.String()
}

func write(b *strings.Builder, v reflect.Value, nl string) {
	if raw, ok := v.Interface().(json.RawMessage); ok {
		b.Write(raw)
		return
	}
	if list := kinds[v.Type()]; list != nil {
		b.WriteString(strconv.Quote(list[v.Uint()]))
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		write(b, v.Elem(), nl)
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(nl + "  ")
			write(b, v.Index(i), nl+"  ")
		}
		b.WriteString(nl + "]")
	case reflect.Struct:
		b.WriteByte('{')
		comma := ""
		for _, f := range reflect.VisibleFields(v.Type()) {
			x := v.FieldByIndex(f.Index)
			if f.Anonymous || x.IsZero() && f.Name != "Kind" || x.Kind() == reflect.Slice && x.Len() == 0 {
				continue
			}
			b.WriteString(comma + strconv.Quote(f.Name) + ": ")
			write(b, x, nl+"  ")
			comma = ", "
		}
		b.WriteByte('}')
	default:
		j, err := json.Marshal(v.Interface())
		if err != nil {
			panic(err)
		}
		b.Write(j)
	}
}
