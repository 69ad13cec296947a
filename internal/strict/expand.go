package strict

import (
	"fmt"
	"strings"
)

// Expand replaces ${NAME} and ${NAME:-default} in every scalar below n, several
// in one if need be; keys stay as they are. The default takes the place of a
// variable that is not set or empty; without one, a variable that is not set is
// a fault. $${ is a literal ${. What a variable holds is not expanded again.
//
// A plain YAML scalar and a JSON string that were expanded are then taken for
// whatever the field wants: a number, say. A quoted YAML scalar stays a string.
func (n *Node) Expand(lookup func(name string) (string, bool)) []Fault {
	e := expander{lookup: lookup}
	e.node(n, "", n.Line)
	return e.faults
}

type expander struct {
	lookup func(string) (string, bool)
	faults []Fault
}

func (e *expander) node(n *Node, path string, line int) {
	for i, item := range n.Items {
		e.node(item, index(path, i), item.Line)
	}
	for _, f := range n.Fields {
		e.node(f.Value, join(path, f.Name), f.Line)
	}
	if n.Kind != String || !strings.Contains(n.Text, "${") {
		return
	}
	text, problem := e.text(n.Text)
	if problem != "" {
		n.broken = true
		if len(e.faults) < MaxFaults {
			e.faults = append(e.faults, Fault{Path: path, Line: line, Text: problem})
		}
		return
	}
	n.Text, n.expanded = text, true
}

// text returns what is wrong in words that read on after a path, "" for nothing.
func (e *expander) text(s string) (out, problem string) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), ""
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		end := closing(s[i+2:])
		if end < 0 {
			return "", "has a ${ without its }; write $${ for a literal ${"
		}
		val, problem := e.variable(s[i+2 : i+2+end])
		if problem != "" {
			return "", problem
		}
		b.WriteString(val)
		s = s[i+2+end+1:]
	}
}

func (e *expander) variable(s string) (val, problem string) {
	name, def, hasDefault := strings.Cut(s, ":-")
	switch {
	case !isName(name):
		return "", "has a ${…} whose name is not made of letters, digits and _; write $${ for a literal ${"
	case strings.Contains(def, "${"):
		return "", fmt.Sprintf("has a variable within the default of ${%s}, which is not supported", name)
	}
	val, ok := e.lookup(name)
	switch {
	case hasDefault && val == "":
		return def, ""
	case !ok:
		return "", fmt.Sprintf("needs the variable %s, which is not set: set it, or give a default with ${%s:-default}", name, name)
	}
	return val, ""
}

// closing finds the } that belongs to what stands open, -1 when there is none.
func closing(s string) int {
	open := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			open++
		case '}':
			if open == 0 {
				return i
			}
			open--
		}
	}
	return -1
}

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 200
}
