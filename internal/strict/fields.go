package strict

import (
	"reflect"
	"strings"
)

// fields are what a struct takes in JSON.
type fields struct {
	names  []string
	index  map[string][]int
	server map[string]bool // accepted, and left alone
}

func fieldsOf(t reflect.Type) fields {
	f := fields{index: map[string][]int{}, server: map[string]bool{}}
	f.collect(t, nil)
	return f
}

func (f *fields) collect(t reflect.Type, at []int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		path := append(at[:len(at):len(at)], i)
		switch {
		case name == "-":
		case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct:
			f.collect(sf.Type, path)
		case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Pointer && sf.Type.Elem().Kind() == reflect.Struct:
			for _, name := range fieldsOf(sf.Type.Elem()).names {
				f.server[name] = true
			}
		case sf.IsExported():
			if name == "" {
				name = sf.Name
			}
			if _, twice := f.index[name]; !twice {
				f.names = append(f.names, name)
			}
			f.index[name] = path
		}
	}
}
