package mcpproxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

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
		done := x.bareOn(inst, again)
		inst.end(x.now())
		if done {
			return
		}
	}
}

// bareOn serves a request on an upstream session of the gateway's own; false when that was
// forgotten by the server, and nothing is answered. The last time that is an answer too.
func (x *exchange) bareOn(inst *instance, last bool) (done bool) {
	c, ok := x.enter(inst, true)
	if !ok {
		return true
	}
	if inst.modern {
		x.relayAlone(inst, c, nil)
		return true
	}
	if !last && x.forgotten(inst) {
		x.calls.leave(c, "")
		return false
	}
	forgotten := x.relay(inst, nil, c)
	if forgotten && last {
		x.refuse(http.StatusBadGateway, x.in, codeUnavailable, "the MCP server of service %s forgets its sessions at once", x.hop.Service.Config.ID)
	}
	return !forgotten || last
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
	x.retireForgotten(inst, 1)
	return true
}

// own is an upstream session in which the gateway itself is the client. It is used until
// its end is called.
func (e *Engine) own(ctx context.Context, svc *Service, scope string) (*instance, error) {
	of, keyID := ofBare, scope
	switch {
	case svc.Isolation == Shared:
		scope = ""
	case scope == operators:
		of = ofOperators
	}
	pool := e.pools.of(svc)
	return pool.use(ctx, e, keyID, form{scope, "bare"}, func(ctx context.Context) (*instance, error) {
		inst, err := e.open(ctx, pool, scope, of, initParams(`"`+mcp.LastLegacy+`"`))
		if noSessions(err) {
			modern, dialErr := e.dial(ctx, pool, scope, of)
			if dialErr != nil {
				return nil, dialErr
			}
			if e.discover(ctx, modern) != nil {
				return nil, err // the first refusal says more
			}
			inst, err = modern, nil
		}
		return inst, err
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
