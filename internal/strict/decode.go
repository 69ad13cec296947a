package strict

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// Decode fills into, a pointer, by its json tags and returns all that does not
// fit. Names are case-sensitive, and a field that the type does not have is a
// fault. A null is as good as absent. What an embedded pointer to a struct
// contributes is the server's to say: its fields are accepted and left alone.
func Decode(n *Node, into any) []Fault {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return []Fault{{Line: n.Line, Text: fmt.Sprintf("cannot be decoded into a %T", into)}}
	}
	var d decoder
	d.value(n, v.Elem(), "", n.Line)
	return d.faults
}

type decoder struct{ faults []Fault }

func (d *decoder) add(path string, line int, text string) {
	if !d.full() {
		d.faults = append(d.faults, Fault{Path: path, Line: line, Text: text})
	}
}

func (d *decoder) full() bool { return len(d.faults) >= MaxFaults }

func (d *decoder) value(n *Node, v reflect.Value, path string, line int) {
	if n.Kind == Null || n.broken || d.full() {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path, line)
		return
	}
	if decodesItself(v) {
		d.itself(n, v, path, line)
		return
	}
	switch kind := v.Kind(); {
	case kind == reflect.Struct:
		d.object(n, v, path, line)
	case kind == reflect.Map && v.Type().Key().Kind() == reflect.String:
		d.mapping(n, v, path, line)
	case kind == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		d.list(n, v, path, line)
	case kind == reflect.String:
		if n.Kind != String {
			d.add(path, line, notString(n))
			return
		}
		v.SetString(n.Text)
	case kind == reflect.Bool:
		k, text := n.plain()
		if k != Bool {
			d.add(path, line, "must be true or false"+unquote(n, Bool))
			return
		}
		v.SetBool(text == "true")
	case v.CanInt(), v.CanUint(), v.CanFloat():
		d.number(n, v, path, line)
	default:
		d.itself(n, v, path, line)
	}
}

// plain is what a scalar is to a field that is no string: an expanded one is read
// again for what it says now.
func (n *Node) plain() (Kind, string) {
	if n.Kind == String && n.expanded && !n.quoted {
		return resolve(n.Text)
	}
	return n.Kind, n.Text
}

func (d *decoder) number(n *Node, v reflect.Value, path string, line int) {
	what := "must be a whole number"
	if v.CanFloat() {
		what = "must be a number"
	}
	kind, text := n.plain()
	if kind != Number {
		d.add(path, line, what+unquote(n, Number))
		return
	}
	var err error
	bits := v.Type().Bits()
	switch {
	case v.CanInt():
		var i int64
		if i, err = strconv.ParseInt(text, 10, bits); err == nil {
			v.SetInt(i)
		}
	case v.CanUint():
		var u uint64
		if u, err = strconv.ParseUint(text, 10, bits); err == nil {
			v.SetUint(u)
		}
	default:
		var f float64
		if f, err = strconv.ParseFloat(text, bits); err == nil {
			v.SetFloat(f)
		}
	}
	switch {
	case err == nil:
	case numError(err) == strconv.ErrRange:
		d.add(path, line, "is out of range")
	case v.CanUint() && text[0] == '-':
		d.add(path, line, "is negative")
	default:
		d.add(path, line, what)
	}
}

func numError(err error) error {
	if e, ok := err.(*strconv.NumError); ok {
		return e.Err
	}
	return err
}

func (d *decoder) list(n *Node, v reflect.Value, path string, line int) {
	if n.Kind != Array {
		text := "must be a list"
		if n.Kind != Object {
			text += ": put the value in [ ]"
		}
		d.add(path, line, text)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
	for i, item := range n.Items {
		if item.Kind == Null {
			d.add(index(path, i), item.Line, "is empty")
			continue
		}
		d.value(item, v.Index(i), index(path, i), item.Line)
	}
}

func (d *decoder) mapping(n *Node, v reflect.Value, path string, line int) {
	if n.Kind != Object {
		d.add(path, line, "must be a mapping of names to values")
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Fields)))
	for _, f := range n.Fields {
		if f.Value.Kind == Null {
			continue
		}
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(f.Value, elem, join(path, f.Name), f.Line)
		v.SetMapIndex(reflect.ValueOf(f.Name).Convert(v.Type().Key()), elem)
	}
}

func (d *decoder) object(n *Node, v reflect.Value, path string, line int) {
	if n.Kind != Object {
		d.add(path, line, "must be a mapping of fields to values")
		return
	}
	known := fieldsOf(v.Type())
	for _, f := range n.Fields {
		at := join(path, f.Name)
		switch i, ok := known.index[f.Name]; {
		case ok:
			d.value(f.Value, v.FieldByIndex(i), at, f.Line)
		case known.server[f.Name], d.full():
		default:
			fault := Fault{Path: at, Line: f.Line, Text: "is not a known field"}
			if near := Nearest(f.Name, known.names); near != "" {
				fault.Text += "; did you mean " + near + "?"
				fault.Meant = join(path, near)
			}
			d.faults = append(d.faults, fault)
		}
	}
}

func decodesItself(v reflect.Value) bool {
	switch v.Addr().Interface().(type) {
	case json.Unmarshaler, encoding.TextUnmarshaler:
		return true
	}
	return false
}

// itself leaves the value to encoding/json. Its errors are not shown: they may
// quote the value.
func (d *decoder) itself(n *Node, v reflect.Value, path string, line int) {
	if json.Unmarshal(n.appendJSON(nil), v.Addr().Interface()) == nil {
		return
	}
	switch {
	case n.Kind != String:
		d.add(path, line, notString(n))
	case v.Type() == reflect.TypeFor[time.Time]():
		d.add(path, line, "must be a time such as 2030-01-31T00:00:00Z")
	default:
		d.add(path, line, "is not valid")
	}
}

func notString(n *Node) string {
	if n.Kind == Number || n.Kind == Bool {
		return "must be a string: quote it"
	}
	return "must be a string"
}

// unquote is the hint for a scalar that would be right without its quotes.
func unquote(n *Node, want Kind) string {
	if n.Kind == String && !n.broken {
		if k, _ := resolve(n.Text); k == want {
			return ": take the quotes away"
		}
	}
	return ""
}
