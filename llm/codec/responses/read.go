package responses

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// eachMember visits the members of an object; null has none.
func eachMember(v gjson.Result, at string, visit func(name string, v gjson.Result) error) (err error) {
	if v.Type == gjson.Null {
		return nil
	}
	if !v.IsObject() {
		return codec.Invalid(at, "it must be an object")
	}
	codec.Each(v, func(key, v gjson.Result) bool {
		err = visit(key.Str, v)
		return err == nil
	})
	return err
}

// eachElement visits the elements of a list; null has none.
func eachElement(v gjson.Result, at string, visit func(v gjson.Result, at string) error) (err error) {
	if v.Type == gjson.Null {
		return nil
	}
	if !v.IsArray() {
		return codec.Invalid(at, "it must be a list")
	}
	i := 0
	codec.Each(v, func(_, v gjson.Result) bool {
		at := at + "[" + strconv.Itoa(i) + "]"
		if i++; !v.IsObject() {
			err = codec.Invalid(at, "it must be an object")
		} else {
			err = visit(v, at)
		}
		return err == nil
	})
	return err
}

// required reads a string that must be there, and not be empty.
func required(v gjson.Result, name, at string) (string, error) {
	s, err := codec.String(v.Get(name), at+"."+name)
	if err == nil && s == "" {
		err = codec.Invalid(at+"."+name, "it is required")
	}
	return s, err
}

// extras are the members of an object that have no place, in their order. One that
// is null says nothing, and a status of "completed" is what an item without one has.
func extras(v gjson.Result, known ...string) (list []codec.Field) {
	if !v.IsObject() {
		return nil
	}
	codec.Each(v, func(key, v gjson.Result) bool {
		if slices.Contains(known, key.Str) || key.Str == "status" && v.Str == "completed" {
			return true
		}
		list = appendExtra(list, key.Str, v)
		return true
	})
	return list
}

func appendExtra(list []codec.Field, name string, v gjson.Result) []codec.Field {
	if v.Type == gjson.Null {
		return list
	}
	return append(list, codec.Field{Name: name, Value: json.RawMessage(v.Raw)})
}

func extra(list []codec.Field, name string) json.RawMessage {
	for _, f := range list {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

func without(list []codec.Field, name string) []codec.Field {
	return slices.DeleteFunc(list, func(f codec.Field) bool { return f.Name == name })
}

func withoutPrefix(list []codec.Field, prefix string) []codec.Field {
	return slices.DeleteFunc(list, func(f codec.Field) bool { return strings.HasPrefix(f.Name, prefix) })
}
