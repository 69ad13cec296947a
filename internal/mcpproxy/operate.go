package mcpproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// operators is the scope of what the Admin API asks servers. No virtual key has such an
// id.
const operators = "\x00operators"

// Agreed is what a server says of itself and of what it can do: the result of initialize
// or of server/discover.
func (e *Engine) Agreed(ctx context.Context, svc *Service) (json.RawMessage, error) {
	inst, err := e.own(ctx, svc, operators)
	if err != nil {
		return nil, explained(svc, err, true)
	}
	defer func() { inst.end(e.now()) }()
	return inst.agreed, nil
}

// Do makes a request of the gateway's own. params are JSON, an object. An error that the
// server answers with is a *jsonrpc.Error.
func (e *Engine) Do(ctx context.Context, svc *Service, method string, params []byte) (json.RawMessage, error) {
	for again := false; ; again = true {
		result, err := e.do(ctx, svc, method, params)
		if again || !errors.Is(err, errForgotten) {
			return result, err
		}
	}
}

var errForgotten = errors.New("its server forgets its sessions at once")

func (e *Engine) do(ctx context.Context, svc *Service, method string, params []byte) (json.RawMessage, error) {
	inst, err := e.own(ctx, svc, operators)
	if err != nil {
		return nil, explained(svc, err, true)
	}
	defer func() { inst.end(e.now()) }()
	var resp *jsonrpc.Message
	if inst.modern {
		resp, err = e.askAlone(ctx, inst, method, params)
	} else {
		resp, err = e.roundTrip(ctx, inst, mcp.Message{Data: jsonrpc.Call(inst.nextID(), method, params)})
	}
	if err == nil && resp.Error.OK() {
		err = resp.DecodeError()
	}
	var refused *mcp.StatusError
	if errors.As(err, &refused) {
		if !inst.modern && e.forgets(ctx, inst, refused) {
			e.retireForgotten(inst, 1)
			return nil, errForgotten
		}
		if in := rpcError(refused); in != nil && (refused.Code == http.StatusBadRequest || refused.Code == http.StatusNotFound) { // which have it of some errors
			err = in.DecodeError()
		}
	}
	if err != nil {
		return nil, explained(svc, err, false)
	}
	return bytes.Clone(resp.Result.Of(resp.Data)), nil
}

// askAlone makes a request that stands alone. What headers a tool wants is learned when the
// server has refused it for that.
func (e *Engine) askAlone(ctx context.Context, inst *instance, method string, params []byte) (*jsonrpc.Message, error) {
	in, all := jsonrpc.Message{Data: params}, jsonrpc.Span{End: len(params)}
	found, err := in.Members(all, "name", "uri", "arguments")
	if err != nil {
		return nil, err
	}
	name, _ := in.String(found[0])
	uri, _ := in.String(found[1])
	data := jsonrpc.Call(inst.nextID(), method, jsonrpc.Splice(params, into(params, all, metaMember)))
	for again := false; ; again = true {
		known := inst.pool.known()
		header := headerOf(mcp.FirstModern, method, name+uri) // there is one of them at most
		if method == "tools/call" {
			maps.Copy(header, inst.pool.paramHeaders(name, found[2].Of(params)))
		}
		resp, err := e.roundTrip(ctx, inst, mcp.Message{Data: data, Header: header})
		if again || method != "tools/call" || !wantsParams(err) || !inst.pool.learn(ctx, e, known) {
			return resp, err
		}
	}
}

// Bounds of a list that is read to its end.
const (
	maxPages = 1000
	maxItems = 100_000
)

// All reads a list to its end: member of the results of method, page by page. The items
// are as the server sent them.
func (e *Engine) All(ctx context.Context, svc *Service, method, member string) ([]json.RawMessage, error) {
	items := []json.RawMessage{}
	cursor := ""
	for range maxPages {
		params := []byte("{}")
		if cursor != "" {
			params = append(jsonwrite.AppendString([]byte(`{"cursor":`), cursor), '}')
		}
		result, err := e.Do(ctx, svc, method, params)
		if err != nil {
			return nil, err
		}
		in := jsonrpc.Message{Data: result}
		found, err := in.Members(jsonrpc.Span{End: len(result)}, member, "nextCursor")
		if err != nil {
			return nil, fmt.Errorf("the MCP server's answer to %s cannot be read: %w", method, err)
		}
		if list := found[0].Of(result); len(list) > 0 && list[0] == '[' {
			jsonscan.Walk(list, 0, func(_ []byte, at int) int {
				end := jsonscan.Skip(list, at)
				if end > 0 {
					items = append(items, list[at:end])
				}
				return end
			})
		}
		next, _ := in.String(found[1])
		if next == "" || next == cursor {
			return items, nil
		}
		if cursor = next; len(items) > maxItems {
			break
		}
	}
	return nil, fmt.Errorf("the MCP server's list for %s has no end", method)
}

// Upstream is an upstream session, as the Admin API shows it.
type Upstream struct {
	ID                string    `json:"id"`
	ServiceID         string    `json:"service_id"`
	Kind              string    `json:"kind"`           // what it is for: session, shared, bare, operators or stateless
	VirtualKeyID      string    `json:"virtual_key_id"` // empty where it is not of one key
	UpstreamSessionID string    `json:"upstream_session_id"`
	Transport         string    `json:"transport"`
	State             string    `json:"state"` // active, idle
	Sessions          int       `json:"client_sessions"`
	Dropped           int64     `json:"dropped_messages"` // because no session's stream took them
	CreatedAt         time.Time `json:"created_at"`
	LastUsedAt        time.Time `json:"last_used_at"`
}

// Upstreams lists the upstream sessions of a service, the oldest first.
func (e *Engine) Upstreams(serviceID string) []Upstream {
	list := []Upstream{}
	for _, i := range e.pools.list() {
		if i.svc.Config.ID != serviceID {
			continue
		}
		u := Upstream{ID: i.id, ServiceID: serviceID, Kind: string(i.kind), VirtualKeyID: i.scope, Transport: i.svc.TransportName, State: "idle", Sessions: len(i.members()), Dropped: i.dropped.Load(), CreatedAt: i.created, LastUsedAt: time.Unix(0, i.used.Load()).UTC()}
		if i.kind == ofOperators {
			u.VirtualKeyID = ""
		}
		if i.active.Load() > 0 {
			u.State = "active"
		}
		if named, ok := i.conn.(interface{ SessionID() string }); ok {
			u.UpstreamSessionID = named.SessionID()
		}
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b Upstream) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return list
}
