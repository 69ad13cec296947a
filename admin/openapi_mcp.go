package admin

import "slices"

// describeMCP adds what mcpRoutes serves.
func describeMCP(paths, schemas object) {
	text, number, moment := object{"type": "string"}, object{"type": "number"}, object{"type": "string", "format": "date-time"}
	ofCaller := object{"type": []string{"string", "number", "null"}} // ids and tokens, as the caller has made them
	under := object{"id": text, "route_id": text, "request_id": ofCaller, "method": text, "tool_name": text, "virtual_key_id": text, "started_at": moment}
	schemas["mcp_error"] = object{"allOf": []object{ref("error"), {"type": "object", "properties": object{
		"rpc": object{"type": "object", "description": "what the server answered with", "required": []string{"code", "message"}, "properties": object{"code": object{"type": "integer"}, "message": text}},
	}}}}
	schemas["mcp_session"] = record(object{
		"id": text, "service_id": text, "kind": object{"enum": []string{"session", "shared", "bare", "stateless", "operators"}}, "virtual_key_id": text, "upstream_session_id": text, "transport": text, "state": object{"enum": []string{"active", "idle"}},
		"client_sessions": object{"type": "integer"}, "dropped_messages": object{"type": "integer"}, "created_at": moment, "last_used_at": moment,
	})
	schemas["mcp_in_flight"] = record(under, object{
		"service_id": text, "progress_token": ofCaller, "cancelled_at": object{"type": []string{"string", "null"}, "format": "date-time"}, "cancel_reason": text,
	})
	schemas["mcp_progress"] = record(object{
		"id": text, "route_id": text, "request_id": ofCaller, "progress_token": ofCaller,
		"progress": number, "total": object{"type": []string{"number", "null"}}, "message": text, "updated_at": moment,
	})
	schemas["mcp_ended"] = record(under, object{"completed_at": moment, "cancelled": object{"type": "boolean"}, "cancel_reason": text, "error": text})

	service := "/admin/mcp/services/{id}"
	id := []object{{"name": "id", "in": "path", "required": true, "schema": text}}
	failed := response("the server answers with an error, which is rpc; or it cannot be asked", "mcp_error")
	theirs := func(description string, schema object) object {
		return object{"200": object{"description": description + ", as the server has sent it", "content": jsonContent(schema)}, "502": failed}
	}
	paths[service+"/capabilities"] = object{"parameters": id, "get": operation("what the server of an mcp_service says of itself and of what it can do", theirs("the result of initialize or of server/discover", object{"type": "object"}))}
	paths[service+"/sessions"] = object{"parameters": id, "get": operation("the sessions with the server of an mcp_service", itemsOf("sessions, the oldest first", ref("mcp_session")))}
	for _, l := range mcpLists {
		paths[service+"/"+l.path] = object{"parameters": id, "get": operation("the result of "+l.method+", to its end", theirs(l.member, items(object{"type": "object"})))}
	}
	for _, o := range mcpOperations {
		fields := object{}
		for _, name := range o.members {
			fields[name] = text
		}
		if _, ok := fields["arguments"]; ok {
			fields["arguments"] = object{"type": "object"}
		}
		body := object{"type": "object", "required": o.members[:1], "properties": fields, "additionalProperties": false}
		paths[service+"/"+o.path] = object{"parameters": id, "post": operation("ask the server of an mcp_service: "+o.method, theirs("the result", object{"type": "object"}),
			"requestBody", object{"required": true, "content": jsonContent(body)})}
	}

	runtime := "/admin/mcp/runtime"
	paths[runtime] = object{"get": operation("the MCP requests under way, and how far they are", object{"200": object{"description": "both", "content": jsonContent(record(object{
		"in_flight": array(ref("mcp_in_flight")), "progress": array(ref("mcp_progress")),
	}))}})}
	paths[runtime+"/inflight"] = object{"get": operation("the MCP requests under way", itemsOf("requests, the oldest first", ref("mcp_in_flight")))}
	paths[runtime+"/inflight/{id}/cancel"] = object{"parameters": id, "post": operation("cancel an MCP request under way", object{"200": response("the request", "mcp_in_flight")})}
	paths[runtime+"/progress"] = object{"get": operation("what servers have last said of the MCP requests under way", itemsOf("one for each request of which something was said", ref("mcp_progress")))}
	paths[runtime+"/history"] = object{"get": operation("the last MCP requests that have ended", itemsOf("requests, the last first", ref("mcp_ended")),
		"parameters", []object{{"name": "route_id", "in": "query", "schema": text}})}
}

// record is an object that has all of these fields.
func record(parts ...object) object {
	fields, required := object{}, []string{}
	for _, part := range parts {
		for name, schema := range part {
			fields[name] = schema
			required = append(required, name)
		}
	}
	slices.Sort(required)
	return object{"type": "object", "required": required, "properties": fields}
}

func array(of object) object { return object{"type": "array", "items": of} }

// items is the schema of a list.
func items(of object) object { return record(object{"items": array(of)}) }

// itemsOf are the answers of what lists.
func itemsOf(description string, of object) object {
	return object{"200": object{"description": description, "content": jsonContent(items(of))}}
}
