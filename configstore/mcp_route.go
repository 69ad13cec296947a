package configstore

import "strings"

// MCPRoute sends the requests that it matches to an MCP service.
type MCPRoute struct {
	// ID is mcp:<service_id>:<path_prefix> unless it is given.
	ID        string `json:"id,omitempty"`
	ServiceID string `json:"service_id" jsonschema:"required" agw:"ref=mcp_service"`
	// ServiceIDs is for several services behind one route. It is refused: nothing
	// serves it yet.
	ServiceIDs  []string        `json:"service_ids,omitempty" jsonschema:"-"`
	MatchPolicy MatchPolicy     `json:"match_policy" jsonschema:"required"`
	AuthPolicy  AuthPolicy      `json:"auth_policy,omitzero"`
	ToolPolicy  RouteToolPolicy `json:"tool_policy,omitzero"`
	Disabled    bool            `json:"disabled"`
	*Meta
}

// ObjectID implements [Object].
func (r *MCPRoute) ObjectID() string { return r.ID }

const mcpRoutePrefix = "mcp:"

// Default implements [Defaulter].
func (r *MCPRoute) Default() {
	r.MatchPolicy.normalize()
	if r.ID == "" && r.ServiceID != "" && r.MatchPolicy.PathPrefix != "" {
		r.ID = mcpRoutePrefix + r.ServiceID + ":" + r.MatchPolicy.PathPrefix
	}
}

// Validate implements [Object].
func (r *MCPRoute) Validate() []Fault {
	var f faults
	switch {
	case len(r.ServiceIDs) > 0:
		f.add("service_ids", "is not supported by this version yet: name one service in service_id, and give each further one a route of its own")
	case r.ServiceID == "":
		f.add("service_id", "is required")
	}
	// Without what it is made of, an id is not missing as well.
	if r.ID != "" || r.ServiceID != "" && r.MatchPolicy.PathPrefix != "" {
		f.routeID(mcpRoutePrefix, r.ID)
	}
	f.match("match_policy", r.MatchPolicy)
	r.ToolPolicy.validate(&f, "tool_policy")
	return f
}

// routeID accepts an id, and one that is made of a service and of a path prefix:
// "mcp:main:/mcp". The route may have another prefix by now, but keeps its id.
func (f *faults) routeID(prefix, id string) {
	head, path, made := strings.Cut(id, ":/")
	if !made || !strings.HasPrefix(head, prefix) || head == prefix {
		f.id(id)
		return
	}
	var wrong faults
	wrong.id(head + ":" + strings.ReplaceAll(path, "/", ""))
	switch {
	case len(id) > 200:
		f.add("id", "is longer than 200 bytes: give one")
	case len(wrong) > 0:
		f.add("id", "is %q; spaces, control characters and any of \\ ? # %% do not go into an id: give one without them", id)
	}
}
