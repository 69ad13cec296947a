package configstore

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Check returns warnings, ordered by line: references that the bundle itself does
// not hold, routes that are open to everybody or that another's requests would match as
// well, and policies of which a part does nothing.
func (b *Bundle) Check() []BundleFault {
	held := map[[2]string]bool{}
	for _, item := range b.Items {
		held[[2]string{item.Kind.Name, item.Object.ObjectID()}] = true
	}
	matched := map[string]string{} // by what they match, the routes
	var w []BundleFault
	for _, item := range b.Items {
		warn := func(field, format string, args ...any) {
			line := item.Line
			if item.node != nil {
				line = item.node.LineOf(field)
			}
			w = append(w, BundleFault{Line: line, Kind: item.Kind.Name, ID: item.Object.ObjectID(), Field: field, Text: fmt.Sprintf(format, args...), Warning: true})
		}
		for _, ref := range Refs(item.Object) {
			if !slices.ContainsFunc(ref.Kinds, func(kind string) bool { return held[[2]string{kind, ref.ID}] }) {
				warn(ref.Field, "names %s %s, which is not in this bundle; it may be in the store", strings.Join(ref.Kinds, " or "), ref.ID)
			}
		}
		if openToAll(item.Object) {
			warn("auth_policy.require_virtual_key", "is false: whoever reaches the gateway may use this route")
		}
		switch o := item.Object.(type) {
		case *LLMRoute:
			checkMatch(matched, o.Protocol, o.ID, o.MatchPolicy, warn)
		case *MCPRoute:
			checkMatch(matched, "mcp", o.ID, o.MatchPolicy, warn)
			o.ToolPolicy.check(warn)
		case *MCPService:
			if o.Auth.Type == "bearer" && o.Auth.Token.IsZero() {
				warn("auth.token", "is not given; it may be in the store")
			}
		case *VirtualKey:
			if len(o.AllowedRouteIDs) == 0 {
				warn("allowed_route_ids", `is empty: this key may use no route; ["*"] is every one`)
			}
		}
	}
	slices.SortStableFunc(w, byLine)
	return w
}

// openToAll says whether an object is a route that takes requests without a key.
func openToAll(o Object) bool {
	switch r := o.(type) {
	case *LLMRoute:
		return !r.AuthPolicy.RequireVirtualKey
	case *MCPRoute:
		return !r.AuthPolicy.RequireVirtualKey
	}
	return false
}

// checkMatch warns of a route that matches what another does, which the gateway refuses.
// It knows only of the plain case: the gateway itself looks at all that tells routes apart.
func checkMatch(matched map[string]string, protocol, id string, m MatchPolicy, warn func(field, format string, args ...any)) {
	if len(m.Methods) > 0 {
		return
	}
	key := protocol + " " + strings.ToLower(m.Host) + m.PathPrefix
	if other, taken := matched[key]; taken {
		warn("match_policy", "matches what route %s does: the gateway refuses routes that no request could tell apart", other)
		return
	}
	matched[key] = id
}

// check warns of what does nothing.
func (p RouteToolPolicy) check(warn func(field, format string, args ...any)) {
	presented := map[string]string{}
	for _, tool := range slices.Sorted(maps.Keys(p.Overrides)) {
		if name := p.Overrides[tool].Name; name != "" {
			presented[name] = tool
		}
		switch named := slices.Contains(p.Tools, tool); {
		case p.Mode == ToolsAllow && !named:
			warn("tool_policy.overrides."+tool, "does nothing: tools does not allow %s", tool)
		case p.Mode == ToolsDeny && named:
			warn("tool_policy.overrides."+tool, "does nothing: tools denies %s", tool)
		}
	}
	for i, name := range p.Tools {
		if tool, ok := presented[name]; ok && p.Overrides[name] == (ToolOverride{}) {
			warn(fmt.Sprintf("tool_policy.tools[%d]", i), "is %q, which is what overrides call %s: tools has the server's own names", name, tool)
		}
	}
}
