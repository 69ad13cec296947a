package codectest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// plain puts into one form what never tells two values apart: a list that is empty is
// none; kept members have no order, as those that stand within others are written before
// those beside them; and space between the tokens of a JSON value is nothing, as a line
// end cannot stand in an event's data.
func plain(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			plain(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				plain(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
			return
		}
		if raw, ok := v.Interface().(json.RawMessage); ok {
			var b bytes.Buffer
			if json.Compact(&b, raw) == nil {
				v.SetBytes(b.Bytes())
			}
			return
		}
		if list, ok := v.Interface().([]codec.Field); ok {
			slices.SortStableFunc(list, func(a, b codec.Field) int { return strings.Compare(a.Name, b.Name) })
		}
		for i := range v.Len() {
			plain(v.Index(i))
		}
	}
}

// copied is a copy of an answer that shares nothing with it.
func copied(r *codec.Response) *codec.Response {
	c := clone(reflect.ValueOf(r))
	return c.Interface().(*codec.Response)
}

func clone(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.Set(reflect.New(v.Type().Elem()))
			c.Elem().Set(clone(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if c.Field(i).CanSet() {
				c.Field(i).Set(clone(v.Field(i)))
			}
		}
	case reflect.Slice:
		if !v.IsNil() {
			c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				c.Index(i).Set(clone(v.Index(i)))
			}
		}
	}
	return c
}
