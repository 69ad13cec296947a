package admin

import (
	"encoding/json"
	"fmt"

	"github.com/agent-gateway/agent-gateway/admin/schema"
	"github.com/agent-gateway/agent-gateway/configstore"
)

type object = map[string]any

// openAPI describes the API from the table of kinds.
func openAPI() ([]byte, error) {
	paths, schemas := object{}, object{
		"error": object{"type": "object", "required": []string{"error"}, "properties": object{
			"error": object{"type": "string"}, "field": object{"type": "string"},
		}},
		"deleted": object{"type": "object", "properties": object{"status": object{"const": "deleted"}, "id": object{"type": "string"}}},
	}
	for _, k := range configstore.Kinds {
		schemas[k.Name] = schema.Kind(k)
		one := response("the object", k.Name)
		var id []object
		for _, f := range k.Fields() {
			id = append(id, object{"name": f, "in": "path", "required": true, "schema": object{"type": "string"}})
		}
		var filters []object
		for _, f := range k.Filters {
			filters = append(filters, object{"name": f, "in": "query", "schema": object{"type": "string"}})
		}
		body := object{"required": true, "content": jsonContent(ref(k.Name))}
		paths["/admin/"+k.Path] = object{
			"get":  operation("list "+k.Path, itemsOf("all objects, ordered by id", ref(k.Name)), "parameters", filters),
			"post": operation("create a "+k.Name, object{"201": one}, "requestBody", body),
		}
		paths[itemPath(k)] = object{
			"parameters": id,
			"get":        operation("get a "+k.Name, object{"200": one}),
			"put":        operation("change a "+k.Name, object{"200": one}, "requestBody", body),
			"delete":     operation("delete a "+k.Name, object{"200": response("deleted", "deleted")}),
		}
		for _, verb := range verbs(k) {
			paths[itemPath(k)+"/"+verb] = object{"parameters": id, "post": operation(verb+" a "+k.Name, object{"200": one})}
		}
		if k.Name == "virtual_key" {
			paths[itemPath(k)+"/usage"] = object{"parameters": id, "get": operation("what a virtual_key has used of its limits", object{"200": object{"description": "each limit", "content": jsonContent(object{"type": "object"})}})}
			paths[itemPath(k)+"/rotate"] = object{"parameters": id, "post": operation("give a virtual_key a new key", object{"200": one})}
		}
	}
	plain := object{"200": object{"description": "the answer", "content": jsonContent(object{"type": "object"})}}
	for path, summary := range map[string]string{
		"/admin/health": "whether the process is up; needs no authentication", "/admin/ready": "whether the configuration is served",
		"/admin/openapi.json": "this document", "/admin/schema/bundle.json": "the JSON Schema of bundles",
		"/admin/llm/provider_types": "the types of providers", "/admin/llm/api_handler_types": "the protocols of LLM routes",
		"/admin/metrics": "summaries, and the health of the event pipeline", "/admin/metrics/llm/events": "recent LLM events, newest first",
		"/admin/metrics/mcp/events": "recent MCP events, newest first",
	} {
		paths[path] = object{"get": operation(summary, plain)}
	}
	describeMCP(paths, schemas)
	provider := []object{{"name": "provider_id", "in": "path", "required": true, "schema": object{"type": "string"}}}
	paths["/admin/llm/models/providers/{provider_id}/discovered"] = object{"parameters": provider, "get": operation("the models that a provider has said it has", plain)}
	paths["/admin/llm/models/providers/{provider_id}/refresh"] = object{"parameters": provider, "post": operation("ask a provider for its models", plain)}
	paths["/admin/metrics/prometheus"] = object{"get": operation("counters for Prometheus", object{"200": object{"description": "text exposition", "content": object{"text/plain": object{}}}})}
	bundle := object{"application/yaml": object{"schema": object{"type": "string"}}, "application/json": object{"schema": object{"type": "object"}}}
	paths["/admin/bundle"] = object{
		"get": operation("export everything as a bundle without secrets", object{"200": object{"description": "the bundle", "content": bundle}}),
		"post": operation("apply a bundle: all of it or nothing", plain, "requestBody", object{"required": true, "content": bundle},
			"parameters", []object{{"name": "dry_run", "in": "query", "schema": object{"type": "string", "enum": []string{"0", "1"}}}}),
	}
	b, err := json.Marshal(object{
		"openapi":    "3.1.0",
		"info":       object{"title": "agent-gateway Admin API", "version": "v1alpha1"},
		"paths":      paths,
		"components": object{"schemas": schemas, "securitySchemes": object{"basic": object{"type": "http", "scheme": "basic"}}},
		"security":   []object{{"basic": []string{}}},
	})
	if err != nil {
		return nil, fmt.Errorf("describe the Admin API: %w", err)
	}
	return b, nil
}

// operation is an operation with the answers that all have, and further members
// as pairs of a name and a value.
func operation(summary string, responses object, more ...any) object {
	all := object{"default": response("an error", "error")}
	for status, r := range responses {
		all[status] = r
	}
	op := object{"summary": summary, "responses": all}
	for i := 0; i+1 < len(more); i += 2 {
		op[more[i].(string)] = more[i+1]
	}
	return op
}

func response(description, name string) object {
	return object{"description": description, "content": jsonContent(ref(name))}
}

func jsonContent(schema object) object { return object{"application/json": object{"schema": schema}} }

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }
