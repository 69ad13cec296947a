package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// printList prints objects as a table unless another form is asked for.
func (a *app) printList(items []json.RawMessage, columns []string) error {
	switch a.global.Output {
	case "json", "yaml":
		array, err := json.Marshal(items)
		if err != nil {
			return err
		}
		return a.printJSON(array)
	}
	return printTable(a.stdout, items, columns)
}

// printObject prints one object as JSON unless another form is asked for. No
// columns make its table one of fields and values.
func (a *app) printObject(object json.RawMessage, columns []string) error {
	if a.global.Output != "table" {
		return a.printJSON(object)
	}
	return a.printView(object, columns)
}

// printView prints one object as a table unless another form is asked for.
func (a *app) printView(object json.RawMessage, columns []string) error {
	switch {
	case a.global.Output == "json" || a.global.Output == "yaml":
		return a.printJSON(object)
	case columns != nil:
		return printTable(a.stdout, []json.RawMessage{object}, columns)
	}
	w := newTable(a.stdout, "FIELD", "VALUE")
	var walk func(path string, v gjson.Result)
	walk = func(path string, v gjson.Result) {
		if !v.IsObject() || v.Raw == "{}" { // an empty object says that something is there
			row(w, path, cell(lastName(path), v))
			return
		}
		v.ForEach(func(key, v gjson.Result) bool {
			walk(strings.TrimPrefix(path+"."+key.Str, "."), v)
			return true
		})
	}
	walk("", gjson.ParseBytes(object))
	return w.Flush()
}

// printItems prints an object with items as JSON unless another form is asked for; as a
// table, only the items.
func (a *app) printItems(object json.RawMessage, columns []string) error {
	if a.global.Output != "table" {
		return a.printJSON(object)
	}
	var items []json.RawMessage
	for _, item := range gjson.GetBytes(object, "items").Array() {
		items = append(items, json.RawMessage(item.Raw))
	}
	return printTable(a.stdout, items, columns)
}

// printJSON prints a document as indented JSON or as YAML. Keys keep their order
// and numbers their digits.
func (a *app) printJSON(document []byte) error {
	var b bytes.Buffer
	if a.global.Output == "yaml" {
		text, err := jsonToYAML(document)
		if err != nil {
			return err
		}
		b.Write(text)
	} else {
		if err := json.Indent(&b, inert(bytes.TrimSpace(document), jsonEscape), "", "  "); err != nil {
			return err
		}
		b.WriteByte('\n')
	}
	_, err := a.stdout.Write(b.Bytes())
	return err
}

// printTable prints one row for each object. Columns are dotted paths; the last
// name of each is its title, unless it is given as in "title=a.b".
func printTable(out io.Writer, items []json.RawMessage, columns []string) error {
	names, titles, paths := make([]string, len(columns)), make([]string, len(columns)), make([]string, len(columns))
	for i, column := range columns {
		name, path, named := strings.Cut(column, "=")
		if !named {
			name, path = lastName(column), column
		}
		names[i], titles[i], paths[i] = name, strings.ToUpper(name), path
	}
	w := newTable(out, titles...)
	for _, item := range items {
		cells := make([]string, len(columns))
		for i, v := range gjson.GetManyBytes(item, paths...) {
			cells[i] = cell(names[i], v)
		}
		row(w, cells...)
	}
	return w.Flush()
}

func newTable(out io.Writer, titles ...string) *tabwriter.Writer {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	row(w, titles...)
	return w
}

func row(w io.Writer, cells ...string) {
	last := len(cells) - 1
	for i, c := range cells {
		end := "\t"
		if i == last {
			end = "\n"
		}
		fmt.Fprint(w, c, end)
	}
}

func lastName(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// prose are the fields that hold text for people of any length, of which tables show the
// beginning.
var prose = []string{"description", "instructions", "message"}

// maxCell bounds the characters of a cell, which have to be whole where they are to be used:
// ids have 200 at most. maxProse is for what is only read.
const (
	maxCell  = 300
	maxProse = 80
)

// cell is the value of the field of that name in one line; "-" stands for none. Times
// are shown to the millisecond.
func cell(name string, v gjson.Result) string {
	text := v.String()
	if v.IsArray() {
		parts := v.Array()
		texts := make([]string, len(parts))
		for i, p := range parts {
			texts[i] = p.String()
		}
		text = strings.Join(texts, ",")
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil && strings.HasSuffix(name, "_at") {
		text = at.Truncate(time.Millisecond).Format(time.RFC3339Nano)
	}
	text = oneLine(text)
	most := maxCell
	if slices.Contains(prose, name) {
		most = maxProse
	}
	if r := []rune(text); len(r) > most {
		text = strings.TrimSpace(string(r[:most-1])) + "…"
	}
	return cmp.Or(text, "-")
}

// active says whether a terminal would obey a character, or not show it, or show others in
// another order for it.
func active(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// inert is the document, JSON or YAML, with the active characters of its strings written
// as escapes. Control characters of ASCII that are there as they are stand between values.
func inert(document []byte, escape func(rune) string) []byte {
	out := make([]byte, 0, len(document))
	for len(document) > 0 {
		r, n := utf8.DecodeRune(document)
		if r < ' ' || !active(r) {
			out = append(out, document[:n]...)
		} else {
			out = append(out, escape(r)...)
		}
		document = document[n:]
	}
	return out
}

func jsonEscape(r rune) string {
	if high, low := utf16.EncodeRune(r); r > 0xffff {
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// oneLine makes text from elsewhere fit for one line of a terminal: without line
// breaks and control sequences.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }), " ")
	return strings.Map(func(r rune) rune {
		if active(r) {
			return -1
		}
		return r
	}, s)
}
