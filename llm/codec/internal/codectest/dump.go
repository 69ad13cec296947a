package codectest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// equal holds two values to be equal, and shows where they differ.
func equal(t *testing.T, a, b any) {
	t.Helper()
	if reflect.DeepEqual(a, b) {
		return
	}
	x, y := dump(a), dump(b)
	from := 0
	for from < min(len(x), len(y)) && x[from] == y[from] {
		from++
	}
	to := 0
	for to < min(len(x), len(y))-from && x[len(x)-1-to] == y[len(y)-1-to] {
		to++
	}
	context := max(0, from-6)
	t.Fatalf("they differ behind\n%s\none has\n%s\nthe other\n%s\n", strings.Join(x[context:from], "\n"),
		strings.Join(x[from:len(x)-to], "\n"), strings.Join(y[from:len(y)-to], "\n"))
}

// dump is a value in lines, without what is zero.
func dump(v any) (lines []string) {
	var write func(v reflect.Value, at string)
	write = func(v reflect.Value, at string) {
		switch raw := v.Interface().(type) {
		case json.RawMessage:
			lines = append(lines, fmt.Sprintf("%s = `%s`", at, raw))
			return
		case codec.EventKind:
			lines = append(lines, fmt.Sprintf("%s = %d", at, raw))
			return
		}
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if v.IsNil() {
				lines = append(lines, at+" = nil")
			} else {
				write(v.Elem(), at)
			}
		case reflect.Struct:
			lines = append(lines, at)
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() && (!v.Field(i).IsZero() || f.Name == "Kind") {
					write(v.Field(i), at+"."+f.Name)
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				write(v.Index(i), fmt.Sprintf("%s[%d]", at, i))
			}
			lines = append(lines, fmt.Sprintf("%s has %d", at, v.Len()))
		default:
			lines = append(lines, fmt.Sprintf("%s = %#v", at, v.Interface()))
		}
	}
	write(reflect.ValueOf(v), "")
	return lines
}
