package configstore

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/agent-gateway/agent-gateway/internal/strict"
)

// ExportBundle writes objects as a YAML bundle that [ParseBundle] takes, in the
// order of kinds and ids. It holds no secret: each is written as
// ${NAME:-********}, so that applying it to the same gateway keeps what is stored
// there, and elsewhere the variable gives the value.
func ExportBundle(objects []Object) ([]byte, error) {
	items := make([]BundleItem, 0, len(objects))
	for _, o := range objects {
		k, ok := KindOf(o)
		if !ok {
			return nil, fmt.Errorf("configstore: export: a %T is not of a known kind", o)
		}
		items = append(items, BundleItem{Kind: k, Object: o})
	}
	slices.SortStableFunc(items, func(a, b BundleItem) int { return cmp.Compare(a.Object.ObjectID(), b.Object.ObjectID()) })
	names := variableNames{}
	text, err := marshalBundle(items, func(o Object) { names.hide(o) })
	if err != nil {
		return nil, err
	}
	doc, err := strict.ParseJSON(text)
	if err != nil {
		return nil, fmt.Errorf("configstore: export: %w", err)
	}
	var b bytes.Buffer
	d, err := yaml.NewDumper(&b, yaml.WithIndent(2), yaml.WithCompactSeqIndent(false), yaml.WithLineWidth(-1), yaml.WithQuotePreference(yaml.QuoteDouble))
	if err == nil {
		err = d.Dump(toYAML(doc))
	}
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("configstore: export: %w", err)
	}
	return b.Bytes(), nil
}

// variableNames are those given out.
type variableNames map[string]bool

// hide puts variables in the place of o's secrets, and keeps its other strings
// from being taken for some.
func (names variableNames) hide(o Object) {
	k, _ := KindOf(o)
	var paths []string
	Secrets(o, func(path string, s *Secret) {
		if s.String() != "" {
			paths = append(paths, path)
		}
	})
	slices.Sort(paths) // those of maps come in any order
	variables := map[string]string{}
	for _, path := range paths {
		variables[path] = "${" + names.next(k.Name, o.ObjectID(), path) + ":-" + Mask + "}"
	}
	walk(reflect.ValueOf(o), "", fieldTag{}, func(path string, _ fieldTag, v reflect.Value) {
		switch variable := variables[path]; {
		case v.Type() != secretType:
			v.SetString(strings.ReplaceAll(v.String(), "${", "$${"))
		case variable == "":
			v.SetZero()
		default:
			v.Set(reflect.ValueOf(Secret{variable, secretShown}))
		}
	})
}

// next makes a name of the id and of the field's own name: OPENAI_MAIN_API_KEY.
func (names variableNames) next(kind, id, path string) string {
	field := path[strings.LastIndexByte(path, '.')+1:]
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, id+"_"+field)
	if name[0] >= '0' && name[0] <= '9' {
		name = strings.ToUpper(kind) + "_" + name
	}
	free := name
	for i := 2; names[free]; i++ {
		free = fmt.Sprintf("%s_%d", name, i)
	}
	names[free] = true
	return free
}

// toYAML keeps the order of fields.
func toYAML(n *strict.Node) *yaml.Node {
	switch n.Kind {
	case strict.Object:
		y := &yaml.Node{Kind: yaml.MappingNode}
		for _, f := range n.Fields {
			if f.Name == "disabled" && f.Value.Kind == strict.Bool && f.Value.Text == "false" {
				continue // as it is without being said
			}
			y.Content = append(y.Content, stringYAML(f.Name), toYAML(f.Value))
		}
		return y
	case strict.Array:
		y := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range n.Items {
			y.Content = append(y.Content, toYAML(item))
		}
		return y
	case strict.String:
		return stringYAML(n.Text)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: n.Text}
}

// oldBooleans are strings here, and booleans to readers of YAML 1.1.
var oldBooleans = []string{"y", "n", "yes", "no", "on", "off"}

func stringYAML(s string) *yaml.Node {
	y := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if slices.Contains(oldBooleans, strings.ToLower(s)) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		y.Style = yaml.DoubleQuotedStyle
	}
	return y
}
