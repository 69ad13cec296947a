// Package jsonwrite writes JSON piece by piece, in the order that the writer says
// and with raw values as they are. Unlike encoding/json it neither escapes HTML nor
// touches the bytes of a raw value, so that numbers, key order and spacing inside
// of one survive.
package jsonwrite

import (
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
)

// Writer writes one JSON value. Its zero value is ready; it puts the commas. Names
// and values must come in turn within an object, which it does not check. It is not
// safe for concurrent use.
type Writer struct {
	B    []byte // what is written so far
	some bool   // a comma is due before the next name or element
}

// Reset empties the writer and keeps its memory.
func (w *Writer) Reset() { w.B, w.some = w.B[:0], false }

func (w *Writer) comma() {
	if w.some {
		w.B = append(w.B, ',')
	}
	w.some = false
}

// Object begins an object, End ends it.
func (w *Writer) Object() { w.open('{') }

// Array begins an array, EndArray ends it.
func (w *Writer) Array() { w.open('[') }

func (w *Writer) open(c byte) {
	w.comma()
	w.B = append(w.B, c)
}

// End ends an object.
func (w *Writer) End() { w.B, w.some = append(w.B, '}'), true }

// EndArray ends an array.
func (w *Writer) EndArray() { w.B, w.some = append(w.B, ']'), true }

// Name writes a member's name.
func (w *Writer) Name(name string) {
	w.comma()
	w.B = append(AppendString(w.B, name), ':')
}

// Raw writes a value that is JSON already; an empty one is null.
func (w *Writer) Raw(json string) {
	w.comma()
	if json == "" {
		json = "null"
	}
	w.B, w.some = append(w.B, json...), true
}

// String writes a string.
func (w *Writer) String(s string) {
	w.comma()
	w.B, w.some = AppendString(w.B, s), true
}

// Int writes a whole number.
func (w *Writer) Int(n int64) {
	w.comma()
	w.B, w.some = strconv.AppendInt(w.B, n, 10), true
}

// Bool writes true or false.
func (w *Writer) Bool(v bool) {
	w.comma()
	w.B, w.some = strconv.AppendBool(w.B, v), true
}

// Null writes null.
func (w *Writer) Null() { w.Raw("null") }

// The following write a member: a name and its value.

// StringField writes a member that is a string.
func (w *Writer) StringField(name, s string) { w.Name(name); w.String(s) }

// IntField writes a member that is a whole number.
func (w *Writer) IntField(name string, n int64) { w.Name(name); w.Int(n) }

// BoolField writes a member that is true or false.
func (w *Writer) BoolField(name string, v bool) { w.Name(name); w.Bool(v) }

// RawField writes a member that is JSON already.
func (w *Writer) RawField(name, json string) { w.Name(name); w.Raw(json) }

// ObjectField begins a member that is an object.
func (w *Writer) ObjectField(name string) { w.Name(name); w.Object() }

// ArrayField begins a member that is an array.
func (w *Writer) ArrayField(name string) { w.Name(name); w.Array() }

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string (RFC 8259, section 7). Bytes that are not
// UTF-8 become U+FFFD.
func AppendString(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	b = append(slices.Grow(b, len(s)+2), '"')
	start := 0
	for i := jsonscan.Special(s, 0); i < len(s); i = jsonscan.Special(s, start) {
		b = append(b, s[start:i]...)
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		start = i + 1
	}
	return append(append(b, s[start:]...), '"')
}
