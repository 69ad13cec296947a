package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// List returns the objects of a kind, their secrets masked. Filters are the
// kind's [configstore.Kind.Filters]; nil takes all. No objects are an empty list.
func (c *Client) List(ctx context.Context, k configstore.Kind, filters url.Values) ([]json.RawMessage, error) {
	return c.items(ctx, k.Path, filters)
}

// Get returns one object. Secrets are masked, except for a virtual key's "key".
func (c *Client) Get(ctx context.Context, k configstore.Kind, id string) (json.RawMessage, error) {
	return c.object(ctx, http.MethodGet, k, id, "")
}

// Delete removes one object and returns the server's confirmation. What others
// refer to is refused.
func (c *Client) Delete(ctx context.Context, k configstore.Kind, id string) (json.RawMessage, error) {
	return c.object(ctx, http.MethodDelete, k, id, "")
}

// Enable switches an object on and returns it.
func (c *Client) Enable(ctx context.Context, k configstore.Kind, id string) (json.RawMessage, error) {
	return c.object(ctx, http.MethodPost, k, id, "/enable")
}

// Disable switches an object off and returns it.
func (c *Client) Disable(ctx context.Context, k configstore.Kind, id string) (json.RawMessage, error) {
	return c.object(ctx, http.MethodPost, k, id, "/disable")
}

// KeyUsage returns how a virtual key stands with its limits: an object with "id",
// "budget_period" and "items", one for each limit that it has.
func (c *Client) KeyUsage(ctx context.Context, id string) (json.RawMessage, error) {
	k, ok := configstore.KindByName("virtual_key")
	if !ok {
		return nil, errors.New("the table of kinds has no virtual keys")
	}
	return c.object(ctx, http.MethodGet, k, id, "/usage")
}

// ProviderTypes lists the provider types that the gateway has.
func (c *Client) ProviderTypes(ctx context.Context) ([]json.RawMessage, error) {
	return c.items(ctx, "llm/provider_types", nil)
}

// APIHandlerTypes lists the LLM protocols that the gateway serves.
func (c *Client) APIHandlerTypes(ctx context.Context) ([]json.RawMessage, error) {
	return c.items(ctx, "llm/api_handler_types", nil)
}

// Metrics returns the summaries of each kind and the pipeline's health. The
// query may hold "from" and "to".
func (c *Client) Metrics(ctx context.Context, query url.Values) (json.RawMessage, error) {
	return c.json(ctx, call{method: http.MethodGet, path: "metrics", query: query})
}

// LLMEvents returns one page of LLM events, newest first: an object with
// "items", "limit" and "next_cursor". The query takes from, to, limit, cursor,
// success and the filters of LLM events.
func (c *Client) LLMEvents(ctx context.Context, query url.Values) (json.RawMessage, error) {
	return c.json(ctx, call{method: http.MethodGet, path: "metrics/llm/events", query: query})
}

// MCPEvents is [Client.LLMEvents] for MCP events.
func (c *Client) MCPEvents(ctx context.Context, query url.Values) (json.RawMessage, error) {
	return c.json(ctx, call{method: http.MethodGet, path: "metrics/mcp/events", query: query})
}

func (c *Client) object(ctx context.Context, method string, k configstore.Kind, id, action string) (json.RawMessage, error) {
	if id == "" { // it would address the collection
		return nil, fmt.Errorf("the id of the %s is empty", k.Name)
	}
	return c.json(ctx, call{method: method, path: k.Path + "/" + itemPath(k, id) + action})
}

// itemPath is an id as segments of a path. What makes the id stands between slashes, of
// which only the last part may have some of its own.
func itemPath(k configstore.Kind, id string) string {
	parts := strings.SplitN(id, "/", len(k.Fields()))
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// DiscoveredModels lists the models that a provider has said it has.
func (c *Client) DiscoveredModels(ctx context.Context, providerID string) ([]json.RawMessage, error) {
	if providerID == "" {
		return nil, errors.New("the id of the provider is empty")
	}
	return c.items(ctx, "llm/models/providers/"+url.PathEscape(providerID)+"/discovered", nil)
}

// RefreshModels asks a provider for its models and lists them.
func (c *Client) RefreshModels(ctx context.Context, providerID string) ([]json.RawMessage, error) {
	if providerID == "" {
		return nil, errors.New("the id of the provider is empty")
	}
	return c.list(ctx, call{method: http.MethodPost, path: "llm/models/providers/" + url.PathEscape(providerID) + "/refresh"})
}

func (c *Client) items(ctx context.Context, path string, query url.Values) ([]json.RawMessage, error) {
	return c.list(ctx, call{method: http.MethodGet, path: path, query: query})
}

// list makes a call whose answer has items.
func (c *Client) list(ctx context.Context, r call) ([]json.RawMessage, error) {
	body, err := c.json(ctx, r)
	if err != nil {
		return nil, err
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(body, &list); err != nil || list.Items == nil {
		return nil, c.foreign(r.path)
	}
	return list.Items, nil
}

// json makes a call whose answer is one JSON document.
func (c *Client) json(ctx context.Context, r call) (json.RawMessage, error) {
	r.accept = "application/json"
	status, body, err := c.do(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case status/100 != 2:
		return nil, c.newError(status, body)
	case !json.Valid(body):
		return nil, c.foreign(r.path)
	}
	return body, nil
}
