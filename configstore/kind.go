package configstore

import (
	"reflect"
	"time"
)

// Object is one configured thing: a pointer to one of this package's structs.
type Object interface {
	// ObjectID is unique within the kind.
	ObjectID() string
	// Validate reports what is wrong with the object by itself. References are
	// checked where the whole set is known.
	Validate() []Fault
}

// Defaulter is implemented by objects with fields that follow from others. It is
// called before Validate.
type Defaulter interface{ Default() }

// Meta is what the server adds to an object that it shows. It is nil in stored
// objects, and ignored in request bodies.
type Meta struct {
	// Source is "store" or "static".
	Source    string    `json:"source"`
	ReadOnly  bool      `json:"read_only"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

// Kind is one row of the table of kinds.
type Kind struct {
	// Name is the kind in records, in bundle reports and in errors: "llm_route".
	Name string
	// Path is its collection below /admin: "llm/routes".
	Path string
	// Section is its section in a bundle: "llmRoutes".
	Section string
	// Command is its name on the command line: "llm-route".
	Command string
	// Columns are the fields that a table shows, as dotted paths.
	Columns []string
	// Filters are the query parameters that a list takes, each the name of a
	// field at the top.
	Filters []string
	// IDFields are the fields that make the id, joined by slashes, and the segments of
	// an object's path; nil is "id".
	IDFields []string
	// New returns a pointer to a new zero object.
	New func() Object
}

// Fields are the fields that make the id.
func (k Kind) Fields() []string {
	if k.IDFields == nil {
		return []string{"id"}
	}
	return k.IDFields
}

// Kinds is the table, in the order in which a bundle is applied: what is
// referred to stands before what refers to it.
var Kinds = []Kind{
	{
		Name: "provider", Path: "llm/providers", Section: "providers", Command: "provider",
		Columns: []string{"id", "provider_type", "base_url", "default_model", "disabled", "source"},
		Filters: []string{"provider_type"},
		New:     func() Object { return new(Provider) },
	},
	{
		Name: "managed_model", Path: "llm/models/managed", Section: "managedModels", Command: "model managed",
		Columns: []string{"provider_id", "upstream_model", "enabled", "price.input_per_mtok", "price.output_per_mtok", "source"},
		Filters: []string{"provider_id"}, IDFields: []string{"provider_id", "upstream_model"},
		New: func() Object { return new(ManagedModel) },
	},
	{
		Name: "credential", Path: "credentials", Section: "credentials", Command: "credential",
		Columns: []string{"id", "provider_id", "type", "scope", "label", "disabled", "source"},
		Filters: []string{"provider_id", "provider_type", "type"},
		New:     func() Object { return new(Credential) },
	},
	{
		Name: "llm_route", Path: "llm/routes", Section: "llmRoutes", Command: "llm-route",
		Columns: []string{"id", "protocol", "match_policy.host", "match_policy.path_prefix", "target_policy.provider_target.provider_id", "auth_policy.require_virtual_key", "disabled", "source"},
		New:     func() Object { return new(LLMRoute) },
	},
	{
		Name: "mcp_service", Path: "mcp/services", Section: "mcpServices", Command: "mcp-service",
		Columns: []string{"id", "name", "transport", "url", "command", "isolation", "disabled", "source"},
		Filters: []string{"transport"},
		New:     func() Object { return new(MCPService) },
	},
	{
		Name: "mcp_route", Path: "mcp/routes", Section: "mcpRoutes", Command: "mcp-route",
		Columns: []string{"id", "service_id", "match_policy.host", "match_policy.path_prefix", "tool_policy.mode", "auth_policy.require_virtual_key", "disabled", "source"},
		Filters: []string{"service_id"},
		New:     func() Object { return new(MCPRoute) },
	},
	{
		Name: "virtual_key", Path: "virtual_keys", Section: "virtualKeys", Command: "virtualkey",
		Columns: []string{"id", "tag", "allowed_route_ids", "allowed_models", "expires_at", "disabled", "source"},
		Filters: []string{"tag"},
		New:     func() Object { return new(VirtualKey) },
	},
}

// KindByName returns the row of that name.
func KindByName(name string) (Kind, bool) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// KindOf returns the row of an object's type.
func KindOf(o Object) (Kind, bool) {
	for _, k := range Kinds {
		if reflect.TypeOf(k.New()) == reflect.TypeOf(o) {
			return k, true
		}
	}
	return Kind{}, false
}

// Type is the struct's type.
func (k Kind) Type() reflect.Type { return reflect.TypeOf(k.New()).Elem() }
