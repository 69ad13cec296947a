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
