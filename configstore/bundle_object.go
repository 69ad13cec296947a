package configstore

import (
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/strict"
)

// DecodeObject reads one object of kind k strictly, fills in its defaults and
// validates it. It returns every fault up to a bound, with lines, and the object
// only when there is none. Bundles and the Admin API both read objects with it.
func DecodeObject(k Kind, n *strict.Node) (Object, []strict.Fault) {
	o, _, found := decodeObject(k, n)
	return o, found
}

// decodeObject also returns the object's id for reports, "" when it has none that can
// be shown.
func decodeObject(k Kind, n *strict.Node) (o Object, id string, found []strict.Fault) {
	if n.Kind != strict.Object {
		return nil, "", []strict.Fault{{Line: n.Line, Text: "must be a mapping of fields to values"}}
	}
	o = k.New()
	found = strict.Decode(n, o)
	if d, ok := o.(Defaulter); ok {
		d.Default()
	}
	validated := o.Validate()
	id = o.ObjectID()
	for _, field := range k.Fields() {
		if slices.ContainsFunc(found, func(s strict.Fault) bool { return s.Path == field }) ||
			slices.ContainsFunc(validated, func(f Fault) bool { return f.Field == field }) {
			id = ""
		}
	}
	for _, f := range validated[:min(len(validated), strict.MaxFaults)] {
		// A field that could not be read is not missing as well.
		follows := slices.ContainsFunc(found, func(s strict.Fault) bool {
			return overlap(f.Field, s.Path) || s.Meant != "" && overlap(f.Field, s.Meant)
		})
		if !follows {
			found = append(found, strict.Fault{Path: f.Field, Line: n.LineOf(f.Field), Text: f.Text})
		}
	}
	if len(found) > 0 {
		return nil, id, found
	}
	return o, id, nil
}

// overlap says that one path is the other or leads into it.
func overlap(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	rest, ok := strings.CutPrefix(b, a)
	return ok && (a == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}
