package gemini

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/llm/codec"
)

// pieces gathers the arguments of a call that come as values at JSON paths:
// {"jsonPath":"$.city","stringValue":"Par","willContinue":true}. They come in no order
// that JSON text could be written in, so that the text is made at the end.
type pieces struct {
	root node
	rest string // arguments that came as an object nevertheless
}

// node is an object, an array, or a value.
type node struct {
	names  []string
	kids   map[string]*node
	list   []*node
	isText bool
	text   []byte
	raw    string
}

// Bounds of what paths can build.
const (
	maxPath  = 64
	maxItems = 4096
)

// add takes one of partialArgs.
func (p *pieces) add(v gjson.Result) error {
	n, path := &p.root, strings.TrimPrefix(v.Get("jsonPath").String(), "$")
	for depth := 0; path != ""; depth++ {
		name, i, rest, ok := step(path)
		if !ok || depth > maxPath || i > maxItems {
			return errChunk
		}
		path = rest
		if n = n.at(name, i); n == nil {
			return errChunk
		}
	}
	if n == &p.root {
		return nil
	}
	switch s, num, b := v.Get("stringValue"), v.Get("numberValue"), v.Get("boolValue"); {
	case s.Type == gjson.String:
		n.isText = true
		n.text = append(n.text, s.Str...)
	case num.Type == gjson.Number:
		n.raw = num.Raw
	case b.IsBool():
		n.raw = b.Raw
	case v.Get("nullValue").Exists():
		n.raw = "null"
	}
	return nil
}

// step takes the first step off a path: .name, ['name'] or [0]; i is -1 for a name.
func step(path string) (name string, i int, rest string, ok bool) {
	if path[0] == '.' {
		end := strings.IndexAny(path[1:], ".[")
		if end < 0 {
			end = len(path) - 1
		}
		return path[1 : 1+end], -1, path[1+end:], end > 0
	}
	if len(path) < 3 || path[0] != '[' {
		return "", 0, "", false
	}
	if quote := path[1]; quote == '\'' || quote == '"' {
		end := strings.Index(path[2:], string(quote)+"]")
		if end < 0 {
			return "", 0, "", false
		}
		return path[2 : 2+end], -1, path[2+end+2:], true
	}
	digits, rest, found := strings.Cut(path[1:], "]")
	i, err := strconv.Atoi(digits)
	return "", i, rest, found && err == nil && i >= 0
}

// at is the node at one step, which is made when it is new; nil when the step does
// not fit what came before.
func (n *node) at(name string, i int) *node {
	switch {
	case n.isText || n.raw != "", i >= 0 && n.kids != nil, i < 0 && n.list != nil:
		return nil
	case i >= 0:
		for len(n.list) <= i {
			n.list = append(n.list, &node{})
		}
		return n.list[i]
	case n.kids == nil:
		n.kids = map[string]*node{}
	}
	kid := n.kids[name]
	if kid == nil {
		kid = &node{}
		n.kids[name] = kid
		n.names = append(n.names, name)
	}
	return kid
}

func (n *node) write(w *jsonwrite.Writer) {
	switch {
	case n.isText:
		w.String(string(n.text))
	case n.kids != nil:
		w.Object()
		for _, name := range n.names {
			w.Name(name)
			n.kids[name].write(w)
		}
		w.End()
	case n.list != nil:
		w.Array()
		for _, e := range n.list {
			e.write(w)
		}
		w.EndArray()
	default:
		w.Raw(n.raw)
	}
}

// json is the arguments' text, nil when there are none.
func (p *pieces) json() []byte {
	if p.root.kids == nil {
		return []byte(p.rest)
	}
	var w jsonwrite.Writer
	p.root.write(&w)
	return w.B
}

var _ codec.StreamDecoder = (*streamDecoder)(nil)
