// Package schema makes JSON Schemas (draft 2020-12) of the configuration from
// the structs that hold it: one for each kind, as the Admin API shows it, and one
// for the bundle document, as editors check it.
package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// Kind returns the schema of one object of kind k in the Admin API. It stands on
// its own and carries no $schema, so that it fits into an OpenAPI document.
// Secrets are strings; what the server manages is read-only.
func Kind(k configstore.Kind) *jsonschema.Schema {
	s := reflected(k)
	for _, name := range serverManaged() {
		if p, ok := s.Properties.Get(name); ok {
			p.ReadOnly = true
		}
	}
	return s
}

// Bundle returns the schema of the bundle document as indented JSON.
func Bundle() ([]byte, error) {
	doc := &jsonschema.Schema{
		Version:              jsonschema.Version,
		Title:                configstore.BundleKind,
		Type:                 "object",
		Properties:           jsonschema.NewProperties(),
		Required:             []string{"apiVersion", "kind"},
		AdditionalProperties: jsonschema.FalseSchema,
		Definitions:          jsonschema.Definitions{},
	}
	doc.Definitions["variable"] = &jsonschema.Schema{
		Title:   "variable",
		Type:    "string",
		Pattern: `\$\{[A-Za-z_][A-Za-z0-9_]*(:-.*)?\}`,
	}
	doc.Properties.Set("apiVersion", &jsonschema.Schema{Const: configstore.APIVersion})
	doc.Properties.Set("kind", &jsonschema.Schema{Const: configstore.BundleKind})
	for _, k := range configstore.Kinds {
		item := reflected(k)
		for _, name := range serverManaged() {
			item.Properties.Delete(name)
		}
		doc.Definitions[k.Name] = withVariables(item)
		doc.Properties.Set(k.Section, &jsonschema.Schema{
			Type:  "array",
			Items: &jsonschema.Schema{Ref: "#/$defs/" + k.Name},
		})
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema: bundle: %w", err)
	}
	return b, nil
}

func reflected(k configstore.Kind) *jsonschema.Schema {
	r := jsonschema.Reflector{
		Anonymous:                  true,
		DoNotReference:             true,
		RequiredFromJSONSchemaTags: true,
		Mapper:                     secrets,
	}
	s := r.ReflectFromType(k.Type())
	s.Version, s.Title = "", k.Name
	for f := range k.Type().Fields() {
		if strings.Contains(f.Tag.Get("agw"), "reveal") {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			p, _ := s.Properties.Get(name)
			p.WriteOnly = false // an administrator may read it back
		}
	}
	return s
}

func secrets(t reflect.Type) *jsonschema.Schema {
	if t != reflect.TypeFor[configstore.Secret]() {
		return nil
	}
	return &jsonschema.Schema{Type: "string", WriteOnly: true}
}

func serverManaged() (names []string) {
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true}
	for _, t := range []reflect.Type{reflect.TypeFor[configstore.Meta](), reflect.TypeFor[configstore.CredentialState]()} {
		for p := r.ReflectFromType(t).Properties.Oldest(); p != nil; p = p.Next() {
			names = append(names, p.Key)
		}
	}
	return names
}

// withVariables lets ${NAME} stand for every scalar below s, not only for free
// text, as it may in a file.
func withVariables(s *jsonschema.Schema) *jsonschema.Schema {
	switch s.Type {
	case "object":
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			p.Value = withVariables(p.Value)
		}
		if s.AdditionalProperties != nil && s.AdditionalProperties.Type != "" {
			s.AdditionalProperties = withVariables(s.AdditionalProperties)
		}
	case "array":
		s.Items = withVariables(s.Items)
	case "string":
		if len(s.Enum) > 0 || s.Format != "" {
			return orVariable(s)
		}
	case "integer", "number", "boolean":
		return orVariable(s)
	}
	return s
}

func orVariable(s *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Ref: "#/$defs/variable"}}}
}
