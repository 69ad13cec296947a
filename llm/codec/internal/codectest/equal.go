package codectest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// Same holds two values of the neutral form, behind pointers, to say the same. It brings
// them into one form.
func Same(t *testing.T, a, b any) {
	t.Helper()
	plain(reflect.ValueOf(a))
	plain(reflect.ValueOf(b))
	equal(t, a, b)
}

// plain puts into one form what never tells two values apart: a list that is empty is
// none, and kept members have no order, as those that stand within others are written
// before those beside them.
func plain(v reflect.Value) {
	visit(v, func(v reflect.Value) {
		if v.Len() == 0 {
			v.SetZero()
		}
		if list, ok := v.Interface().([]codec.Field); ok {
			slices.SortStableFunc(list, func(a, b codec.Field) int { return strings.Compare(a.Name, b.Name) })
		}
	})
}

// compact takes the space between the tokens of JSON values away: a line end cannot stand
// in an event's data, and a value that comes in pieces is put together anew.
func compact(v reflect.Value) {
	visit(v, func(v reflect.Value) {
		var b bytes.Buffer
		if raw, ok := v.Interface().(json.RawMessage); ok && json.Compact(&b, raw) == nil {
			v.SetBytes(b.Bytes())
		}
	})
}

// visit calls f for the lists in a value.
func visit(v reflect.Value, f func(v reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Elem(), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				visit(v.Field(i), f)
			}
		}
	case reflect.Slice:
		f(v)
		for i := range v.Len() {
			visit(v.Index(i), f)
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
