// Package strict reads documents that people write: JSON and YAML become one
// small tree with line numbers, and the tree fills Go values without forgiving
// anything. A key that stands twice, a name that differs in one letter's case, a
// number where a text belongs: each is a fault with its path and its line, and
// all of them are reported, not only the first.
//
// The order is [ParseJSON] or [ParseYAML], then [Node.Expand] where variables are
// allowed, then [Decode]. Expansion works on the tree, so what a variable holds
// cannot change the document's structure.
package strict

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a document.
const (
	// MaxSize is the longest document in bytes.
	MaxSize = 16 << 20
	// MaxDepth is how deep lists and mappings may be nested.
	MaxDepth = 64
	// MaxFaults is how many faults one Expand and one Decode report.
	MaxFaults = 100
)

// Kind says what a node is.
type Kind uint8

// The kinds of nodes: JSON's.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Node is one value of a document.
type Node struct {
	Kind Kind
	// Text is a scalar's text: true or false, a number as JSON writes it, or a
	// string's content.
	Text   string
	Line   int     // from 1
	Fields []Field // of an Object, in the order of the document
	Items  []*Node // of an Array

	quoted   bool // a YAML scalar in quotes or a block: it is a string and nothing else
	expanded bool // Text was made by expansion
	broken   bool // expansion failed: there is nothing to decode
}

// Field is one entry of an Object.
type Field struct {
	Name  string
	Line  int
	Value *Node
}

// Field returns the value of that name, nil when there is none or n is no Object.
func (n *Node) Field(name string) *Node {
	if n == nil {
		return nil
	}
	for _, f := range n.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// LineOf returns the line of the field that path names ("a.b[0].c"), or of the
// nearest thing around it that is there.
func (n *Node) LineOf(path string) int {
	line := n.Line
	for path != "" {
		next, rest := n.step(path)
		if next == nil {
			return line
		}
		n, line, path = next.Value, next.Line, strings.TrimPrefix(rest, ".")
	}
	return line
}

// step finds the child that path begins with; of names that contain dots the
// longest that fits.
func (n *Node) step(path string) (child *Field, rest string) {
	for i := range n.Fields {
		f := &n.Fields[i]
		after, ok := strings.CutPrefix(path, f.Name)
		if ok && f.Name != "" && (after == "" || after[0] == '.' || after[0] == '[') && (child == nil || len(after) < len(rest)) {
			child, rest = f, after
		}
	}
	if number, after, ok := strings.Cut(strings.TrimPrefix(path, "["), "]"); ok && path[0] == '[' {
		if i, err := strconv.Atoi(number); err == nil && i >= 0 && i < len(n.Items) {
			return &Field{Line: n.Items[i].Line, Value: n.Items[i]}, after
		}
	}
	return child, rest
}

// Fault is one thing wrong with one value.
type Fault struct {
	Path string // a.b[0].c, "" for the document itself
	Line int
	Text string // reads on after the path
	// Meant is the path of the field that an unknown field was probably meant to
	// be, "" when nothing is near.
	Meant string
}

func (f Fault) String() string {
	if f.Path == "" {
		return f.Text
	}
	return f.Path + " " + f.Text
}

// SyntaxError says that a document could not be read at all.
type SyntaxError struct {
	Line int // 0 when there is none
	Text string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Text)
}

func join(path, name string) string {
	if utf8.RuneCountInString(name) > 64 {
		name = string([]rune(name)[:64]) + "…"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// checkText refuses what no document may be.
func checkText(b []byte) error {
	if len(b) > MaxSize {
		return &SyntaxError{Text: fmt.Sprintf("the document is longer than %d MiB", MaxSize>>20)}
	}
	if !utf8.Valid(b) {
		return &SyntaxError{Line: 1, Text: "the document is not UTF-8"}
	}
	return nil
}

// checkKey refuses keys that do not look like what they are.
func checkKey(name string, line int) error {
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
		return &SyntaxError{line, fmt.Sprintf("the key %.100q has a character that cannot be seen", name)}
	}
	return nil
}

// keys notices a key that stands twice in one mapping.
type keys map[string]int

func (k keys) add(name string, line int) error {
	if err := checkKey(name, line); err != nil {
		return err
	}
	if first, ok := k[name]; ok {
		return &SyntaxError{line, fmt.Sprintf("the key %.100q stands twice here, first on line %d", name, first)}
	}
	k[name] = line
	return nil
}

func tooDeep(line int) error {
	return &SyntaxError{line, fmt.Sprintf("the document is nested more than %d deep", MaxDepth)}
}
