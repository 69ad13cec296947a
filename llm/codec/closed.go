package codec

import (
	"slices"

	"github.com/tidwall/gjson"
)

// Closed says whether a JSON Schema is one that OpenAI can strictly hold an answer
// to: of an object, whose objects name all of their properties, and require them.
// Anthropic's strictness asks less: properties may be left out there.
func Closed(schema []byte) bool {
	v := gjson.ParseBytes(schema)
	return v.Get("type").Str == "object" && closed(v, 0)
}

func closed(v gjson.Result, depth int) bool {
	if depth > 64 || !v.IsObject() {
		return false
	}
	properties := v.Get("properties")
	if v.Get("type").Str == "object" || properties.Exists() {
		if v.Get("additionalProperties").Type != gjson.False {
			return false
		}
		var required []string
		for _, name := range v.Get("required").Array() {
			required = append(required, name.Str)
		}
		ok := true
		Each(properties, func(name, _ gjson.Result) bool {
			ok = slices.Contains(required, name.Str)
			return ok
		})
		if !ok {
			return false
		}
	}
	ok := true
	each := func(_, inner gjson.Result) bool {
		ok = closed(inner, depth+1)
		return ok
	}
	for _, name := range []string{"properties", "$defs", "definitions", "anyOf"} {
		if group := v.Get(gjson.Escape(name)); ok && group.Exists() {
			Each(group, each)
		}
	}
	if items := v.Get("items"); ok && items.Exists() {
		each(items, items)
	}
	return ok && !v.Get("oneOf").Exists() && !v.Get("allOf").Exists()
}
