package mcpproxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// initialize begins a session of the caller's.
func (x *exchange) initialize() {
	if !x.makeRoom(x.hop.Caller.KeyID) {
		x.tooMany()
		return
	}
	if err := x.withhold(); err != nil {
		x.refuse(http.StatusBadRequest, x.in, jsonrpc.CodeInvalidParams, "params: %s", err)
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
	if text, err := x.in.String(found[0]); err != nil || !slices.Contains(supported[1:], text) { // each would make another session
		version = `"` + mcp.LastLegacy + `"`
		at := jsonrpc.Span{Start: found[0].Start - x.in.Params.Start, End: found[0].End - x.in.Params.Start}
		params = jsonrpc.Splice(params, jsonrpc.Edit{At: at, With: []byte(version)})
	}
	var f form
	if x.hop.Service.Isolation == Shared { // the server may ask nobody, so it is told that there is nothing to ask
		f, params = form{"", version}, initParams(version)
	} else {
		sum := sha256.Sum256(found[1].Of(x.in.Data))
		f = form{x.hop.Caller.KeyID, version + string(sum[:])}
	}
	pool := x.pools.of(x.hop.Service)
	inst, err := pool.use(x.r.Context(), x.Engine, x.hop.Caller.KeyID, f, func(ctx context.Context) (*instance, error) { return x.open(ctx, pool, f.scope, ofSessions, params) })
	var refused *jsonrpc.Error
	var status *mcp.StatusError
	switch {
	case errors.As(err, &status):
		x.refused(&call{ownID: x.in.ID.Of(x.in.Data)}, status)
		return
	case errors.As(err, &refused):
		x.write(x.hop.Service.statusOf(refused), refused.Response(x.in.ID.Of(x.in.Data)))
		x.record("error", "rpc_error")
		return
	case err != nil:
		x.busy(err)
		return
	}
	defer func() { inst.end(x.now()) }()
	c, ok := x.enter(inst, false)
	if !ok {
		return
	}
	if x.begin(c, inst) {
		x.answerSelf(c, inst.agreed)
	}
}

// withhold takes out of initialize what the service's server is not told of.
func (x *exchange) withhold() error {
	at, err := x.in.Member(x.in.Params, "capabilities")
	if err != nil {
		return err
	}
	edits, err := x.hop.Service.Withheld.from(x.in, at)
	if err != nil || len(edits) == 0 {
		return err
	}
	x.in, err = jsonrpc.Parse(jsonrpc.Splice(x.in.Data, edits...))
	if err != nil {
		return err
	}
	return x.readParams()
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

// begin begins a session on an upstream session, and tells the caller its id; false when
// there is no room for it by now, which is answered.
func (x *exchange) begin(c *call, inst *instance) bool {
	s := newSession(x.hop.RouteID, x.hop.Caller.KeyID, inst, x.now())
	for !x.sessions.add(s, x.limits) { // others have come meanwhile
		if !x.makeRoom(s.keyID) {
			x.calls.leave(c, "refused")
			x.tooMany()
			return false
		}
	}
	inst.join(s)
	x.adjustLevel(inst)
	if inst.isDying() { // it has ended meanwhile, and not seen this one
		x.endSession(s)
	}
	x.w.Header()["Mcp-Session-Id"] = []string{s.id}
	return true
}

func (x *exchange) tooMany() {
	x.w.Header().Set("Retry-After", "10")
	x.refuse(http.StatusTooManyRequests, x.in, codeUnavailable, "there are as many MCP sessions as the gateway takes, and all were used lately; end some, with DELETE")
}

// initializeOwn begins a session with an upstream session of its own: the server answers
// the caller itself.
func (x *exchange) initializeOwn() {
	svc := x.hop.Service
	var resp *jsonrpc.Message
	var raw mcp.Message
	pool := x.pools.of(svc)
	ctx, cancel := context.WithTimeout(x.r.Context(), x.limits.Start)
	defer cancel()
	inst, err := pool.start(ctx, x.Engine, x.hop.Caller.KeyID, x.hop.Caller.KeyID, func(ctx context.Context) (*instance, error) {
		inst, err := x.dial(ctx, pool, x.hop.Caller.KeyID, ofSession)
		if err != nil {
			return nil, err
		}
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
	pool.sessionBegun(x.now())
	inst.agreed = bytes.Clone(resp.Result.Of(resp.Data))
	if !x.begin(c, inst) {
		x.retire(inst)
		return
	}
	if svc.oneWire() {
		x.listenTo(inst)
	}
	x.respond(c, x.newReply(), resp, raw)
}
