package mcpproxy

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// The requests of 2026-07-28 stand alone: each says its version, and repeats in headers
// what those between would route by.

// alone serves a request that stands alone.
func (x *exchange) alone() {
	svc := x.hop.Service
	edits, err := svc.Withheld.fromAlone(x.in, x.params.meta)
	if err != nil {
		x.refuse(http.StatusBadRequest, x.in, jsonrpc.CodeInvalidParams, "params: _meta: %s", err)
		return
	}
	scope := x.hop.Caller.KeyID
	if !svc.oneWire() || svc.Isolation == Shared {
		scope = "" // there is nothing in a connection over HTTP that could be shared
	}
	pool := x.pools.of(svc)
	if pool.isLegacy(x.now()) {
		x.tooNew()
		return
	}
	inst, err := pool.use(x.r.Context(), x.Engine, x.hop.Caller.KeyID, form{scope, mcp.FirstModern}, func(ctx context.Context) (*instance, error) { return x.openAlone(ctx, pool, scope) })
	if errors.Is(err, errLegacy) {
		x.tooNew()
		return
	}
	if err != nil {
		x.busy(err)
		return
	}
	defer func() { inst.end(x.now()) }()
	c, ok := x.enter(inst, svc.oneWire())
	if !ok {
		return
	}
	x.relayAlone(inst, c, edits)
}

// errLegacy says that a server knows sessions only.
var errLegacy = errors.New("the server has sessions only")

// openAlone connects to a server that is asked without a session. Over HTTP, each
// request finds out for itself what the server speaks; a process is asked first.
func (e *Engine) openAlone(ctx context.Context, p *pool, scope string) (*instance, error) {
	inst, err := e.dial(ctx, p, scope, ofAlone)
	if err != nil {
		return nil, err
	}
	if !p.svc.oneWire() {
		inst.modern = true
		return inst, nil
	}
	// There are servers that do not answer what they do not know, and others that are
	// installed before they start.
	patience := e.limits.Start / 2
	if p.hasBegun() {
		patience = min(patience, pingTime)
	}
	probe, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err = e.discover(probe, inst); err == nil {
		return inst, nil
	}
	var rpc *jsonrpc.Error
	switch {
	case errors.As(err, &rpc):
		p.setLegacy(e.now())
		err = errLegacy
	case errors.Is(err, context.DeadlineExceeded):
		p.noAnswer(e.now())
		err = errLegacy // as far as is known
	}
	return nil, err
}

// tooNew answers a request that stands alone where the server knows sessions only, in
// the way that makes a client go on with initialize: no error that only 2026-07-28 has.
func (x *exchange) tooNew() {
	x.refuse(http.StatusBadRequest, x.in, jsonrpc.CodeInvalidRequest, "the MCP server of service %s speaks versions up to %s: send initialize first", x.hop.Service.Config.ID, mcp.LastLegacy)
}

// relayAlone relays a request that stands alone, or one that does so from here on.
func (x *exchange) relayAlone(inst *instance, c *call, edits []jsonrpc.Edit) {
	version := x.params.versionText
	if version == "" { // of a caller without a handshake
		version = mcp.FirstModern
		edits = x.addMeta()
	}
	x.known = inst.pool.known()
	x.send(inst, nil, c, mcp.Message{Data: x.upward(c, edits...), Header: x.modernHeader(inst.pool, version)})
}

// metaMember is what each request of the gateway's own has in its params, where there are
// no sessions.
const metaMember = `"_meta":` + ownMeta

// addMeta says in the request what it has to say to stand alone.
func (x *exchange) addMeta() []jsonrpc.Edit {
	in, meta := x.in, x.params.meta
	switch {
	case meta.OK() && in.Data[meta.Start] == '{':
		return []jsonrpc.Edit{into(in.Data, meta, ownMeta[1:len(ownMeta)-1])}
	case in.Params.OK() && in.Data[in.Params.Start] == '{':
		return []jsonrpc.Edit{into(in.Data, in.Params, metaMember)}
	case !in.Params.OK():
		end := bytes.LastIndexByte(in.Data, '}')
		return []jsonrpc.Edit{{At: jsonrpc.Span{Start: end, End: end}, With: []byte(`,"params":{` + metaMember + `}`)}}
	}
	return nil
}

// into puts members at the beginning of an object.
func into(text []byte, object jsonrpc.Span, members string) jsonrpc.Edit {
	if rest := bytes.TrimLeft(text[object.Start+1:object.End], " \t\r\n"); rest[0] != '}' {
		members += ","
	}
	return jsonrpc.Edit{At: jsonrpc.Span{Start: object.Start + 1, End: object.Start + 1}, With: []byte(members)}
}

// statusOf is the HTTP status of a response of the service's server: over HTTP, where others
// are refusals, 200; a process has none, and gets that of 2026-07-28. e is nil for a result.
func (s *Service) statusOf(e *jsonrpc.Error) int {
	if e == nil || !s.oneWire() {
		return http.StatusOK
	}
	switch e.Code {
	case jsonrpc.CodeMethodNotFound:
		return http.StatusNotFound
	case codeHeaderMismatch, codeMissingCapability, codeBadVersion, jsonrpc.CodeParse, jsonrpc.CodeInvalidRequest:
		return http.StatusBadRequest
	}
	return http.StatusOK
}
