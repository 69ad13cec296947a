package mcpproxy

import (
	"bytes"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
)

// Tools is a policy: which tools may be seen and called, and what they are called. A nil
// Tools is every tool by its own name. What it says does not change.
type Tools struct {
	// Allow says that only Names may be used; else all but Names.
	Allow bool
	Names map[string]struct{}
	// Overrides are by the server's names.
	Overrides map[string]Override
	shown     map[string]string // the server's names by those that callers see
	compared  atomic.Bool       // with what the server has
}

// unknown are the tools that it names and a whole list of the server's does not have. It is
// asked once.
func (t *Tools) unknown(m *jsonrpc.Message) (names []string) {
	if t == nil || len(t.Names)+len(t.Overrides) == 0 || t.compared.Load() {
		return nil
	}
	found, err := m.Members(m.Result, "tools", "nextCursor")
	if err != nil || found[1].OK() || !t.compared.CompareAndSwap(false, true) {
		return nil
	}
	have := map[string]struct{}{}
	text := found[0].Of(m.Data)
	jsonscan.Walk(text, 0, func(_ []byte, at int) int {
		end := jsonscan.Skip(text, at)
		if end > 0 {
			tool := jsonrpc.Message{Data: text[at:end]}
			name, _ := tool.Member(jsonrpc.Span{End: end - at}, "name")
			s, _ := tool.String(name)
			have[s] = struct{}{}
		}
		return end
	})
	for name := range t.Names {
		if _, ok := have[name]; !ok {
			names = append(names, name)
		}
	}
	for name := range t.Overrides {
		if _, ok := have[name]; !ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Override is what callers are told of a tool. An empty field leaves the server's.
type Override struct{ Name, Description string }

// NewTools makes a policy.
func NewTools(allow bool, names []string, overrides map[string]Override) *Tools {
	t := &Tools{Allow: allow, Names: map[string]struct{}{}, Overrides: overrides, shown: map[string]string{}}
	for _, name := range names {
		t.Names[name] = struct{}{}
	}
	for name, o := range overrides {
		if o.Name != "" && o.Name != name {
			t.shown[o.Name] = name
		}
	}
	return t
}

// executed is the server's name of a tool that the caller names; false when the caller
// knows no such tool: it has another name here, or its name is another's.
func (t *Tools) executed(shown string) (string, bool) {
	if t == nil {
		return shown, true
	}
	if name, ok := t.shown[shown]; ok {
		return name, true
	}
	if o := t.Overrides[shown]; o.Name != "" && o.Name != shown {
		return "", false
	}
	return shown, true
}

// present is the name by which callers see a tool; false when another tool has it.
func (t *Tools) present(name string) (string, bool) {
	if t == nil {
		return name, true
	}
	if o := t.Overrides[name]; o.Name != "" {
		return o.Name, true
	}
	_, taken := t.shown[name]
	return name, !taken
}

func (t *Tools) permits(names ...string) bool {
	if t == nil {
		return true
	}
	return t.Allow == slices.ContainsFunc(names, func(name string) bool { _, ok := t.Names[name]; return ok })
}

// toolset is what a caller may do with the tools on a route. A route names tools as the
// server does; a key may be for several routes, and name them as the caller does too.
type toolset struct{ route, key *Tools }

func (t toolset) open() bool { return t.route == nil && t.key == nil }

// call finds the server's name of a tool that the caller names, and whether it may be
// called.
func (t toolset) call(shown string) (name string, ok bool) {
	name, ok = t.route.executed(shown)
	return name, ok && t.route.permits(name) && t.key.permits(name, shown)
}

// show finds the name and the description by which the caller sees a tool, and whether it
// does.
func (t toolset) show(name string) (shown, description string, ok bool) {
	shown, ok = t.route.present(name)
	if !ok || !t.route.permits(name) || !t.key.permits(name, shown) {
		return "", "", false
	}
	if t.route != nil {
		description = t.route.Overrides[name].Description
	}
	return shown, description, true
}

// near says whether a method is one of the policy's in another spelling, which a server
// might take for it.
func near(method string) bool {
	plain := strings.ToLower(strings.Trim(method, " \t\r\n\x00/"))
	return plain != method && (plain == "tools/call" || plain == "tools/list")
}

// list is filter of an answer to tools/list, which has to list some.
func (t toolset) list(m *jsonrpc.Message) ([]byte, *jsonrpc.Error) {
	if !t.open() && m.Result.OK() {
		if tools, err := m.Member(m.Result, "tools"); err != nil || !tools.OK() {
			return nil, notUnderstood
		}
	}
	return t.filter(m)
}

// filter takes out of a response that lists tools those that the caller does not see, and
// names the others as it sees them. Everything else stays as it is. A response that
// lists no tools is returned as it is; one that cannot be understood is an error,
// because what it shows is not known.
func (t toolset) filter(m *jsonrpc.Message) ([]byte, *jsonrpc.Error) {
	if t.open() || !m.Result.OK() {
		return m.Data, nil
	}
	found, err := m.Members(m.Result, "tools", "cacheScope")
	if err != nil || m.Data[m.Result.Start] != '{' { // as all results are
		return nil, notUnderstood
	}
	tools := found[0].Of(m.Data)
	if tools == nil {
		return m.Data, nil
	}
	var kept [][]byte
	end := -1
	if tools[0] == '[' {
		end = jsonscan.Walk(tools, 0, func(_ []byte, at int) int {
			end := jsonscan.Skip(tools, at)
			if end < 0 {
				return -1
			}
			tool, ok := t.tool(tools[at:end])
			if !ok {
				return -1
			}
			if tool != nil {
				kept = append(kept, tool)
			}
			return end
		})
	}
	if end < 0 {
		return nil, notUnderstood
	}
	list := append(append([]byte{'['}, bytes.Join(kept, []byte(","))...), ']')
	edits := []jsonrpc.Edit{{At: found[0], With: list}}
	if found[1].OK() { // what one caller sees is nothing to keep for others
		edits = append(edits, jsonrpc.Edit{At: found[1], With: []byte(`"private"`)})
	}
	slices.SortFunc(edits, func(a, b jsonrpc.Edit) int { return a.At.Start - b.At.Start })
	return jsonrpc.Splice(m.Data, edits...), nil
}

var notUnderstood = jsonrpc.Errorf(jsonrpc.CodeInternal, "the server's list of tools cannot be understood, so the route's tool policy cannot be held to")

// tool is one tool as the caller sees it, nil when it does not; false when it cannot be
// understood.
func (t toolset) tool(text []byte) ([]byte, bool) {
	m := jsonrpc.Message{Data: text}
	found, err := m.Members(jsonrpc.Span{End: len(text)}, "name", "description")
	if err != nil || !found[0].OK() {
		return nil, false
	}
	name, err := m.String(found[0])
	if err != nil {
		return nil, false
	}
	shown, description, ok := t.show(name)
	if !ok {
		return nil, true
	}
	var edits []jsonrpc.Edit
	if shown != name {
		edits = append(edits, jsonrpc.Edit{At: found[0], With: jsonwrite.AppendString(nil, shown)})
	}
	switch {
	case description == "":
	case found[1].OK():
		edits = append(edits, jsonrpc.Edit{At: found[1], With: jsonwrite.AppendString(nil, description)})
	default:
		with := jsonwrite.AppendString([]byte(`"description":`), description)
		edits = append(edits, jsonrpc.Edit{At: jsonrpc.Span{Start: 1, End: 1}, With: append(with, ',')})
	}
	slices.SortFunc(edits, func(a, b jsonrpc.Edit) int { return a.At.Start - b.At.Start })
	return jsonrpc.Splice(text, edits...), true
}
