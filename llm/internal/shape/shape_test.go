package shape_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/internal/shape"
)

var rules = shape.New(
	shape.Rule{Path: "a"},
	shape.Rule{Path: "o.x"},
	shape.Rule{Path: "w.*"},
	shape.Rule{Path: "w.keep", Keep: true},
	shape.Rule{Path: "t[]", When: func(v []byte) bool { return strings.HasPrefix(string(v), `"no`) }},
	shape.Rule{Path: "t[].x"},
	shape.Rule{Path: "m[].c[].s.x"},
)

func TestDrop(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1}`:                                         `{}`,
		`{"a":1,"b":2}`:                                   `{"b":2}`,
		`{"b":2,"a":1}`:                                   `{"b":2}`,
		`{"b":2,"a":[{"a":"}"}],"c":3}`:                   `{"b":2,"c":3}`,
		` { "a" : 1 , "b" : 1.0e+2 } `:                    ` { "b" : 1.0e+2 } `,
		`{"o":{"x":1,"y":2},"b":1}`:                       `{"o":{"y":2},"b":1}`,
		`{"b":1, "o":{"x":1}}`:                            `{"b":1}`,
		`{"o":{"x":1}, "b":1}`:                            `{ "b":1}`,
		`{"o":{},"t":[]}`:                                 `{"o":{},"t":[]}`,
		`{"o":"x","t":{"x":1},"m":null}`:                  `{"o":"x","t":{"x":1},"m":null}`,
		`{"w":{"b":1,"keep":2,"c":3}}`:                    `{"w":{"keep":2}}`,
		`{"w":{"b":1,"c":3},"z":"\u00e9"}`:                `{"z":"\u00e9"}`,
		`{"t":["no","yes","no2"],"b":1}`:                  `{"t":["yes"],"b":1}`,
		`{"t":["no"],"b":1}`:                              `{"b":1}`,
		`{"a":0,"t":["no",{"x":1,"y":1},{"x":1}],"a2":1}`: `{"t":[{"y":1}],"a2":1}`,
		`{"a":0,"o":{"x":1},"a2":1}`:                      `{"a2":1}`,
		`{"m":[{"c":[{"s":{"t":"e","x":1},"z":1},{"s":{"x":2},"q":1}]},{"c":"text"}]}`: `{"m":[{"c":[{"s":{"t":"e"},"z":1},{"q":1}]},{"c":"text"}]}`,
		`{"b":{"a":1}}`: `{"b":{"a":1}}`,
		`[1`:            `[1`, `{"a":1,`: `{"a":1,`, `"a"`: `"a"`, ``: ``,
	} {
		require.Equal(t, want, string(rules.Drop([]byte(text))), text)
	}
}

func TestSet(t *testing.T) {
	members := []shape.Member{{Name: "s", Value: "true"}, {Name: "i", Value: `""`, IfMissing: true}}
	for text, want := range map[string]string{
		`{}`:                              `{"s":true,"i":""}`,
		`{ "b" : 1 } `:                    `{ "b" : 1 ,"s":true,"i":""} `,
		`{"s":false,"i":"x","n":{"s":1}}`: `{"s":true,"i":"x","n":{"s":1}}`,
		`{"i":null,"s":true}`:             `{"i":"","s":true}`,
		`[]`:                              `[]`, `{"s":`: `{"s":`,
	} {
		require.Equal(t, want, string(shape.Set([]byte(text), members...)), text)
	}
}

// Only a body in memory is shaped, and one that stays as it is costs nothing.
func TestCall(t *testing.T) {
	drop := func(b []byte) []byte { return rules.Drop(b) }
	call := &llm.Call{Model: "m", Body: llm.BytesBody([]byte(`{"a":1,"b":2}`))}
	shaped := shape.Call(call, drop)
	r, err := shaped.Body.Open()
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.JSONEq(t, `{"b":2}`, string(text))
	require.Equal(t, "m", shaped.Model)
	require.EqualValues(t, 13, call.Body.Len(), "the caller's call is not changed")

	for _, body := range []llm.Body{nil, llm.BytesBody(nil), llm.BytesBody([]byte(`{"b":2}`)), struct{ llm.Body }{call.Body}} {
		call := &llm.Call{Body: body}
		require.Same(t, call, shape.Call(call, drop))
	}
}

func TestPaths(t *testing.T) {
	for _, path := range []string{"", "a..b", "*.a", "*[]", "[]"} {
		require.Panics(t, func() { shape.New(shape.Rule{Path: path}) }, path)
	}
}

// What is valid stays so, and a second time changes nothing.
func FuzzDrop(f *testing.F) {
	for _, s := range []string{`{"a":1,"o":{"x":[1]},"t":["no",{"x":{}}]}`, `{"w":{"q":1},"m":[{"c":[{"s":{"x":1}}]}]}`, ` {"a":1 , "a":2,"b":"\""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out := rules.Drop(text)
		if !json.Valid(text) {
			return
		}
		if !json.Valid(out) {
			t.Fatalf("%q became %q", text, out)
		}
		if again := rules.Drop(out); string(again) != string(out) {
			t.Fatalf("%q became %q, and then %q", text, out, again)
		}
		set := shape.Set(out, shape.Member{Name: "s", Value: "true"})
		if !json.Valid(set) {
			t.Fatalf("%q became %q", out, set)
		}
	})
}
