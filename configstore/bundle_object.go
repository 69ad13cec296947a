package configstore

import (
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/strict"
)

// laterFields are fields, by kind, that nothing here enforces yet. Taking one in
// silence would promise what does not happen.
var laterFields = map[string][]string{
	"llm_route": {
		"policy",
		"target_policy.model_targets",
		"target_policy.default_model",
		"target_policy.model_selector_strategy",
		"target_policy.fallback",
		"target_policy.credential_selector",
		"target_policy.credential_scope_order",
		"target_policy.credential_type_order",
	},
	"virtual_key": {"rate_limit", "budget"},
}

// DecodeObject reads one object of kind k strictly, fills in its defaults and
// validates it. It returns every fault up to a bound, with lines, and the object
// only when there is none. Bundles and the Admin API both read objects with it.
func DecodeObject(k Kind, n *strict.Node) (Object, []strict.Fault) {
	if n.Kind != strict.Object {
		return nil, []strict.Fault{{Line: n.Line, Text: "must be a mapping of fields to values"}}
	}
	o := k.New()
	found := strict.Decode(n, o)
	for i := range found {
		if slices.Contains(laterFields[k.Name], found[i].Path) {
			// What it would have stood in for is not missing as well.
			found[i].Text, found[i].Meant = notYet, found[i].Path[:max(0, strings.LastIndexByte(found[i].Path, '.'))]
		}
	}
	if d, ok := o.(Defaulter); ok {
		d.Default()
	}
	validated := o.Validate()
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
		return nil, found
	}
	return o, nil
}

// overlap says that one path is the other or leads into it.
func overlap(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	rest, ok := strings.CutPrefix(b, a)
	return ok && (a == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// idOf is an object's id for reports, "" when it has none that can be shown.
func idOf(n *strict.Node) string {
	id := n.Field("id")
	var f faults
	if id == nil || id.Kind != strict.String {
		return ""
	}
	if f.id(id.Text); len(f) > 0 {
		return ""
	}
	return id.Text
}
