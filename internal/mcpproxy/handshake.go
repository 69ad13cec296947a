package mcpproxy

import (
	"bytes"
	"context"
	"fmt"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// isModern says whether a version is of the era without sessions.
func isModern(version string) bool {
	return version >= mcp.FirstModern && len(version) == len(mcp.FirstModern)
}

// open opens an upstream session and says initialize.
func (e *Engine) open(ctx context.Context, p *pool, scope string, of kind, params []byte) (*instance, error) {
	inst, err := e.dial(ctx, p, scope, of)
	if err != nil {
		return nil, err
	}
	resp, _, err := first(ctx, inst.conn, mcp.Message{Data: jsonrpc.Call(inst.nextID(), "initialize", params)}, nil)
	if err == nil && resp.Error.OK() {
		err = resp.DecodeError()
	}
	if err == nil {
		inst.agreed = bytes.Clone(resp.Result.Of(resp.Data))
		err = inst.conn.Notify(ctx, mcp.Message{Data: jsonrpc.Call(nil, "notifications/initialized", nil)})
	}
	if err != nil {
		inst.close(e.live)
		return nil, err
	}
	p.sessionBegun(e.now())
	e.listenTo(inst)
	return inst, nil
}

// initParams is what the gateway says of itself; version is JSON.
func initParams(version string) []byte {
	return fmt.Appendf(nil, `{"protocolVersion":%s,"capabilities":{},"clientInfo":%s}`, version, clientInfo)
}

const clientInfo = `{"name":"agent-gateway","version":"1"}`

// first makes a call of the gateway's own and waits for its response. Messages before it
// go to other, which may be nil: then only pings are answered.
func first(ctx context.Context, conn mcp.Conn, m mcp.Message, other func(*jsonrpc.Message, mcp.Message)) (*jsonrpc.Message, mcp.Message, error) {
	sent, err := jsonrpc.Parse(m.Data)
	if err != nil {
		return nil, m, err
	}
	st, err := callThrough(ctx, conn, m)
	if err != nil {
		return nil, m, err
	}
	defer st.Close()
	for {
		m, err := st.Next()
		if err != nil {
			return nil, m, notEOF(err)
		}
		if len(m.Data) == 0 {
			continue
		}
		in, err := jsonrpc.Parse(m.Data)
		if err != nil {
			return nil, m, fmt.Errorf("the MCP server sent what is not a JSON-RPC message: %w", err)
		}
		if in.Kind() == jsonrpc.Response && (in.Key() == sent.Key() || in.Error.OK()) {
			return in, m, nil
		}
		switch {
		case other != nil:
			other(in, m)
		case in.Kind() == jsonrpc.Request && in.Method == "ping": // which may come before the answer to initialize
			if err := conn.Notify(ctx, mcp.Message{Data: jsonrpc.Result(in.ID.Of(in.Data), []byte("{}"))}); err != nil {
				return nil, m, err
			}
		}
	}
}

// roundTrip makes a call of the gateway's own on an upstream session that is in use.
func (e *Engine) roundTrip(ctx context.Context, i *instance, m mcp.Message) (*jsonrpc.Message, error) {
	resp, _, err := first(ctx, i.conn, m, func(in *jsonrpc.Message, m mcp.Message) { e.take(i, in, m) })
	return resp, err
}

// discover asks a server for what it offers, without a session. Where it does not say,
// the connection is closed.
func (e *Engine) discover(ctx context.Context, inst *instance) error {
	inst.modern = true
	resp, _, err := first(ctx, inst.conn, mcp.Message{
		Data:   jsonrpc.Call(inst.nextID(), "server/discover", []byte(`{`+metaMember+`}`)),
		Header: headerOf(mcp.FirstModern, "server/discover", ""),
	}, nil)
	if err == nil && resp.Error.OK() {
		err = resp.DecodeError()
	}
	if err != nil {
		inst.close(e.live)
		return err
	}
	inst.agreed = bytes.Clone(resp.Result.Of(resp.Data))
	if inst.svc.oneWire() {
		e.listenTo(inst)
	}
	return nil
}

// ownMeta is what each request of the gateway's own says, where there are no sessions.
const ownMeta = `{"` + mcp.VersionKey + `":"` + mcp.FirstModern + `","io.modelcontextprotocol/clientInfo":` + clientInfo + `,"` + mcp.CapabilitiesKey + `":{}}`
