package messages

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// maxSchemaDepth bounds the nesting of a schema.
const maxSchemaDepth = 64

// sanitise turns a JSON Schema into one of the dialect that Anthropic can hold an
// answer to, as its SDKs do: every object is closed, oneOf is anyOf, and constraints
// that cannot be held to become words in the description. changed says that there
// were some of those. A schema of which something else would remain, as a map with
// names that are not known, or one that refers to itself, is an error.
func sanitise(schema string) (out []byte, changed bool, err error) {
	s := &sanitiser{refs: map[string][]string{}}
	if err := s.schema(gjson.Parse(schema), 0, ""); err != nil {
		return nil, false, err
	}
	if err := s.acyclic(); err != nil {
		return nil, false, err
	}
	return s.w.B, s.changed, nil
}

type sanitiser struct {
	w       jsonwrite.Writer
	changed bool
	def     string              // the definition that is being written; "" for the schema itself
	refs    map[string][]string // the definitions that each refers to
}

// held are the formats of a string that can be held to.
var held = []string{"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}

// remarks constrain nothing: they become words, and nothing is lost.
var remarks = []string{"default", "examples", "example", "deprecated", "readOnly", "writeOnly"}

// schema writes the schema v; at is its path.
func (s *sanitiser) schema(v gjson.Result, depth int, at string) error {
	switch {
	case depth > maxSchemaDepth:
		return errors.New("the schema is nested too deeply")
	case !v.IsObject():
		return fmt.Errorf("the schema%s must be an object that says what is allowed", at)
	}
	if ref := v.Get(`$ref`); ref.Exists() {
		return s.ref(v, ref.Str, depth, at)
	}
	typ := typesOf(v)
	if typ == nil && !has(v, "anyOf", "oneOf", "allOf", "enum", "const", "properties", "items") {
		return fmt.Errorf("the schema%s has no type", at)
	}
	object := slices.Contains(typ, "object") || typ == nil && v.Get("properties").Exists()
	array := slices.Contains(typ, "array") || typ == nil && v.Get("items").Exists()
	if object {
		if !v.Get("properties").IsObject() {
			return fmt.Errorf("the schema%s is of an object without properties", at)
		}
		if more := v.Get("additionalProperties"); more.IsObject() || more.Type == gjson.True {
			return fmt.Errorf("the schema%s allows properties that it does not name", at)
		}
	}

	w, words := &s.w, []string(nil)
	w.Object()
	if typ == nil && object {
		w.StringField("type", "object")
	} else if typ == nil && array {
		w.StringField("type", "array")
	}
	description, err := "", error(nil)
	both := v.Get("anyOf").Exists() // an answer cannot be held to oneOf besides
	codec.Each(v, func(k, v gjson.Result) bool {
		name := k.Str
		switch {
		case name == "description" && v.Type == gjson.String:
			description = v.Str
		case name == "$schema", name == "$id", name == "$comment", name == "additionalProperties" && object:
		case name == "type", name == "title",
			name == "enum" && literals(v), name == "const" && !v.IsObject() && !v.IsArray(),
			name == "required" && object,
			name == "format" && slices.Contains(held, v.Str) && slices.Contains(typ, "string"),
			name == "minItems" && array && (v.Raw == "0" || v.Raw == "1"):
			w.RawField(name, v.Raw)
		case name == "properties" && object, (name == "$defs" || name == "definitions") && v.IsObject():
			err = s.named(name, v, depth, at)
		case name == "items" && array:
			w.Name(name)
			err = s.schema(v, depth+1, at+".items")
		case (name == "anyOf" || name == "allOf") && v.IsArray():
			err = s.list(name, v, depth, at)
		case name == "oneOf" && v.IsArray() && !both:
			err = s.list("anyOf", v, depth, at)
		default:
			words = append(words, name+": "+v.Raw)
			s.changed = s.changed || !slices.Contains(remarks, name)
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	if len(words) > 0 {
		if description != "" {
			description += "\n\n"
		}
		description += "{" + strings.Join(words, ", ") + "}"
	}
	if description != "" {
		w.StringField("description", description)
	}
	if object {
		w.BoolField("additionalProperties", false)
	}
	w.End()
	return nil
}

// ref writes a reference, beside which nothing else counts but definitions.
func (s *sanitiser) ref(v gjson.Result, to string, depth int, at string) (err error) {
	if !strings.HasPrefix(to, "#/$defs/") && !strings.HasPrefix(to, "#/definitions/") {
		return fmt.Errorf("the schema%s refers to %q, which is none of its definitions", at, to)
	}
	s.refs[s.def] = append(s.refs[s.def], to)
	s.w.Object()
	s.w.StringField("$ref", to)
	codec.Each(v, func(k, v gjson.Result) bool {
		switch {
		case (k.Str == "$defs" || k.Str == "definitions") && v.IsObject():
			err = s.named(k.Str, v, depth, at)
		case k.Str != "$ref" && k.Str != "description" && k.Str != "title" && k.Str != "$schema" && !slices.Contains(remarks, k.Str):
			s.changed = true
		}
		return err == nil
	})
	s.w.End()
	return err
}

// named writes an object of schemas.
func (s *sanitiser) named(name string, v gjson.Result, depth int, at string) (err error) {
	outer := s.def
	s.w.ObjectField(name)
	codec.Each(v, func(k, v gjson.Result) bool {
		if name != "properties" && depth == 0 {
			s.def = "#/" + name + "/" + k.Str
		}
		s.w.Name(k.Str)
		err = s.schema(v, depth+1, at+"."+k.Str)
		return err == nil
	})
	s.w.End()
	s.def = outer
	return err
}

// list writes a list of schemas.
func (s *sanitiser) list(name string, v gjson.Result, depth int, at string) (err error) {
	s.w.ArrayField(name)
	i := 0
	codec.Each(v, func(_, v gjson.Result) bool {
		err = s.schema(v, depth+1, at+"."+name+"["+itoa(i)+"]")
		i++
		return err == nil
	})
	s.w.EndArray()
	return err
}

// acyclic refuses definitions that lead back to themselves.
func (s *sanitiser) acyclic() error {
	const open, done = 1, 2
	state := map[string]int{}
	var visit func(def string) error
	visit = func(def string) error {
		switch state[def] {
		case open:
			return fmt.Errorf("the schema's definition %q refers to itself", def)
		case done:
			return nil
		}
		state[def] = open
		for _, to := range s.refs[def] {
			if err := visit(to); err != nil {
				return err
			}
		}
		state[def] = done
		return nil
	}
	for def := range s.refs {
		if err := visit(def); err != nil {
			return err
		}
	}
	return nil
}

// typesOf are the types that a schema allows; nil when it does not say.
func typesOf(v gjson.Result) (list []string) {
	t := v.Get("type")
	if t.Type == gjson.String {
		return []string{t.Str}
	}
	for _, e := range t.Array() {
		list = append(list, e.Str)
	}
	return list
}

func has(v gjson.Result, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return v.Get(name).Exists() })
}

// literals says that all values of an enum are plain.
func literals(v gjson.Result) bool {
	return v.IsArray() && !slices.ContainsFunc(v.Array(), func(e gjson.Result) bool { return e.IsObject() || e.IsArray() })
}
