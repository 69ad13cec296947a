package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/internal/mcpproxy"
	"github.com/agent-gateway/agent-gateway/internal/strict"
)

// mcpLists are what a service's lists are called here and by its server.
var mcpLists = []struct{ path, method, member string }{
	{"tools", "tools/list", "tools"},
	{"resources", "resources/list", "resources"},
	{"resource-templates", "resources/templates/list", "resourceTemplates"},
	{"prompts", "prompts/list", "prompts"},
}

// mcpOperations are what a service can be asked to do, with the members of the body, of
// which the first is required.
var mcpOperations = []struct {
	path, method string
	members      []string
}{
	{"tools/call", "tools/call", []string{"name", "arguments"}},
	{"resources/read", "resources/read", []string{"uri"}},
	{"prompts/get", "prompts/get", []string{"name", "arguments"}},
}

func (a *api) mcpRoutes(r chi.Router) {
	const service = "/admin/mcp/services/{id}"
	r.Get(service+"/capabilities", a.mcpService(func(ctx context.Context, s *mcpproxy.Service, _ *http.Request) (json.RawMessage, error) {
		return a.MCP.Agreed(ctx, s)
	}))
	r.Get(service+"/sessions", func(w http.ResponseWriter, r *http.Request) {
		id := pathParam(r, "id")
		if a.Runtime.Set().Get("mcp_service", id) == nil {
			fail(w, http.StatusNotFound, "", "there is no mcp_service %q", id)
			return
		}
		reply(w, http.StatusOK, map[string]any{"items": a.MCP.Upstreams(id)})
	})
	for _, l := range mcpLists {
		r.Get(service+"/"+l.path, a.mcpService(func(ctx context.Context, s *mcpproxy.Service, _ *http.Request) (json.RawMessage, error) {
			items, err := a.MCP.All(ctx, s, l.method, l.member)
			return listOf(items), err
		}))
	}
	for _, o := range mcpOperations {
		r.Post(service+"/"+o.path, func(w http.ResponseWriter, r *http.Request) {
			params, err := mcpParams(w, r, o.members)
			if err != nil {
				a.answer(w, r, err, "", "")
				return
			}
			a.mcpService(func(ctx context.Context, s *mcpproxy.Service, _ *http.Request) (json.RawMessage, error) {
				return a.MCP.Do(ctx, s, o.method, params)
			})(w, r)
		})
	}
	r.Get("/admin/mcp/runtime", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"in_flight": a.MCP.InFlight(), "progress": a.MCP.Progress()})
	})
	r.Get("/admin/mcp/runtime/inflight", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"items": a.MCP.InFlight()})
	})
	r.Post("/admin/mcp/runtime/inflight/{id}/cancel", func(w http.ResponseWriter, r *http.Request) {
		f, ok := a.MCP.Cancel(pathParam(r, "id"))
		if !ok {
			fail(w, http.StatusNotFound, "", "there is no MCP request %q under way", pathParam(r, "id"))
			return
		}
		reply(w, http.StatusOK, f)
	})
	r.Get("/admin/mcp/runtime/progress", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"items": a.MCP.Progress()})
	})
	r.Get("/admin/mcp/runtime/history", a.mcpHistory)
}

func (a *api) mcpHistory(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name := range q {
		if name != "route_id" {
			fail(w, http.StatusBadRequest, name, "there is no parameter %q; route_id selects a route", name)
			return
		}
	}
	reply(w, http.StatusOK, map[string]any{"items": a.MCP.History(q.Get("route_id"))})
}

// mcpTime bounds what the Admin API asks of an MCP server.
const mcpTime = 2 * time.Minute

// mcpService asks the server of the service in the path.
func (a *api) mcpService(ask func(context.Context, *mcpproxy.Service, *http.Request) (json.RawMessage, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := pathParam(r, "id")
		s := a.Runtime.MCPService(id)
		switch {
		case s == nil:
			fail(w, http.StatusNotFound, "", "there is no mcp_service %q", id)
			return
		case s.Disabled:
			fail(w, http.StatusConflict, "disabled", "mcp_service %s is disabled: enable it first", id)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), mcpTime)
		defer cancel()
		text, err := ask(ctx, s, r)
		var rpc *jsonrpc.Error
		switch {
		case err == nil:
			replyText(w, http.StatusOK, text)
		case errors.As(err, &rpc):
			reply(w, http.StatusBadGateway, map[string]any{
				"error": "mcp_service " + id + " answers with an error: " + rpc.Message, "field": "",
				"rpc": map[string]any{"code": rpc.Code, "message": rpc.Message},
			})
		case r.Context().Err() != nil: // nobody reads the answer
		case errors.Is(err, context.DeadlineExceeded):
			fail(w, http.StatusBadGateway, "", "mcp_service %s has not answered in %s", id, mcpTime)
		default:
			a.Log.WarnContext(r.Context(), "an MCP server could not be asked", "service", id, "error", err)
			fail(w, http.StatusBadGateway, "", "mcp_service %s cannot be asked: %s", id, err)
		}
	}
}

// listOf is a list of a server's objects, which stay as they are.
func listOf(items []json.RawMessage) json.RawMessage {
	var out jsonwrite.Writer
	out.Object()
	out.ArrayField("items")
	for _, item := range items {
		out.Raw(string(item))
	}
	out.EndArray()
	out.End()
	return out.B
}

// mcpParams makes params of a body, whose values stay as they are.
func mcpParams(w http.ResponseWriter, r *http.Request, members []string) ([]byte, error) {
	body, node, err := parseBody(w, r)
	if err != nil {
		return nil, err
	}
	if node.Kind != strict.Object {
		return nil, errorf(http.StatusBadRequest, "", "the body is not a JSON object: {%q: …}", members[0])
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(body, &given); err != nil {
		return nil, errorf(http.StatusBadRequest, "", "the body is not JSON: %s", err)
	}
	for name := range given {
		if !slices.Contains(members, name) {
			return nil, errorf(http.StatusBadRequest, name, "there is no field %q; it takes %v", name, members)
		}
	}
	var required string
	if json.Unmarshal(given[members[0]], &required) != nil || required == "" {
		return nil, errorf(http.StatusBadRequest, members[0], "%s is required, as a string", members[0])
	}
	var out jsonwrite.Writer
	out.Object()
	for _, name := range members {
		if v := given[name]; v != nil && string(v) != "null" {
			if name == "arguments" && v[0] != '{' {
				return nil, errorf(http.StatusBadRequest, name, "arguments is not an object")
			}
			out.RawField(name, string(v))
		}
	}
	out.End()
	return out.B, nil
}
