package codectest

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/sse"
)

// A pool holds what the seeds are made of, by the name of the member that a value was
// in, "" for an element. Mutations of bytes alone hardly ever make JSON that says
// something else; those of a pool mostly do.
type pool struct {
	values map[string][]*node
	names  []string
}

// odd are values that no seed need have.
var odd = []string{"null", "0", "-1", "1.5", "1e3", "12345678901234567890", `""`, `" "`, `"é\n\u0000"`, `"x y"`, `"{}"`, `"["`, "true", "false",
	"[]", "[null]", "[[{}]]", "{}", `{"x":1}`, "{\n\"x\":\r[ 1 ,\n\n2 ]}"}

// add takes over the values of a text, unless it is no JSON.
func (p *pool) add(text []byte) {
	if !WellFormed(text) {
		return
	}
	if p.values == nil {
		p.values = map[string][]*node{}
	}
	for n := range parse(gjson.ParseBytes(text)).all {
		for _, m := range n.members {
			if p.values[m.name] == nil {
				p.names = append(p.names, m.name)
			}
			p.values[m.name] = append(p.values[m.name], m.node)
		}
	}
}

func (p *pool) value(r *rand.Rand, name string) *node {
	switch r.IntN(8) {
	case 0:
		return parse(gjson.Parse(odd[r.IntN(len(odd))]))
	case 1:
		name = p.names[r.IntN(len(p.names))]
	}
	list := p.values[name]
	if len(list) == 0 {
		return parse(gjson.Parse(odd[r.IntN(len(odd))]))
	}
	return list[r.IntN(len(list))].clone()
}

// json is a text with some of its values changed; itself for a seed of 0, and where it
// is no JSON.
func (p *pool) json(text []byte, seed uint64) []byte {
	if seed == 0 || len(p.names) == 0 || !WellFormed(text) {
		return text
	}
	return p.changed(rand.New(rand.NewPCG(seed, 0)), text)
}

func (p *pool) changed(r *rand.Rand, text []byte) []byte {
	root := parse(gjson.ParseBytes(text))
	nodes := slices.Collect(root.all)
	for range 1 + r.IntN(6) {
		p.change(r, nodes[r.IntN(len(nodes))])
	}
	return root.append(nil)
}

func (p *pool) change(r *rand.Rand, n *node) {
	if n.open == 0 {
		return
	}
	k := len(n.members)
	switch at := r.IntN(k + 1); {
	case at == k: // something new
		m := member{node: p.value(r, "")}
		if n.open == '{' {
			m.name = p.names[r.IntN(len(p.names))]
			m.node = p.value(r, m.name)
		}
		n.members = append(n.members, m)
	case r.IntN(3) == 0:
		n.members = slices.Delete(n.members, at, at+1)
	case r.IntN(3) == 0:
		other := r.IntN(k)
		n.members[at].node, n.members[other].node = n.members[other].node, n.members[at].node
	default:
		n.members[at].node = p.value(r, n.members[at].name)
	}
}

// stream is a stream with some events, and values in them, changed.
func (p *pool) stream(text []byte, seed uint64) []byte {
	type event struct{ name, data []byte }
	var events []event
	each(text, func(e sse.Event) bool {
		events = append(events, event{e.Name, e.Data})
		return true
	})
	if seed == 0 || len(p.names) == 0 || len(events) == 0 {
		return text
	}
	r := rand.New(rand.NewPCG(seed, 0))
	for range 1 + r.IntN(5) {
		i, j := r.IntN(len(events)), r.IntN(len(events))
		switch r.IntN(6) {
		case 0:
			if len(events) > 1 {
				events = slices.Delete(events, i, i+1)
			}
		case 1:
			events = slices.Insert(events, i, events[j])
		case 2:
			events[i], events[j] = events[j], events[i]
		default:
			if WellFormed(events[i].data) {
				events[i].data = p.changed(r, events[i].data)
			}
		}
	}
	var b strings.Builder
	for _, e := range events {
		if len(e.name) > 0 {
			b.WriteString("event: " + string(e.name) + "\n")
		}
		b.WriteString("data: " + lines.Replace(string(e.data)) + "\n\n")
	}
	return []byte(b.String())
}

// lines puts the data of an event that has several lines on as many.
var lines = strings.NewReplacer("\r", "\ndata: ", "\n", "\ndata: ")

// A node is a JSON value: an object, an array, or a text.
type node struct {
	open    byte // '{', '[', or 0 for raw
	raw     string
	members []member
}

type member struct {
	name string
	node *node
}

func parse(v gjson.Result) *node {
	n := &node{raw: v.Raw}
	if v.IsObject() || v.IsArray() {
		n.open = v.Raw[0]
		v.ForEach(func(name, e gjson.Result) bool {
			n.members = append(n.members, member{name.Str, parse(e)})
			return true
		})
	}
	return n
}

func (n *node) clone() *node {
	c := *n
	c.members = slices.Clone(n.members)
	for i := range c.members {
		c.members[i].node = c.members[i].node.clone()
	}
	return &c
}

// all visits the value and what is in it.
func (n *node) all(yield func(*node) bool) {
	n.walk(yield)
}

func (n *node) walk(yield func(*node) bool) bool {
	if !yield(n) {
		return false
	}
	for _, m := range n.members {
		if !m.node.walk(yield) {
			return false
		}
	}
	return true
}

// append appends the value's text. An object has each name once.
func (n *node) append(b []byte) []byte {
	if n.open == 0 || len(n.members) == 0 {
		return append(b, n.emptied()...)
	}
	b = append(b, n.open)
	seen := map[string]bool{}
	for i, m := range n.members {
		if n.open == '{' && seen[m.name] {
			continue
		}
		if i > 0 {
			b = append(b, ',')
		}
		if seen[m.name] = true; n.open == '{' {
			b = append(strconv.AppendQuote(b, m.name), ':')
		}
		b = m.node.append(b)
	}
	return append(b, n.open+2) // the bracket that closes it
}

func (n *node) emptied() string {
	switch n.open {
	case '{':
		return "{}"
	case '[':
		return "[]"
	}
	return n.raw
}
