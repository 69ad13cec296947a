package gemini

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// maxSchemaDepth bounds the nesting of a schema.
const maxSchemaDepth = 100

// jsonSchema turns a Schema, Google's dialect of OpenAPI 3.0, into JSON Schema: types
// in lower case, nullable as a type, bounds as numbers. Keywords of neither stay.
func jsonSchema(v gjson.Result, param string) (json.RawMessage, error) {
	var w jsonwrite.Writer
	if err := writeSchema(&w, v, param, 0); err != nil {
		return nil, err
	}
	return w.B, nil
}

func writeSchema(w *jsonwrite.Writer, v gjson.Result, param string, depth int) error {
	switch {
	case v.Type == gjson.True || v.Type == gjson.False:
		w.Raw(v.Raw)
		return nil
	case !v.IsObject():
		return codec.Invalid(param, "it must be a schema, which is an object")
	case depth > maxSchemaDepth:
		return codec.Invalid(param, "the schema is nested too deep")
	}
	nullable := v.Get("nullable").Type == gjson.True
	w.Object()
	err := each(v, func(name, own string, e gjson.Result) error {
		param := param + "." + own
		switch name {
		case "nullable":
			if e.Type != gjson.True && e.Type != gjson.False {
				return codec.Invalid(param, "it must be true or false")
			}
		case "type":
			return writeType(w, e, nullable, param)
		case "enum":
			w.Name("enum")
			writeEnum(w, e, nullable)
		case "properties":
			if !e.IsObject() {
				return codec.Invalid(param, "it must be an object")
			}
			w.ObjectField("properties")
			var err error
			codec.Each(e, func(k, p gjson.Result) bool {
				w.Name(k.Str)
				err = writeSchema(w, p, param+"."+k.Str, depth+1)
				return err == nil
			})
			w.End()
			return err
		case "items", "additionalProperties":
			w.Name(name)
			return writeSchema(w, e, param, depth+1)
		case "anyOf":
			w.ArrayField("anyOf")
			for i, s := range list(e) {
				if err := writeSchema(w, s, index(param, i), depth+1); err != nil {
					return err
				}
			}
			if nullable {
				w.Raw(`{"type":"null"}`)
			}
			w.EndArray()
		case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties":
			w.RawField(name, digits(e).Raw)
		case "propertyOrdering":
			w.RawField(name, e.Raw)
		case "ref", "defs":
			w.RawField("$"+name, e.Raw)
		default:
			w.RawField(own, e.Raw)
		}
		return nil
	})
	w.End()
	return err
}

func writeType(w *jsonwrite.Writer, v gjson.Result, nullable bool, param string) error {
	switch {
	case v.Type == gjson.String && v.Str == "TYPE_UNSPECIFIED":
	case v.Type == gjson.String && nullable && !strings.EqualFold(v.Str, "null"):
		w.ArrayField("type")
		w.String(strings.ToLower(v.Str))
		w.String("null")
		w.EndArray()
	case v.Type == gjson.String:
		w.StringField("type", strings.ToLower(v.Str))
	case v.IsArray():
		w.RawField("type", v.Raw)
	default:
		return codec.Invalid(param, "it must be a string")
	}
	return nil
}

// writeEnum writes the values, with null at its end where that is allowed too.
func writeEnum(w *jsonwrite.Writer, v gjson.Result, nullable bool) {
	if !nullable || !v.IsArray() {
		w.Raw(v.Raw)
		return
	}
	w.Array()
	for _, e := range v.Array() {
		w.Raw(e.Raw)
	}
	w.Null()
	w.EndArray()
}
