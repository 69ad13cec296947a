// Package shape changes single members of a JSON text and leaves all other bytes as
// they are.
package shape

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
)

// Rule names members that are left out.
type Rule struct {
	// Path leads from the top of the text to the member, by names with dots between
	// them: "text.verbosity". A name that ends in "[]" is of a list, whose elements
	// are meant: "tools[].strict", and "tools[]" for the elements themselves. A last
	// name "*" stands for every member that has no rule of its own.
	Path string
	// When chooses by the value; nil leaves out all. It must not keep the value.
	When func(value []byte) bool
	// Keep makes an exception of a "*".
	Keep bool
}

// Rules are compiled. They are safe for concurrent use.
type Rules struct{ top *node }

type node struct {
	members  map[string]*node
	others   *node // "*"
	elements *node // "[]"

	drop bool
	when func(value []byte) bool
}

// New compiles rules. A path that is empty, or a "*" that is not last, panics: rules
// are tables of the program.
func New(rules ...Rule) *Rules {
	top := &node{}
	for _, r := range rules {
		n := top
		names := strings.Split(r.Path, ".")
		for i, name := range names {
			name, list := strings.CutSuffix(name, "[]")
			switch {
			case name == "" || name == "*" && (list || i < len(names)-1):
				panic("shape: the path " + strconv.Quote(r.Path) + " is not valid")
			case name == "*":
				n.others = &node{}
				n = n.others
			default:
				n = n.member(name)
			}
			if list {
				if n.elements == nil {
					n.elements = &node{}
				}
				n = n.elements
			}
		}
		n.drop, n.when = !r.Keep, r.When
	}
	return &Rules{top}
}

func (n *node) member(name string) *node {
	if n.members == nil {
		n.members = map[string]*node{}
	}
	m := n.members[name]
	if m == nil {
		m = &node{}
		n.members[name] = m
	}
	return m
}

func (n *node) leads() bool { return n.members != nil || n.others != nil || n.elements != nil }

// at is the node of a member, or of an element when name is nil; nil for none.
func (n *node) at(name []byte) *node {
	if name == nil {
		return n.elements
	}
	if m := n.members[string(name)]; m != nil {
		return m
	}
	return n.others
}

func (n *node) drops(value []byte) bool { return n.drop && (n.when == nil || n.when(value)) }

// Drop returns text without the members that the rules name. An object or a list of
// which nothing is left is left out too, as upstreams refuse some that are empty. A
// text without such members, or one that is malformed, is returned itself.
func (r *Rules) Drop(text []byte) []byte {
	d := dropper{text: text}
	if d.walk(r.top, 0, nil) < 0 {
		return text
	}
	return apply(text, d.edits)
}

type dropper struct {
	text  []byte
	edits []edit
}

// walk goes through the object or list that begins at i and says in left, unless it
// is nil, whether anything of it stays. It returns where the value ends, -1 when it
// cannot be read.
func (d *dropper) walk(n *node, i int, left *bool) int {
	last, kept, dropped := -1, false, false // where the previous member ends
	end := jsonscan.Walk(d.text, i, func(name []byte, at int) int {
		if last < 0 {
			last = i + bytes.IndexAny(d.text[i:], "{[") + 1
		}
		end := jsonscan.Skip(d.text, at)
		if end < 0 {
			return -1
		}
		before := last
		last = end
		child := n.at(name)
		if child != nil && child.drops(d.text[at:end]) {
			d.edits = append(d.edits, edit{before, end, ""})
			dropped = true
			return end
		}
		mark := len(d.edits)
		if dropped && !kept { // the comma behind those that went before it
			comma := before + bytes.IndexByte(d.text[before:], ',') + 1
			d.edits = append(d.edits, edit{before, comma, ""})
		}
		if child != nil && child.leads() && (d.text[at] == '{' || d.text[at] == '[') {
			stays := true
			if d.walk(child, at, &stays) < 0 {
				return -1
			}
			if !stays {
				d.edits = append(d.edits[:mark], edit{before, end, ""})
				dropped = true
				return end
			}
		}
		kept = true
		return end
	})
	if left != nil {
		*left = kept || !dropped
	}
	return end
}

// Member is a member at the top of a text, with its value as JSON.
type Member struct {
	Name, Value string
	// IfMissing leaves a member that is there, and is not null, as it is.
	IfMissing bool
}

// Set returns text, an object, with members at its top set: in their place when they
// are there, else at the end. A text that is no object is returned itself.
func Set(text []byte, members ...Member) []byte {
	var edits []edit
	found := make([]bool, len(members))
	empty := true
	end := jsonscan.Walk(text, 0, func(name []byte, at int) int {
		end := jsonscan.Skip(text, at)
		empty = false
		for i, m := range members {
			if string(name) != m.Name || end < 0 {
				continue
			}
			found[i] = true
			value := string(text[at:end])
			if value != m.Value && (!m.IfMissing || value == "null") {
				edits = append(edits, edit{at, end, m.Value})
			}
		}
		return end
	})
	if end < 0 || text[end-1] != '}' {
		return text
	}
	var add strings.Builder
	for i, m := range members {
		if found[i] {
			continue
		}
		if !empty {
			add.WriteByte(',')
		}
		empty = false
		add.WriteString(strconv.Quote(m.Name) + ":" + m.Value)
	}
	if add.Len() > 0 {
		edits = append(edits, edit{end - 1, end - 1, add.String()})
	}
	return apply(text, edits)
}

// edit puts a text in the place of text[start:end].
type edit struct {
	start, end int
	text       string
}

// apply makes edits, which are in order and do not overlap.
func apply(text []byte, edits []edit) []byte {
	if len(edits) == 0 {
		return text
	}
	size := len(text)
	for _, e := range edits {
		size += len(e.text) - (e.end - e.start)
	}
	out := make([]byte, 0, size)
	from := 0
	for _, e := range edits {
		out = append(append(out, text[from:e.start]...), e.text...)
		from = e.end
	}
	return append(out, text[from:]...)
}
