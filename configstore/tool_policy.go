package configstore

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// The modes of tool policies.
const (
	ToolsAllow = "allow" // these tools and no others
	ToolsDeny  = "deny"  // all tools but these
)

// ToolPolicy says which tools may be seen and called. The zero value is every tool.
type ToolPolicy struct {
	Mode  string   `json:"mode,omitempty" jsonschema:"enum=allow,enum=deny"`
	Tools []string `json:"tools,omitempty"`
}

// RouteToolPolicy is a ToolPolicy that also says how tools are presented. Tools and
// the keys of Overrides are the upstream's names.
type RouteToolPolicy struct {
	Mode      string                  `json:"mode,omitempty" jsonschema:"enum=allow,enum=deny"`
	Tools     []string                `json:"tools,omitempty"`
	Overrides map[string]ToolOverride `json:"overrides,omitempty"`
}

// ToolOverride presents a tool under another name, or with another description.
type ToolOverride struct {
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
}

// maxToolName is what the specification of MCP allows a tool's name.
const maxToolName = 128

func (f *faults) toolName(field, name string) {
	switch {
	case name == "":
		f.add(field, "is empty")
	case len(name) > maxToolName:
		f.add(field, "is longer than %d bytes", maxToolName)
	case strings.ContainsFunc(name, unicode.IsControl):
		f.add(field, "has a control character")
	}
}

func (p ToolPolicy) validate(f *faults, at string) {
	f.oneOf(at+".mode", p.Mode, "", ToolsAllow, ToolsDeny)
	if p.Mode == "" && len(p.Tools) > 0 {
		f.add(at+".mode", "is required with tools: allow for these tools and no others, deny for all but these")
	}
	seen := map[string]bool{}
	for i, name := range p.Tools {
		field := fmt.Sprintf("%s.tools[%d]", at, i)
		f.toolName(field, name)
		switch {
		case strings.Contains(name, "*"):
			f.add(field, "is %q; patterns are not supported: name each tool", name)
		case name != "" && seen[name]:
			f.add(field, "is %q, which is listed twice", name)
		}
		seen[name] = true
	}
}

func (p RouteToolPolicy) validate(f *faults, at string) {
	ToolPolicy{p.Mode, p.Tools}.validate(f, at)
	presented := map[string]string{} // name to upstream name
	for _, tool := range slices.Sorted(maps.Keys(p.Overrides)) {
		o := p.Overrides[tool]
		field := at + ".overrides"
		if tool == "" {
			f.add(field, "has a tool without a name")
			continue
		}
		field += "." + tool
		f.toolName(field, tool)
		name := o.Name
		switch {
		case o == (ToolOverride{}):
			f.add(field, "changes nothing: give name or description")
			continue
		case name == "":
			name = tool
		default:
			f.toolName(field+".name", name)
		}
		if other, taken := presented[name]; taken {
			f.add(field+".name", "is %q, the name of tool %s too: give each its own", name, other)
		}
		presented[name] = tool
	}
}
