package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// The gateway asks the server of an MCP service for what follows. What the server
// refuses is an [Error] with an RPC. Starting a server and running a tool may take as
// long as two minutes: see [Options.Timeout].

// MCPCapabilities returns what the server says of itself and of what it can do: its
// answer to initialize, or to server/discover.
func (c *Client) MCPCapabilities(ctx context.Context, serviceID string) (json.RawMessage, error) {
	return c.ofService(ctx, call{method: http.MethodGet, path: "/capabilities"}, serviceID)
}

// MCPTools lists the server's tools, as it describes them.
func (c *Client) MCPTools(ctx context.Context, serviceID string) ([]json.RawMessage, error) {
	return c.listOfService(ctx, serviceID, "/tools")
}

// MCPResources lists the server's resources, as it describes them.
func (c *Client) MCPResources(ctx context.Context, serviceID string) ([]json.RawMessage, error) {
	return c.listOfService(ctx, serviceID, "/resources")
}

// MCPResourceTemplates lists the server's templates of resources, as it describes them.
func (c *Client) MCPResourceTemplates(ctx context.Context, serviceID string) ([]json.RawMessage, error) {
	return c.listOfService(ctx, serviceID, "/resource-templates")
}

// MCPPrompts lists the server's prompts, as it describes them.
func (c *Client) MCPPrompts(ctx context.Context, serviceID string) ([]json.RawMessage, error) {
	return c.listOfService(ctx, serviceID, "/prompts")
}

// MCPSessions lists the sessions that the gateway has with the server.
func (c *Client) MCPSessions(ctx context.Context, serviceID string) ([]json.RawMessage, error) {
	return c.listOfService(ctx, serviceID, "/sessions")
}

// MCPCallTool calls a tool and returns its result, whose member isError says whether the
// tool failed. arguments are a JSON object; nil sends none.
func (c *Client) MCPCallTool(ctx context.Context, serviceID, name string, arguments json.RawMessage) (json.RawMessage, error) {
	return c.askService(ctx, serviceID, "/tools/call", named{name, arguments})
}

// MCPReadResource reads a resource and returns the server's result.
func (c *Client) MCPReadResource(ctx context.Context, serviceID, uri string) (json.RawMessage, error) {
	return c.askService(ctx, serviceID, "/resources/read", struct {
		URI string `json:"uri"`
	}{uri})
}

// MCPGetPrompt fills in a prompt and returns the server's result. arguments are a JSON
// object; nil sends none.
func (c *Client) MCPGetPrompt(ctx context.Context, serviceID, name string, arguments json.RawMessage) (json.RawMessage, error) {
	return c.askService(ctx, serviceID, "/prompts/get", named{name, arguments})
}

// MCPRuntime returns the MCP requests under way as "in_flight", and what servers have
// last said of how far they are as "progress".
func (c *Client) MCPRuntime(ctx context.Context) (json.RawMessage, error) {
	return c.json(ctx, call{method: http.MethodGet, path: "mcp/runtime"})
}

// MCPInFlight lists the MCP requests under way, the oldest first.
func (c *Client) MCPInFlight(ctx context.Context) ([]json.RawMessage, error) {
	return c.items(ctx, "mcp/runtime/inflight", nil)
}

// MCPProgress lists what servers have last said of the MCP requests under way.
func (c *Client) MCPProgress(ctx context.Context) ([]json.RawMessage, error) {
	return c.items(ctx, "mcp/runtime/progress", nil)
}

// MCPHistory lists the MCP requests that have ended, the last first, of one route; of all
// when routeID is empty.
func (c *Client) MCPHistory(ctx context.Context, routeID string) ([]json.RawMessage, error) {
	query := url.Values{}
	if routeID != "" {
		query.Set("route_id", routeID)
	}
	return c.items(ctx, "mcp/runtime/history", query)
}

// MCPCancel cancels an MCP request under way, by the id that [Client.MCPInFlight] shows,
// and returns it.
func (c *Client) MCPCancel(ctx context.Context, id string) (json.RawMessage, error) {
	if id == "" {
		return nil, errors.New("the id of the MCP request is empty")
	}
	return c.json(ctx, call{method: http.MethodPost, path: "mcp/runtime/inflight/" + url.PathEscape(id) + "/cancel"})
}

// named is the body that names a tool or a prompt.
type named struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
}

func (c *Client) askService(ctx context.Context, serviceID, path string, body any) (json.RawMessage, error) {
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false) // arguments go to the server as they were given
	if err := w.Encode(body); err != nil {
		return nil, errors.New("the arguments are not JSON")
	}
	return c.ofService(ctx, call{method: http.MethodPost, path: path, body: b.Bytes(), contentType: "application/json"}, serviceID)
}

// ofService makes a call to a path below a service's.
func (c *Client) ofService(ctx context.Context, r call, serviceID string) (json.RawMessage, error) {
	var err error
	if r.path, err = servicePath(serviceID, r.path); err != nil {
		return nil, err
	}
	return c.json(ctx, r)
}

func (c *Client) listOfService(ctx context.Context, serviceID, path string) ([]json.RawMessage, error) {
	path, err := servicePath(serviceID, path)
	if err != nil {
		return nil, err
	}
	return c.items(ctx, path, nil)
}

func servicePath(id, below string) (string, error) {
	k, ok := configstore.KindByName("mcp_service")
	switch {
	case !ok:
		return "", errors.New("the table of kinds has no MCP services")
	case id == "":
		return "", errors.New("the id of the mcp_service is empty")
	}
	return k.Path + "/" + itemPath(k, id) + below, nil
}
