package main

import (
	"io"
	"net/http"
	"strings"

	"github.com/tidwall/gjson"
)

// mcpLists are what the server of the service "my files" has, and the sessions with it.
var mcpLists = map[string]string{
	"tools": `{"items":[
		{"name":"read_file","title":"Read File","description":"Reads a file.\nThe whole of it, from its first line to its last, unless one of head and tail says that less is wanted.","inputSchema":{"type":"object","properties":{"path":{"type":"string"},"tail":{"type":"number"}}},"x-unknown":12345678901234567890},
		{"name":"list_roots","inputSchema":{"type":"object"}}]}`,
	"resources":          `{"items":[{"uri":"file:///notes.txt","name":"notes.txt","mimeType":"text/plain"}]}`,
	"resource-templates": `{"items":[{"uriTemplate":"file:///{path}","name":"files","description":"Any file."}]}`,
	"prompts":            `{"items":[{"name":"review","title":"Review","description":"Reviews code.","arguments":[{"name":"language","required":true},{"name":"style"}]}]}`,
	"sessions":           `{"items":[{"id":"5e55","service_id":"my files","kind":"shared","virtual_key_id":"alice","upstream_session_id":"up-1","transport":"streamable_http","state":"idle","client_sessions":2,"created_at":"2026-01-02T03:04:05.678901234Z","last_used_at":"2026-01-02T03:04:06Z"}]}`,
}

// Requests under way: the second has said nothing of how far it is.
const (
	mcpSlow     = `{"id":"c1","route_id":"mcp:files:/mcp","service_id":"files","request_id":7,"method":"tools/call","tool_name":"read_file","virtual_key_id":"alice","progress_token":"t","started_at":"2026-01-02T03:04:05Z","cancelled_at":null,"cancel_reason":""}`
	mcpSilent   = `{"id":"c/2","route_id":"mcp:files:/mcp","service_id":"files","request_id":"b","method":"tools/list","tool_name":"","virtual_key_id":"","progress_token":null,"started_at":"2026-01-02T03:04:06Z","cancelled_at":null,"cancel_reason":""}`
	mcpStopped  = `{"id":"c/2","route_id":"mcp:files:/mcp","service_id":"files","request_id":"b","method":"tools/list","tool_name":"","virtual_key_id":"","progress_token":null,"started_at":"2026-01-02T03:04:06Z","cancelled_at":"2026-01-02T03:04:07Z","cancel_reason":"cancelled by an operator"}`
	mcpProgress = `{"id":"c1","route_id":"mcp:files:/mcp","request_id":7,"progress_token":"t","progress":3,"total":10,"message":"half way, or so","updated_at":"2026-01-02T03:04:07Z"}`
	mcpEnded    = `{"id":"c0","route_id":"mcp:files:/mcp","request_id":6,"method":"tools/call","tool_name":"read_file","virtual_key_id":"alice","started_at":"2026-01-02T03:04:01Z","completed_at":"2026-01-02T03:04:02Z","cancelled":false,"cancel_reason":"","error":"tool_error"}`
)

var mcpRuntime = map[string]string{
	"GET mcp/runtime":                        `{"in_flight":[` + mcpSlow + "," + mcpSilent + `],"progress":[` + mcpProgress + `]}`,
	"GET mcp/runtime/inflight":               `{"items":[` + mcpSlow + "," + mcpSilent + `]}`,
	"POST mcp/runtime/inflight/c%2F2/cancel": mcpStopped,
	"POST mcp/runtime/inflight/gone/cancel":  "",
	"GET mcp/runtime/progress":               `{"items":[` + mcpProgress + `]}`,
	"GET mcp/runtime/history":                `{"items":[` + mcpEnded + `]}`,
}

// answerMCP answers what can be asked of MCP servers, and of the requests to them; false
// when it is something else.
func answerMCP(w http.ResponseWriter, r *http.Request, path string) bool {
	if service, ok := strings.CutPrefix(path, "mcp/services/"); ok {
		return answerService(w, r, service)
	}
	answer, ok := mcpRuntime[r.Method+" "+path]
	switch {
	case !ok:
		return false
	case answer == "":
		refuse(w, http.StatusNotFound, "there is no MCP request under way")
	case r.URL.Query().Get("route_id") == "other":
		io.WriteString(w, `{"items":[]}`)
	default:
		io.WriteString(w, answer)
	}
	return true
}

func answerService(w http.ResponseWriter, r *http.Request, path string) bool {
	id, verb, _ := strings.Cut(path, "/")
	list, isList := mcpLists[verb]
	if !isList && verb != "capabilities" && !strings.Contains(verb, "/") {
		return false // of every kind
	}
	if id != "my%20files" {
		refuse(w, http.StatusNotFound, `there is no mcp_service "`+id+`"`)
		return true
	}
	body, _ := io.ReadAll(r.Body)
	switch asked := gjson.ParseBytes(body); {
	case isList:
		io.WriteString(w, list)
	case verb == "capabilities":
		io.WriteString(w, `{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"logging":{}},"serverInfo":{"name":"files","version":"1.0"},"instructions":"Read before you write.\n`+strings.Repeat("Then write. ", 20)+`"}`)
	case asked.Get("name").Str == "fails":
		io.WriteString(w, `{"content":[{"type":"text","text":"no such file"}],"isError":true}`)
	case asked.Get("uri").Str == "file:///nothing":
		w.WriteHeader(http.StatusBadGateway)
		io.WriteString(w, `{"error":"mcp_service my files answers with an error: Resource not found","field":"","rpc":{"code":-32002,"message":"Resource not found"}}`)
	default:
		io.WriteString(w, `{"`+r.Method+" "+verb+`":`+string(body)+`}`)
	}
	return true
}
