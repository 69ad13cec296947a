package configstore

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/agent-gateway/agent-gateway/internal/strict"
)

// laterSections are sections of the bundle format that nothing here serves yet.
var laterSections = []string{"acpServices", "acpRoutes", "agents", "cliAuthAuthenticators"}

const (
	notYet      = "is not supported by this version yet"
	notExpanded = "is a variable that was not expanded: apply the bundle with agwctl, or give the secret itself"
)

// ParseBundle reads a bundle. With a lookup, which tells what a variable is set
// to, ${NAME} and ${NAME:-default} are expanded in every scalar; without, they
// stay. It returns every fault, ordered by line, and the bundle only when there
// is none; after a thousand it reads no further. What depends on objects
// elsewhere is for [Bundle.Check] and for the store that the bundle is applied to.
func ParseBundle(data []byte, f Format, lookup func(string) (string, bool)) (*Bundle, []BundleFault) {
	parse := strict.ParseYAML
	if f == JSON {
		parse = strict.ParseJSON
	}
	doc, err := parse(data)
	if err != nil {
		fault := BundleFault{Text: err.Error()}
		if syntax, ok := err.(*strict.SyntaxError); ok {
			fault.Line, fault.Text = syntax.Line, syntax.Text
		}
		return nil, []BundleFault{fault}
	}
	p := bundleParser{lookup: lookup, bundle: new(Bundle)}
	p.document(doc)
	if len(p.faults) > 0 {
		slices.SortStableFunc(p.faults, byLine)
		return nil, p.faults
	}
	return p.bundle, nil
}

func byLine(a, b BundleFault) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field))
}

type bundleParser struct {
	lookup func(string) (string, bool)
	bundle *Bundle
	faults []BundleFault
}

func (p *bundleParser) add(line int, field, format string, args ...any) {
	p.faults = append(p.faults, BundleFault{Line: line, Field: field, Text: fmt.Sprintf(format, args...)})
}

// full says that there are faults enough for one reading.
func (p *bundleParser) full() bool { return len(p.faults) >= 1000 }

func (p *bundleParser) document(doc *strict.Node) {
	if doc.Kind != strict.Object {
		p.add(doc.Line, "", "the document is not a bundle: it must begin with apiVersion: %s", APIVersion)
		return
	}
	p.constant(doc, "apiVersion", APIVersion)
	p.constant(doc, "kind", BundleKind)
	known := []string{"apiVersion", "kind"}
	for _, k := range Kinds {
		known = append(known, k.Section)
	}
	known = append(known, laterSections...)
	for _, f := range doc.Fields {
		switch {
		case p.full():
			return
		case !slices.Contains(known, f.Name):
			text := "is not a known section"
			if near := strict.Nearest(f.Name, known); near != "" {
				text += "; did you mean " + near + "?"
			}
			p.add(f.Line, f.Name, "%s", text)
		case slices.Contains(laterSections, f.Name) && len(f.Value.Items) > 0:
			p.add(f.Line, f.Name, notYet)
		case f.Name != "apiVersion" && f.Name != "kind" && f.Value.Kind != strict.Array && f.Value.Kind != strict.Null:
			p.add(f.Line, f.Name, "must be a list")
		}
	}
	for _, k := range Kinds {
		if section := doc.Field(k.Section); section != nil {
			p.section(k, section)
		}
	}
	p.sameKeys()
}

func (p *bundleParser) constant(doc *strict.Node, name, want string) {
	n := doc.Field(name)
	if n == nil || n.Kind == strict.Null {
		p.add(doc.LineOf(name), name, "is required: %s", want)
		return
	}
	if p.lookup != nil {
		if f := n.Expand(p.lookup); len(f) > 0 {
			p.add(n.Line, name, "%s", f[0].Text)
			return
		}
	}
	if n.Kind != strict.String || n.Text != want {
		p.add(n.Line, name, "must be %s", want)
	}
}

func (p *bundleParser) section(k Kind, list *strict.Node) {
	first := map[string]int{}
	for _, n := range list.Items {
		if p.full() {
			return
		}
		item, id := p.item(k, n)
		if line, twice := first[id]; twice && id != "" {
			text := fmt.Sprintf("stands twice in this bundle, first on line %d", line)
			if k.IDFields == nil && n.Field("id") == nil {
				text += "; it was made because none is given: give one"
			}
			p.faults = append(p.faults, BundleFault{Line: n.LineOf("id"), Kind: k.Name, ID: id, Field: "id", Text: text})
			continue
		}
		first[id] = n.Line
		if item != nil {
			p.bundle.Items = append(p.bundle.Items, BundleItem{k, item, n.Line, n})
		}
	}
}

// item returns nil when the object has a fault, and its id if it can be shown.
func (p *bundleParser) item(k Kind, n *strict.Node) (Object, string) {
	var unset []strict.Fault
	if p.lookup != nil {
		unset = n.Expand(p.lookup)
	}
	o, id, found := decodeObject(k, n)
	// What a variable should have given is missing to Validate as well.
	found = slices.DeleteFunc(found, func(f strict.Fault) bool {
		return slices.ContainsFunc(unset, func(u strict.Fault) bool { return overlap(f.Path, u.Path) })
	})
	if p.lookup == nil && o != nil {
		found = append(found, unexpanded(o, n)...)
	}
	found = append(found, unset...)
	for _, f := range found {
		p.faults = append(p.faults, BundleFault{Line: f.Line, Kind: k.Name, ID: id, Field: f.Path, Text: f.Text})
	}
	if len(found) > 0 {
		return nil, id
	}
	return o, id
}

var wholeVariable = regexp.MustCompile(`^\$\{[A-Za-z_][A-Za-z0-9_]*(:-.*)?\}$`)

// unexpanded finds secrets that were sent as the name of a variable to somebody
// who does not expand them; they would replace the true ones.
func unexpanded(o Object, n *strict.Node) (f []strict.Fault) {
	Secrets(o, func(path string, s *Secret) {
		if wholeVariable.MatchString(s.Reveal()) {
			f = append(f, strict.Fault{Path: path, Line: n.LineOf(path), Text: notExpanded})
		}
	})
	return f
}

// sameKeys refuses one text for two virtual keys: a request could not tell whose
// it is.
func (p *bundleParser) sameKeys() {
	first := map[string]BundleItem{}
	for _, item := range p.bundle.Items {
		key, ok := item.Object.(*VirtualKey)
		if !ok || key.Key.Reveal() == "" {
			continue
		}
		if other, twice := first[key.Key.Reveal()]; twice {
			p.faults = append(p.faults, BundleFault{
				Line: item.node.LineOf("key"), Kind: item.Kind.Name, ID: key.ID, Field: "key",
				Text: fmt.Sprintf("is the same as that of virtual_key %s on line %d: give each its own", other.Object.ObjectID(), other.node.LineOf("key")),
			})
			continue
		}
		first[key.Key.Reveal()] = item
	}
}
