package strict

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// show writes a tree in one line: scalars as kind:text, with the line behind @.
func show(n *Node) string {
	switch n.Kind {
	case Array:
		var parts []string
		for _, item := range n.Items {
			parts = append(parts, show(item))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case Object:
		var parts []string
		for _, f := range n.Fields {
			parts = append(parts, fmt.Sprintf("%s@%d=%s", f.Name, f.Line, show(f.Value)))
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return fmt.Sprintf("%c:%s@%d", "0bns"[n.Kind], n.Text, n.Line)
}

func TestParseJSON(t *testing.T) {
	tests := []struct{ doc, want string }{
		{`{"a": 1,` + "\n" + `"b":` + "\n" + `[true, null,` + "\n" + `"x"]}`, `{a@1=n:1@1 b@2=[b:true@3 0:@3 s:x@4]}`},
		{"\ufeff \n 12345678901234567890.5 \n", `n:12345678901234567890.5@2`},
		{`{"A":1,"a":2}`, `{A@1=n:1@1 a@1=n:2@1}`},
		{`"~"`, `s:~@1`},
	}
	for _, tt := range tests {
		n, err := ParseJSON([]byte(tt.doc))
		require.NoError(t, err, tt.doc)
		require.Equal(t, tt.want, show(n))
	}
}

func TestParseJSONErrors(t *testing.T) {
	tests := []struct{ doc, want string }{
		{"", "line 1: the document ends too early"},
		{"{\n\"a\":1,\n", "line 3: the document ends too early"},
		{"{}\n\n{}", "line 3: there is more after the document's end"},
		{"{}\n]", "line 2: there is more after the document's end"},
		{"[1,\n]", "line 2: invalid character ']'"},
		{"{\"a\":1,\n\"a\":2}", `line 2: the key "a" stands twice here, first on line 1`},
		{`{"a":1,"\u0061":2}`, `line 1: the key "a" stands twice here, first on line 1`},
		{`{"a\u0000":1}`, `line 1: the key "a\x00" has a character that cannot be seen`},
		{`{"a\u200b":1}`, `line 1: the key "a\u200b" has a character that cannot be seen`},
		{"{\n1:2}", "line 2: "},
		{"\"\xff\"", "line 1: the document is not UTF-8"},
		{strings.Repeat("[", 65), "line 1: the document is nested more than 64 deep"},
		{strings.Repeat(" ", MaxSize+1), "the document is longer than 16 MiB"},
		{"nul", "line 1: "},
	}
	for _, tt := range tests {
		_, err := ParseJSON([]byte(tt.doc))
		require.ErrorContains(t, err, tt.want, "%.40q", tt.doc)
		require.IsType(t, &SyntaxError{}, err)
	}
}

func TestParseYAML(t *testing.T) {
	tests := []struct{ doc, want string }{
		{"", `0:@1`},
		{"# nothing\n", `0:@1`},
		{"a: 1\nb:\n  - true\n  - ~\n  - x\n", `{a@1=n:1@1 b@2=[b:true@3 0:@4 s:x@5]}`},
		{"a: yes\nb: 12:30\nc: 2030-01-31\nd: 'true'\ne: \"1\"\nf: |\n  5\n", `{a@1=s:yes@1 b@2=s:12:30@2 c@3=s:2030-01-31@3 d@4=s:true@4 e@5=s:1@5 f@6=s:5` + "\n" + `@6}`},
		{"[0x1F, 0o17, 017, +5, -0, .5, 5., 1e3, 1_000, .inf, .nan, 0b1, -0x1, NULL, False, null]", `[n:31@1 n:15@1 n:17@1 n:5@1 n:0@1 n:0.5@1 n:5@1 n:1e3@1 s:1_000@1 s:.inf@1 s:.nan@1 s:0b1@1 s:-0x1@1 0:@1 b:false@1 0:@1]`},
		{"k: ${A}\nj: ${A:-b c}\n", `{k@1=s:${A}@1 j@2=s:${A:-b c}@2}`},
		{"--- # one\na: b\n...\n", `{a@2=s:b@2}`},
		{"1: a\n\"<<\": b\n", `{1@1=s:a@1 <<@2=s:b@2}`},
	}
	for _, tt := range tests {
		n, err := ParseYAML([]byte(tt.doc))
		require.NoError(t, err, tt.doc)
		require.Equal(t, tt.want, show(n), tt.doc)
	}
}

func TestParseYAMLErrors(t *testing.T) {
	tests := []struct{ doc, want string }{
		{"a: 1\nb: 2\na: 3\n", `line 3: the key "a" stands twice here, first on line 1`},
		{"a: 1\n'a': 3\n", `line 2: the key "a" stands twice here, first on line 1`},
		{"a: &x 1\n", "line 1: anchors"},
		{"a:\n  &x b: 1\n", "line 2: anchors"},
		{"a: b\nc: *a\n", "line 2: "},
		{"a: &x b\nc: *x\n", "line 1: anchors"},
		{"<<: {a: 1}\n", "line 1: merge keys"},
		{"a: !!binary aGk=\n", "line 1: tags (!!binary)"},
		{"a: !secret x\n", "line 1: tags (!secret)"},
		{"a: !!str 1\n", "line 1: tags (!!str)"},
		{"? [a, b]\n: c\n", "line 1: a key must be a scalar"},
		{"a: 1\n---\nb: 2\n", "line 2: a second document begins here"},
		{"a:\n\tb: 1\n", "line 2: "},
		{"a: [1\n", "line 2: "},
		{"a: b: c\n", "line 1: "},
		{"\"a\\0\": 1\n", "cannot be seen"},
		{"a: \"\xff\"\n", "line 1: the document is not UTF-8"},
		{strings.Repeat("[", 65) + strings.Repeat("]", 65), "line 1: the document is nested more than 64 deep"},
		{strings.Repeat("[", 20000), "line "},
	}
	for _, tt := range tests {
		_, err := ParseYAML([]byte(tt.doc))
		require.ErrorContains(t, err, tt.want, "%.40q", tt.doc)
		require.IsType(t, &SyntaxError{}, err)
	}
}

func TestLineOf(t *testing.T) {
	n, err := ParseYAML([]byte("a:\n  b:\n    - c: 1\n    -\n      d: 2\nh:\n  x.y: 1\n  x:\n    z: 2\n"))
	require.NoError(t, err)
	for path, want := range map[string]int{
		"": 1, "a": 1, "a.b": 2, "a.b[0].c": 3, "a.b[1]": 5, "a.b[1].d": 5, "a.b[7]": 2, "a.zz.y": 1, "h.x.y": 7, "h.x.z": 9, "hh": 1, "h[0]": 6,
	} {
		require.Equal(t, want, n.LineOf(path), path)
	}
}

func TestField(t *testing.T) {
	n, err := ParseJSON([]byte(`{"a":{"b":"c"}}`))
	require.NoError(t, err)
	require.Equal(t, "c", n.Field("a").Field("b").Text)
	require.Nil(t, n.Field("x").Field("b"))
}
