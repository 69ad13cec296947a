package configstore

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// fieldTag is the content of a struct tag `agw:"ref=provider,any=*,reveal"`.
type fieldTag struct {
	ref    string // the kinds that a reference may name, separated by |
	any    string // a value that refers to nothing in particular
	reveal bool   // an administrator may read this secret back
}

func parseTag(f reflect.StructField) (t fieldTag) {
	for part := range strings.SplitSeq(f.Tag.Get("agw"), ",") {
		name, val, _ := strings.Cut(part, "=")
		switch name {
		case "ref":
			t.ref = val
		case "any":
			t.any = val
		case "reveal":
			t.reveal = true
		}
	}
	return t
}

var secretType = reflect.TypeFor[Secret]()

// serverSays says whether a field is what the server adds to an object that it shows.
func serverSays(f reflect.StructField) bool { return f.Anonymous && f.Type.Kind() == reflect.Pointer }

// jsonName is a field's name in JSON, "" for one that has none.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || !f.IsExported() || serverSays(f) {
		return ""
	}
	return name
}

// walk visits every leaf below v that is a string or a Secret. Elements of maps are
// visited as copies; visit returns the value to put in their place.
func walk(v reflect.Value, path string, tag fieldTag, visit func(path string, tag fieldTag, v reflect.Value)) {
	if v.Type() == secretType {
		visit(path, tag, v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), path, tag, visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name := jsonName(f)
			if name == "" {
				continue
			}
			if path != "" {
				name = path + "." + name
			}
			walk(v.Field(i), name, parseTag(f), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), tag, visit)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			elem := reflect.New(v.Type().Elem()).Elem()
			elem.Set(v.MapIndex(key))
			walk(elem, path+"."+key.String(), tag, visit)
			v.SetMapIndex(key, elem)
		}
	case reflect.String:
		visit(path, tag, v)
	}
}

// Secrets calls visit with every secret field of o, absent ones included, except
// for those of maps, where only the entries that are there are visited.
func Secrets(o Object, visit func(path string, s *Secret)) {
	walk(reflect.ValueOf(o), "", fieldTag{}, func(path string, _ fieldTag, v reflect.Value) {
		if v.Type() == secretType {
			visit(path, v.Addr().Interface().(*Secret))
		}
	})
}

// Ref is one reference from an object to another.
type Ref struct {
	Field string
	Kinds []string // the kinds that it may name
	ID    string
}

// Refs lists what o refers to.
func Refs(o Object) (refs []Ref) {
	walk(reflect.ValueOf(o), "", fieldTag{}, func(path string, tag fieldTag, v reflect.Value) {
		if tag.ref == "" || v.Type() == secretType {
			return
		}
		if id := v.String(); id != "" && id != tag.any {
			refs = append(refs, Ref{path, strings.Split(tag.ref, "|"), id})
		}
	})
	return refs
}

// Clone returns a deep copy without what the server adds.
func Clone[T Object](o T) T {
	c := deepCopy(reflect.ValueOf(o))
	clearServer(c.Elem())
	return c.Interface().(T)
}

func clearServer(v reflect.Value) {
	for i := range v.NumField() {
		if serverSays(v.Type().Field(i)) {
			v.Field(i).SetZero()
		}
	}
}

func deepCopy(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(deepCopy(v.Elem()))
		return c
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(deepCopy(v.Field(i)))
			}
		}
		return c
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(deepCopy(v.Index(i)))
		}
		return c
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for _, key := range v.MapKeys() {
			c.SetMapIndex(key, deepCopy(v.MapIndex(key)))
		}
		return c
	}
	return v
}

// SetMeta sets what the server says of o.
func SetMeta(o Object, m *Meta) {
	reflect.ValueOf(o).Elem().FieldByName("Meta").Set(reflect.ValueOf(m))
}

// SetDisabled sets the field "disabled"; false when the kind has none.
func SetDisabled(o Object, disabled bool) bool {
	f := reflect.ValueOf(o).Elem().FieldByName("Disabled")
	if f.IsValid() {
		f.SetBool(disabled)
	}
	return f.IsValid()
}

// Shown returns a copy of o whose secrets that an administrator may read back
// marshal as plain text. Nothing else of it may be written anywhere.
func Shown(o Object) Object {
	c := deepCopy(reflect.ValueOf(o)).Interface().(Object)
	walk(reflect.ValueOf(c), "", fieldTag{}, func(_ string, tag fieldTag, v reflect.Value) {
		if tag.reveal && v.Type() == secretType {
			if s := v.Addr().Interface().(*Secret); s.state == secretSet {
				s.state = secretShown
			}
		}
	})
	return c
}

// KeepSecrets completes next, an update of prev: an absent or masked secret
// takes the stored value, and "" clears it. A masked secret with nothing stored
// is a fault. prev is nil for a new object. Entries of a map that next does not
// have are gone.
func KeepSecrets(next, prev Object) (f []Fault) {
	stored := map[string]Secret{}
	if prev != nil {
		Secrets(prev, func(path string, s *Secret) {
			if s.state == secretSet && s.text != "" {
				stored[path] = *s
			}
		})
	}
	Secrets(next, func(path string, s *Secret) {
		switch old, ok := stored[path]; {
		case s.Keeps() && ok:
			*s = old
		case s.IsMasked():
			f = append(f, Fault{path, "is masked, and no value is stored to keep: give the secret itself"})
		case s.text == "":
			*s = Secret{}
		}
	})
	return f
}

// Same says whether two objects of one kind are equal, secrets included.
func Same(a, b Object) bool {
	return plain(a) == plain(b)
}

// plain is an object as text with its secrets in clear. It goes nowhere.
func plain(o Object) string {
	c := Clone(o)
	Secrets(c, func(_ string, s *Secret) {
		if s.state == secretSet {
			s.state = secretShown
		}
	})
	b, err := json.Marshal(c)
	if err != nil { // plain structs of plain values
		return err.Error()
	}
	return string(b)
}
