package configstore

import (
	"encoding/json"
	"fmt"

	"github.com/agent-gateway/agent-gateway/internal/strict"
)

// What the document of a bundle must say that it is.
const (
	APIVersion = "gateway.agw/v1alpha1"
	BundleKind = "GatewayBundle"
)

// Format is how a bundle is written.
type Format int

// The formats of bundles.
const (
	YAML Format = iota
	JSON
)

// Bundle is a set of objects in one document.
type Bundle struct {
	Items []BundleItem // in the order of Kinds, then of the document
}

// BundleItem is one object of a bundle, its defaults filled in.
type BundleItem struct {
	Kind   Kind
	Object Object
	Line   int

	node *strict.Node
}

// BundleFault is one thing wrong with a bundle, or with Warning one that may be
// meant so.
type BundleFault struct {
	Line     int    // 0 when there is none
	Kind, ID string // empty for the document itself
	Field    string // dotted path within the object, or within the document
	Text     string // reads on after the field
	Warning  bool
}

// String is "line 7: provider openai-main: base_url is not a URL".
func (f BundleFault) String() string {
	s := ""
	if f.Line > 0 {
		s = fmt.Sprintf("line %d: ", f.Line)
	}
	if f.Kind != "" {
		s += f.Kind
		if f.ID != "" {
			s += " " + f.ID
		}
		s += ": "
	}
	return s + Fault{f.Field, f.Text}.String()
}

// Error is String.
func (f BundleFault) Error() string { return f.String() }

// JSON returns the bundle as JSON with its secrets in clear, to be sent to the
// Admin API. It must not be written anywhere.
func (b *Bundle) JSON() ([]byte, error) {
	return marshalBundle(b.Items, func(o Object) {
		Secrets(o, func(_ string, s *Secret) {
			if s.state == secretSet {
				s.state = secretShown
			}
		})
	})
}

// marshalBundle writes the document; prepare readies a copy of each object.
func marshalBundle(items []BundleItem, prepare func(Object)) ([]byte, error) {
	out := fmt.Appendf(nil, `{"apiVersion":%q,"kind":%q`, APIVersion, BundleKind)
	for _, k := range Kinds {
		open := false
		for _, item := range items {
			if item.Kind.Name != k.Name {
				continue
			}
			o := Clone(item.Object)
			prepare(o)
			text, err := json.Marshal(o)
			if err != nil {
				return nil, fmt.Errorf("configstore: write %s %s: %w", k.Name, o.ObjectID(), err)
			}
			if open {
				out = append(out, ',')
			} else {
				out, open = fmt.Appendf(out, `,%q:[`, k.Section), true
			}
			out = append(out, text...)
		}
		if open {
			out = append(out, ']')
		}
	}
	return append(out, '}'), nil
}
