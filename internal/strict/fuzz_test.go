package strict

import (
	"encoding/json"
	"testing"
)

func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(`{"id":"a","tags":["x"],"inner":{"name":"${A} $${B}"},"count":5}`))
	f.Add([]byte(`{"a":{"a":{"a":[[[]]]}}} `))
	f.Add([]byte("{\"a\":1,\n\"a\":2}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := ParseJSON(data)
		if err != nil {
			return
		}
		if text := n.appendJSON(nil); !json.Valid(text) {
			t.Fatalf("%q became %q", data, text)
		}
		exercise(t, n)
	})
}

func FuzzParseYAML(f *testing.F) {
	f.Add([]byte("id: a\ntags: [x]\ninner:\n  name: ${A}\ncount: 0x5\nraw: {a: .5}\n"))
	f.Add([]byte("a: &x 1\nb: *x\n<<: {c: d}\n"))
	f.Add([]byte("--- |\n  x\n...\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := ParseYAML(data)
		if err != nil {
			return
		}
		// Numbers are in JSON's spelling, so the tree is JSON.
		again, err := ParseJSON(n.appendJSON(nil))
		if err != nil {
			t.Fatalf("%q became %q: %v", data, n.appendJSON(nil), err)
		}
		if len(again.Fields) != len(n.Fields) || len(again.Items) != len(n.Items) {
			t.Fatalf("%q has %d fields and %d items, then %d and %d", data, len(n.Fields), len(n.Items), len(again.Fields), len(again.Items))
		}
		exercise(t, n)
	})
}

func exercise(t *testing.T, n *Node) {
	faults := n.Expand(lookup)
	var into target
	faults = append(faults, Decode(n, &into)...)
	for _, f := range faults {
		if f.Line < 1 || f.Text == "" {
			t.Fatalf("fault %+v", f)
		}
		if line := n.LineOf(f.Path); line < 1 {
			t.Fatalf("line %d of %q", line, f.Path)
		}
	}
}
