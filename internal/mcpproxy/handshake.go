package mcpproxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// isModern says whether a version is of the era without sessions.
func isModern(version string) bool {
	return version >= mcp.FirstModern && len(version) == len(mcp.FirstModern)
}

// initialize begins a session of the caller's.
func (x *exchange) initialize() {
	if !x.sessions.room(x.hop.Caller.KeyID, x.limits) {
		x.w.Header().Set("Retry-After", "10")
		x.refuse(http.StatusTooManyRequests, x.in, codeUnavailable, "there are as many MCP sessions as the gateway takes; end some, with DELETE")
		return
	}
	if x.isolated() {
		x.initializeOwn()
		return
	}
	found, err := x.in.Members(x.in.Params, "protocolVersion", "capabilities")
	if err != nil || !found[0].OK() {
		x.refuse(http.StatusBadRequest, x.in, jsonrpc.CodeInvalidParams, "params: protocolVersion is missing, or a name stands twice")
		return
	}
	version, params := string(found[0].Of(x.in.Data)), x.in.Params.Of(x.in.Data)
	var f form
	if x.hop.Service.Isolation == Shared { // the server may ask nobody, so it is told that there is nothing to ask
		f, params = form{"", version}, initParams(version)
	} else {
		sum := sha256.Sum256(found[1].Of(x.in.Data))
		f = form{x.hop.Caller.KeyID, version + string(sum[:])}
	}
	svc := x.hop.Service
	inst, err := x.pools.of(x.Engine, svc).get(x.r.Context(), x.Engine, f, func(ctx context.Context) (*instance, error) { return x.open(ctx, svc, f.scope, params) })
	var refused *jsonrpc.Error
	var status *mcp.StatusError
	switch {
	case errors.As(err, &status):
		x.refused(&call{ownID: x.in.ID.Of(x.in.Data)}, status)
		return
	case errors.As(err, &refused):
		x.event.StatusCode = statusOf(refused)
		writeError(x.w, x.event.StatusCode, x.in.ID.Of(x.in.Data), refused)
		x.record("error", "rpc_error")
		return
	case err != nil:
		x.busy(err)
		return
	}
	c, ok := x.enter(inst, false)
	if !ok {
		return
	}
	x.begin(inst)
	x.answerSelf(c, inst.agreed)
}

// isolated says whether a session of this caller's has an upstream session of its own.
func (x *exchange) isolated() bool {
	switch x.hop.Service.Isolation {
	case Shared:
		return false
	case PerKey:
		return x.hop.Caller.KeyID == ""
	}
	return true
}

// begin begins a session on an upstream session, and tells the caller its id.
func (x *exchange) begin(inst *instance) {
	s := newSession(x.hop.RouteID, x.hop.Caller.KeyID, inst, x.now())
	x.sessions.add(s)
	inst.join(s)
	if inst.isDead() { // it has ended meanwhile, and not seen this one
		x.endSession(s)
	}
	x.w.Header()["Mcp-Session-Id"] = []string{s.id}
}

// initializeOwn begins a session with an upstream session of its own: the server answers
// the caller itself.
func (x *exchange) initializeOwn() {
	svc := x.hop.Service
	var resp *jsonrpc.Message
	var raw mcp.Message
	pool := x.pools.of(x.Engine, svc)
	ctx, cancel := context.WithTimeout(x.r.Context(), x.limits.Start)
	defer cancel()
	inst, err := pool.start(ctx, x.Engine, x.hop.Caller.KeyID, func(ctx context.Context) (*instance, error) {
		inst, err := x.dial(ctx, svc, x.hop.Caller.KeyID)
		if err != nil {
			return nil, err
		}
		inst.own = true
		if resp, raw, err = first(ctx, inst.conn, mcp.Message{Data: x.in.Data, Header: x.legacyHeader()}, nil); err == nil && resp.Error.OK() {
			err = resp.DecodeError()
		}
		if err != nil {
			inst.close(x.live)
			return nil, err
		}
		return inst, nil
	})
	c, ok := x.enter(nil, false)
	if !ok {
		if err == nil {
			x.retire(inst)
		}
		return
	}
	c.endBy(cancel)
	var refused *jsonrpc.Error
	var status *mcp.StatusError
	switch {
	case errors.As(err, &refused): // the server has answered, though not as wished
		p := x.newReply()
		x.respond(c, p, resp, raw)
		return
	case errors.As(err, &status):
		x.calls.leave(c, "upstream_status")
		x.refused(c, status)
		return
	case err != nil:
		x.calls.leave(c, "upstream_error")
		x.busy(err)
		return
	}
	inst.agreed = bytes.Clone(resp.Result.Of(resp.Data))
	x.begin(inst)
	if svc.oneWire() {
		x.listenTo(inst)
	}
	x.respond(c, x.newReply(), resp, raw)
}

// open opens an upstream session and says initialize.
func (e *Engine) open(ctx context.Context, svc *Service, scope string, params []byte) (*instance, error) {
	inst, err := e.dial(ctx, svc, scope)
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
	e.listenTo(inst)
	return inst, nil
}

// initParams is what the gateway says of itself; version is JSON.
func initParams(version string) []byte {
	return fmt.Appendf(nil, `{"protocolVersion":%s,"capabilities":{},"clientInfo":%s}`, version, clientInfo)
}

const clientInfo = `{"name":"agent-gateway","version":"1"}`

// first makes a call of the gateway's own and waits for its response. Messages before it
// go to other, which may be nil.
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
		if other != nil {
			other(in, m)
		}
	}
}

// bare serves a request without a session: the gateway does the handshake, once for all
// such requests of a key's.
func (x *exchange) bare() {
	for again := false; ; again = true {
		inst, err := x.own(x.r.Context(), x.hop.Service, x.hop.Caller.KeyID)
		if err != nil {
			var refused *jsonrpc.Error
			if errors.As(err, &refused) {
				err = fmt.Errorf("it refuses the handshake: %s", refused.Message)
			}
			x.busy(err)
			return
		}
		c, ok := x.enter(inst, true)
		if !ok {
			return
		}
		if inst.modern {
			x.relayAlone(inst, c)
			return
		}
		if !again && x.forgotten(inst) {
			x.calls.leave(c, "")
			continue
		}
		switch forgotten := x.relay(inst, nil, c); {
		case !forgotten:
			return
		case again:
			x.refuse(http.StatusBadGateway, x.in, codeUnavailable, "the MCP server of service %s forgets its sessions at once", x.hop.Service.Config.ID)
			return
		}
	}
}

// probeAfter is for how long an idle upstream session is taken to be still known to its
// server.
const probeAfter = 30 * time.Second

// forgotten finds out whether the server still knows an upstream session that was idle.
func (x *exchange) forgotten(inst *instance) bool {
	if x.now().Sub(time.Unix(0, inst.used.Load())) < probeAfter {
		return false
	}
	if x.ping(x.r.Context(), inst) == nil || x.r.Context().Err() != nil {
		return false
	}
	x.retire(inst)
	return true
}

// own is an upstream session in which the gateway itself is the client.
func (e *Engine) own(ctx context.Context, svc *Service, scope string) (*instance, error) {
	if svc.Isolation == Shared {
		scope = ""
	}
	pool := e.pools.of(e, svc)
	return pool.get(ctx, e, form{scope, "bare"}, func(ctx context.Context) (*instance, error) {
		inst, err := e.open(ctx, svc, scope, initParams(`"`+mcp.LastLegacy+`"`))
		if !noSessions(err) {
			return inst, err
		}
		if inst, dialErr := e.dial(ctx, svc, scope); dialErr != nil {
			return nil, dialErr
		} else if e.discover(ctx, inst) == nil {
			return inst, nil
		}
		return nil, err
	})
}

// noSessions says whether a server has refused initialize as one that knows no sessions
// does.
func noSessions(err error) bool {
	var rpc *jsonrpc.Error
	var status *mcp.StatusError
	switch {
	case errors.As(err, &rpc):
		return rpc.Code == jsonrpc.CodeMethodNotFound || rpc.Code == codeBadVersion || rpc.Code == codeHeaderMismatch || rpc.Code == jsonrpc.CodeInvalidParams || rpc.Code == jsonrpc.CodeInvalidRequest
	case errors.As(err, &status):
		return status.Code == http.StatusBadRequest || status.Code == http.StatusNotFound
	}
	return false
}

// discover asks a server for what it offers, without a session. Where it does not say,
// the connection is closed.
func (e *Engine) discover(ctx context.Context, inst *instance) error {
	inst.modern = true
	resp, _, err := first(ctx, inst.conn, mcp.Message{
		Data:   jsonrpc.Call(inst.nextID(), "server/discover", []byte(`{`+metaMember+`}`)),
		Header: http.Header{"Mcp-Protocol-Version": {mcp.FirstModern}, "Mcp-Method": {"server/discover"}},
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
const ownMeta = `{"` + mcp.VersionKey + `":"` + mcp.FirstModern + `","io.modelcontextprotocol/clientInfo":` + clientInfo + `,"io.modelcontextprotocol/clientCapabilities":{}}`
