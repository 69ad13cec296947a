package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v4"
)

// ParseYAML reads one YAML document by YAML 1.2's core schema: yes and 12:30 are
// strings. Its error is a [*SyntaxError]. What makes YAML surprising is refused:
// keys that stand twice, anchors, aliases, merge keys, tags, keys that are not
// scalars. An empty document is Null.
func ParseYAML(b []byte) (*Node, error) {
	if err := checkText(b); err != nil {
		return nil, err
	}
	docs, err := loadYAML(b)
	switch {
	case err != nil:
		return nil, err
	case len(docs) == 0 || len(docs[0].Content) == 0:
		return &Node{Line: 1}, nil
	case len(docs) > 1:
		return nil, &SyntaxError{docs[1].Line, "a second document begins here; there may be only one"}
	}
	return fromYAML(docs[0].Content[0], 0)
}

func loadYAML(b []byte) (docs []*yaml.Node, err error) {
	// The library reports errors by panicking inside; one that slips out must not
	// take the process down.
	defer func() {
		if recover() != nil {
			docs, err = nil, &SyntaxError{Text: "this is not YAML"}
		}
	}()
	loader, err := yaml.NewLoader(bytes.NewReader(b))
	if err != nil {
		return nil, yamlError(err)
	}
	for len(docs) < 2 {
		var doc yaml.Node
		err := loader.Load(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, yamlError(err)
		}
		docs = append(docs, &doc)
	}
	return docs, nil
}

// unquoted finds what the library quotes of the document, which may be a secret
// that somebody forgot to quote.
var unquoted = regexp.MustCompile(`'[^']*'|"[^"]*"|` + "`[^`]*`")

func yamlError(err error) error {
	var load *yaml.LoadError
	if errors.As(err, &load) {
		return &SyntaxError{load.Mark.Line, unquoted.ReplaceAllStringFunc(load.Message, func(quoted string) string {
			if len(quoted) <= 3 || quoted == "'<document start>'" { // the sign that is missing
				return quoted
			}
			return "…"
		})}
	}
	return &SyntaxError{Text: "this is not YAML"}
}

func fromYAML(y *yaml.Node, depth int) (*Node, error) {
	switch {
	case y.Kind == yaml.AliasNode:
		return nil, &SyntaxError{y.Line, "aliases (*name) are not supported: write the value out"}
	case y.Anchor != "":
		return nil, &SyntaxError{y.Line, "anchors (&name) are not supported: write the value out"}
	case y.Style&yaml.TaggedStyle != 0:
		return nil, &SyntaxError{y.Line, fmt.Sprintf("tags (%.100s) are not supported: quote a scalar that is to be a string", y.Tag)}
	}
	n := &Node{Line: y.Line}
	if y.Kind == yaml.ScalarNode {
		if n.quoted = y.Style != 0; n.quoted {
			n.Kind, n.Text = String, y.Value
		} else {
			n.Kind, n.Text = resolve(y.Value)
		}
		return n, nil
	}
	if depth == MaxDepth {
		return nil, tooDeep(y.Line)
	}
	if y.Kind == yaml.SequenceNode {
		n.Kind = Array
		for _, item := range y.Content {
			v, err := fromYAML(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.Items = append(n.Items, v)
		}
		return n, nil
	}
	n.Kind = Object
	seen := keys{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		name, err := yamlKey(y.Content[i])
		if err != nil {
			return nil, err
		}
		line := y.Content[i].Line
		if err := seen.add(name, line); err != nil {
			return nil, err
		}
		v, err := fromYAML(y.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		n.Fields = append(n.Fields, Field{name, line, v})
	}
	return n, nil
}

func yamlKey(y *yaml.Node) (string, error) {
	if y.Kind != yaml.ScalarNode {
		return "", &SyntaxError{y.Line, "a key must be a scalar"}
	}
	if _, err := fromYAML(y, 0); err != nil {
		return "", err
	}
	if y.Style == 0 && y.Value == "<<" {
		return "", &SyntaxError{y.Line, "merge keys (<<) are not supported: write the fields out"}
	}
	return y.Value, nil
}
