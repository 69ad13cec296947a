package jsonscan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var reserved = []string{"model", "stream", "stream_options", "camelCase"}

func TestObject(t *testing.T) {
	for name, c := range map[string]struct{ text, want, fault string }{
		"empty":            {text: ` {} `, want: ``},
		"members":          {text: `{"model":"m","stream" : true ,"x":{"a":[1,"]"]}}`, want: `model="m" stream=true x={"a":[1,"]"]}`},
		"escaped name":     {text: `{"mod\u0065l":"m"}`, want: `model="m"`},
		"escaped quotes":   {text: `{"a":"\\","b":"\"","c":"\\\""}`, want: `a="\\" b="\"" c="\\\""`},
		"big number":       {text: `{"seed":12345678901234567890}`, want: `seed=12345678901234567890`},
		"duplicate":        {text: `{"a":1,"a":2}`, fault: `"a" occurs twice`},
		"escaped twice":    {text: `{"a":1,"\u0061":2}`, fault: `"a" occurs twice`},
		"case variant":     {text: `{"Model":"x"}`, fault: `"Model" is not "model"`},
		"lower case":       {text: `{"camelcase":"x"}`, fault: `"camelcase" is not "camelCase"`},
		"fold variant":     {text: `{"ſtream":true}`, fault: `is not "stream"`},
		"NUL suffix":       {text: `{"model\u0000":"x"}`, fault: `name is not valid`},
		"bad UTF-8 name":   {text: "{\"mod\xffel\":1}", fault: `name is not valid`},
		"array":            {text: `[1]`, fault: `not a JSON object`},
		"nothing":          {text: ``, fault: `not a JSON object`},
		"trailing":         {text: `{} {}`, fault: `more text after`},
		"open":             {text: `{"a":1`, fault: `does not end`},
		"open string":      {text: `{"a":"x`, fault: `does not end`},
		"mismatch":         {text: `{"a":[}]}`, fault: `do not match`},
		"no colon":         {text: `{"a" 1}`, fault: `colon`},
		"no comma":         {text: `{"a":1 "b":2}`, fault: `comma`},
		"trailing comma":   {text: `{"a":1,}`, fault: `name is expected`},
		"bad scalar":       {text: `{"a":tru}`, fault: `not valid`},
		"no value":         {text: `{"a":}`, fault: `value is expected`},
		"too deep":         {text: `{"a":` + strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1) + `}`, fault: `deeper than`},
		"duplicate late":   {text: `{` + many(40) + `,"k39":1}`, fault: `"k39" occurs twice`},
		"too many members": {text: `{` + many(MaxMembers+1) + `}`, fault: `more than`},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Object([]byte(c.text), nil, reserved)
			if c.fault != "" {
				require.ErrorContains(t, err, c.fault)
				return
			}
			require.NoError(t, err)
			var got []string
			for _, x := range m {
				got = append(got, x.Name+"="+c.text[x.Start:x.End])
			}
			require.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"k` + itoa(i) + `":0`)
	}
	return b.String()
}

func itoa(i int) string { b, _ := json.Marshal(i); return string(b) }

func TestMarkedObject(t *testing.T) {
	marks := NewMarks("proof.", `name"`)
	for text, want := range map[string]bool{
		`{"a":{"b":"proof.x"}}`:        true,
		`{"a":["x","proof."]}`:         true,
		`{"a":[{"name":1}]}`:           true,
		`{"a":[{"names":1}]}`:          false,
		`{"a":["a proof.x"]}`:          false,
		`{"a":["\"proof.x"]}`:          false,
		`{"a":["pro"]}`:                false,
		`{"a":[""],"b":[["proof.y"]]}`: true,
	} {
		if m, got, err := MarkedObject([]byte(text), nil, nil, marks); err != nil || got != want || len(m) == 0 {
			t.Errorf("%s: marked %v, want %v; %d members, %v", text, got, want, len(m), err)
		}
	}
}

func TestWalk(t *testing.T) {
	text := []byte(` {"a":1,"tools": [ {"name":"x","p":{"q":["]"]}}, {"name":"y"} ,[]],"e":{},"z":null} tail`)
	var seen []string
	var names []string
	end := Walk(text, 0, func(name []byte, at int) int {
		seen = append(seen, string(name))
		if string(name) != "tools" {
			return Skip(text, at)
		}
		return Walk(text, at, func(_ []byte, at int) int {
			return Walk(text, at, func(name []byte, at int) int {
				end := Skip(text, at)
				if string(name) == "name" {
					names = append(names, string(text[at:end]))
				}
				return end
			})
		})
	})
	require.Equal(t, " tail", string(text[end:]))
	require.Equal(t, []string{"a", "tools", "e", "z"}, seen)
	require.Equal(t, []string{`"x"`, `"y"`}, names)
	for _, bad := range []string{"", "1", `{"a"`, `{"a":1`, `{"a":1,`, `{"a" 1}`, `[1 2]`, `[1,`, `{1:2}`, `{"a":tru}`} {
		require.Equal(t, -1, Walk([]byte(bad), 0, func(_ []byte, at int) int { return Skip([]byte(bad), at) }), bad)
	}
}

// Whatever the pieces that a text comes in, the tap keeps the same.
func TestTapPieces(t *testing.T) {
	text := []byte(` {"id":"a\"}","data":[1.5,{"x":"]\\"}],"n":12,"usage" : {"in":3,"s":"\\\"}"} ,"last":"é"} `)
	want := map[string]string{"id": `"a\"}"`, "usage": `{"in":3,"s":"\\\"}"}`, "n": `12`, "last": `"é"`, "data": `[1.5,{"x":"]\\"}]`}
	for size := 1; size <= len(text); size++ {
		tap := &Tap{Want: []string{"id", "usage", "n", "last", "data", "absent"}}
		for range 2 { // the second round after Reset
			for piece := range chunks(text, size) {
				_, _ = tap.Write(piece)
			}
			require.True(t, tap.Complete())
			for k, v := range want {
				require.Equal(t, v, string(tap.Value(k)), "%s in pieces of %d", k, size)
			}
			require.Nil(t, tap.Value("absent"))
			tap.Reset()
		}
	}
}

func chunks(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			k := min(n, len(b))
			if !yield(b[:k]) {
				return
			}
			b = b[k:]
		}
	}
}

func TestTapBounds(t *testing.T) {
	tap := &Tap{Want: []string{"a", "b"}, Max: 10}
	_, _ = tap.Write([]byte(`{"a":"` + strings.Repeat("x", 50) + `","b":1}`))
	require.Nil(t, tap.Value("a"))
	require.Equal(t, "1", string(tap.Value("b")))
	tap.Reset()
	_, _ = tap.Write([]byte(`{"a":"cut of`))
	require.Nil(t, tap.Value("a"))
	require.False(t, tap.Complete())
}

func FuzzObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"model":"m","a":[1,{"b":"\\\""}]}`, `{"a":1,"a":2}`, `{"Model":1}`, `{"a":`, "{\"\xff\":1}", `{"a":1}x`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Object(text, nil, reserved)
		if !json.Valid(text) {
			return // nested nonsense may pass; that is the upstream's business
		}
		var std map[string]json.RawMessage
		if json.Unmarshal(text, &std) != nil || std == nil {
			require.Error(t, err)
			return
		}
		if err != nil {
			return // stricter than the standard library: duplicates, variants, bounds
		}
		require.Len(t, m, len(std))
		end := Walk(text, 0, func(_ []byte, at int) int { return Skip(text, at) })
		require.Equal(t, len(bytes.TrimSpace(text)), len(bytes.TrimSpace(text[:end])))
		tap := &Tap{Max: 1 << 30}
		for _, x := range m {
			tap.Want = append(tap.Want, x.Name)
			require.True(t, bytes.Equal(std[x.Name], text[x.Start:x.End]))
		}
		for piece := range chunks(text, 3) {
			_, _ = tap.Write(piece)
		}
		require.True(t, tap.Complete())
	})
}

func BenchmarkObject(b *testing.B) {
	msg := `{"role":"tool","tool_call_id":"call_0001","content":"` + strings.Repeat(`func f(a, b int) (string, error) {\n\treturn \"x\", nil // \"quoted\"\n}\n`, 18) + `"}`
	text := []byte(`{"model":"m","messages":[` + strings.Repeat(msg+",", 32) + msg + `],"max_tokens":2048}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var m Members
	for b.Loop() {
		m, _ = Object(text, m, reserved)
	}
}
