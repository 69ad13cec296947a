package configstore

import (
	"reflect"
	"testing"
)

// What parses is exported, read again and is the same but for its secrets.
func FuzzParseBundle(f *testing.F) {
	for _, name := range []string{"quickstart.yaml", "quickstart_mcp.yaml", "quickstart_mcp_stdio.yaml", "faults.yaml", "full.yaml"} {
		f.Add(bundleFile(f, name), false)
	}
	f.Add([]byte(`{"apiVersion":"gateway.agw/v1alpha1","kind":"GatewayBundle","virtualKeys":[{"id":"k","tag":"$${a} ~"}]}`), true)
	f.Fuzz(func(t *testing.T, data []byte, asJSON bool) {
		format := YAML
		if asJSON {
			format = JSON
		}
		b, faults := ParseBundle(data, format, func(name string) (string, bool) { return name, len(name)%2 == 0 })
		if (b == nil) != (len(faults) > 0) {
			t.Fatalf("bundle %v with faults %v", b, faults)
		}
		for i, fault := range faults {
			if fault.Line < 0 || fault.Text == "" || i > 0 && fault.Line < faults[i-1].Line {
				t.Fatalf("fault %d of %v", i, faults)
			}
		}
		if b == nil {
			return
		}
		b.Check()
		if _, faults := ParseBundle(mustJSON(t, b), JSON, nil); len(faults) > 0 && !sentVariable(faults) {
			t.Fatalf("as JSON: %v", faults)
		}
		var objects []Object
		for _, item := range b.Items {
			objects = append(objects, item.Object)
		}
		out, err := ExportBundle(objects)
		if err != nil {
			t.Fatal(err)
		}
		again, faults := ParseBundle(out, YAML, func(string) (string, bool) { return "", false })
		if len(faults) > 0 {
			t.Fatalf("%v in\n%s", faults, out)
		}
		if !reflect.DeepEqual(byID(b), byID(again)) {
			t.Fatalf("changed by\n%s", out)
		}
	})
}

func mustJSON(t *testing.T, b *Bundle) []byte {
	text, err := b.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// sentVariable: a secret that an escape made look like a variable is refused by
// whoever does not expand.
func sentVariable(faults []BundleFault) bool {
	for _, f := range faults {
		if f.Text == notExpanded {
			return true
		}
	}
	return false
}

// byID returns the objects without secrets and without the difference between an
// empty list and none.
func byID(b *Bundle) map[string]Object {
	out := map[string]Object{}
	for _, item := range b.Items {
		o := Clone(item.Object)
		Secrets(o, func(_ string, s *Secret) { *s = Secret{} })
		noneForEmpty(reflect.ValueOf(o).Elem())
		out[item.Kind.Name+" "+o.ObjectID()] = o
	}
	return out
}

func noneForEmpty(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				noneForEmpty(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Map:
		if v.Len() == 0 {
			v.SetZero()
		}
	}
}
