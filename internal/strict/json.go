package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// ParseJSON reads one JSON value. Its error is a [*SyntaxError]; a key that
// stands twice and data after the value are errors too.
func ParseJSON(b []byte) (*Node, error) {
	if err := checkText(b); err != nil {
		return nil, err
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	p := &jsonParser{text: b, line: 1, dec: json.NewDecoder(bytes.NewReader(b))}
	p.dec.UseNumber()
	n, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &SyntaxError{p.lineAt(p.dec.InputOffset()), "there is more after the document's end"}
	}
	return n, nil
}

type jsonParser struct {
	text []byte
	dec  *json.Decoder
	seen int64 // up to where line counts
	line int
}

// lineAt counts on from where it stood; a token never spans lines, so its end is
// on its line.
func (p *jsonParser) lineAt(offset int64) int {
	offset = min(offset, int64(len(p.text)))
	if offset > p.seen {
		p.line += bytes.Count(p.text[p.seen:offset], []byte("\n"))
		p.seen = offset
	}
	return p.line
}

func (p *jsonParser) token() (json.Token, int, error) {
	t, err := p.dec.Token()
	if err == nil {
		return t, p.lineAt(p.dec.InputOffset()), nil
	}
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, &SyntaxError{p.lineAt(int64(len(p.text))), "the document ends too early"}
	case errors.As(err, &syntax):
		return nil, 0, &SyntaxError{p.lineAt(syntax.Offset), syntax.Error()}
	}
	return nil, 0, &SyntaxError{p.lineAt(p.dec.InputOffset()), "this is not JSON"}
}

func (p *jsonParser) value(depth int) (*Node, error) {
	t, line, err := p.token()
	if err != nil {
		return nil, err
	}
	n := &Node{Line: line}
	switch t := t.(type) {
	case nil:
		n.Kind = Null
	case bool:
		n.Kind, n.Text = Bool, boolText(t)
	case json.Number:
		n.Kind, n.Text = Number, t.String()
	case string:
		n.Kind, n.Text = String, t
	case json.Delim:
		if depth == MaxDepth {
			return nil, tooDeep(line)
		}
		if t == '{' {
			n.Kind = Object
			err = p.object(n, depth+1)
		} else {
			n.Kind = Array
			err = p.array(n, depth+1)
		}
		if err == nil {
			_, _, err = p.token() // the closing one
		}
	}
	return n, err
}

func (p *jsonParser) object(n *Node, depth int) error {
	seen := keys{}
	for p.dec.More() {
		t, line, err := p.token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return &SyntaxError{line, "a key must be a string"}
		}
		if err := seen.add(name, line); err != nil {
			return err
		}
		v, err := p.value(depth)
		if err != nil {
			return err
		}
		n.Fields = append(n.Fields, Field{name, line, v})
	}
	return nil
}

func (p *jsonParser) array(n *Node, depth int) error {
	for p.dec.More() {
		v, err := p.value(depth)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, v)
	}
	return nil
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// appendJSON writes n as JSON.
func (n *Node) appendJSON(b []byte) []byte {
	switch n.Kind {
	case Bool, Number:
		return append(b, n.Text...)
	case String:
		return appendString(b, n.Text)
	case Array:
		b = append(b, '[')
		for i, item := range n.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.appendJSON(b)
		}
		return append(b, ']')
	case Object:
		b = append(b, '{')
		for i, f := range n.Fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, f.Name), ':')
			b = f.Value.appendJSON(b)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendString(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string always marshals
	return append(b, text...)
}
