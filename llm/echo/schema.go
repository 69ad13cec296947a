package echo

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// A schema may refer to itself; these bound what is made of it.
const (
	maxSampleDepth = 32
	maxSampleNodes = 10_000
)

// schema is what a sample needs of a JSON Schema.
type schema struct {
	Ref        string                     `json:"$ref"`
	Type       oneOrMore                  `json:"type"`
	Const      json.RawMessage            `json:"const"`
	Enum       []json.RawMessage          `json:"enum"`
	AnyOf      []json.RawMessage          `json:"anyOf"`
	OneOf      []json.RawMessage          `json:"oneOf"`
	AllOf      []json.RawMessage          `json:"allOf"`
	Properties map[string]json.RawMessage `json:"properties"`
	Required   []string                   `json:"required"`
}

// sample is the least JSON that schema requires, with the required properties
// in its order. A schema that cannot be read gives {}.
func sample(root json.RawMessage) string {
	g := generator{root: root}
	if isNull(root) {
		return "{}"
	}
	g.value(root, "value", 0)
	return g.out.String()
}

type generator struct {
	root  json.RawMessage
	out   bytes.Buffer
	nodes int
}

func (g *generator) value(raw json.RawMessage, name string, depth int) {
	g.nodes++
	if depth > maxSampleDepth || g.nodes > maxSampleNodes {
		g.out.WriteString("null")
		return
	}
	var s schema
	if json.Unmarshal(raw, &s) != nil {
		g.out.WriteString("{}")
		return
	}
	switch {
	case s.Ref != "":
		g.value(resolve(g.root, s.Ref), name, depth+1)
	case s.Const != nil:
		g.out.Write(s.Const)
	case len(s.Enum) > 0:
		g.out.Write(s.Enum[0])
	case len(s.AnyOf) > 0:
		g.value(firstNotNull(s.AnyOf), name, depth+1)
	case len(s.OneOf) > 0:
		g.value(firstNotNull(s.OneOf), name, depth+1)
	case len(s.AllOf) > 0 && len(s.Required) == 0:
		g.value(s.AllOf[0], name, depth+1)
	default:
		g.typed(&s, name, depth)
	}
}

func (g *generator) typed(s *schema, name string, depth int) {
	switch s.Type.firstBut("null") {
	case "string":
		g.out.Write(encode(name))
	case "integer", "number":
		g.out.WriteByte('1')
	case "boolean":
		g.out.WriteString("true")
	case "array":
		g.out.WriteString("[]")
	case "null":
		g.out.WriteString("null")
	default:
		g.object(s, depth)
	}
}

func (g *generator) object(s *schema, depth int) {
	g.out.WriteByte('{')
	for i, name := range s.Required {
		if slices.Contains(s.Required[:i], name) {
			continue
		}
		if i > 0 {
			g.out.WriteByte(',')
		}
		g.out.Write(encode(name))
		g.out.WriteByte(':')
		property, ok := s.Properties[name]
		if !ok {
			property = json.RawMessage(`{"type":"string"}`)
		}
		g.value(property, name, depth+1)
	}
	g.out.WriteByte('}')
}

// resolve follows a reference inside of root, as in "#/$defs/city". What cannot
// be found is a schema without demands.
func resolve(root json.RawMessage, ref string) json.RawMessage {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return json.RawMessage("{}")
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for key := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if key == "" {
			continue
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(root, &object) != nil {
			return json.RawMessage("{}")
		}
		root = object[unescape.Replace(key)]
	}
	if isNull(root) {
		return json.RawMessage("{}")
	}
	return root
}

func firstNotNull(schemas []json.RawMessage) json.RawMessage {
	for _, raw := range schemas {
		var s schema
		if json.Unmarshal(raw, &s) != nil || s.Type.firstBut("null") != "null" {
			return raw
		}
	}
	return schemas[0]
}

// firstBut is the first one that is not skip; skip itself if there is no other.
func (o oneOrMore) firstBut(skip string) string {
	for _, s := range o {
		if s != skip {
			return s
		}
	}
	if len(o) > 0 {
		return skip
	}
	return ""
}
