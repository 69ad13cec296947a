package mcpproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// respond gives the caller the response.
func (x *exchange) respond(c *call, p *reply, in *jsonrpc.Message, m mcp.Message) {
	if method := x.hop.Service.Withheld.wanted(in); method != "" {
		x.finish(c, p, http.StatusOK, withheld(method), "withheld")
		return
	}
	data := x.downward(c, in)
	tools := x.tools()
	if x.in.Method == "tools/list" && !tools.open() {
		if found, err := x.in.Member(x.in.Params, "cursor"); err == nil && !found.OK() {
			if names := x.hop.Tools.unknown(in); len(names) > 0 {
				x.log.WarnContext(x.r.Context(), "a tool_policy names tools that the MCP server does not list", "route", x.hop.RouteID, "service", x.hop.Service.Config.ID, "tools", names)
			}
		}
		own := in
		if &data[0] != &in.Data[0] {
			own, _ = jsonrpc.Parse(data)
		}
		filtered, e := tools.list(own)
		if e != nil {
			x.finish(c, p, http.StatusOK, e, "tools_not_understood")
			return
		}
		data = filtered
	}
	m.Data = data
	c.answered = in.Result.OK()
	c.task = c.token != nil && isTask(in) // whose progress somebody may want to hear
	result, failed := x.outcome(in)
	status := http.StatusOK
	if x.modern || x.in.Method == "initialize" { // which a server without sessions refuses so
		status = x.hop.Service.statusOf(in.DecodeError())
	}
	x.event.StatusCode = status
	x.settle()
	p.finish(status, m)
	x.calls.leave(c, failed)
	x.record(result, failed)
}

// outcome says how a response has turned out.
func (x *exchange) outcome(in *jsonrpc.Message) (result, failed string) {
	if in.Error.OK() {
		return "error", "rpc_error"
	}
	if x.in.Method != "tools/call" {
		return "ok", ""
	}
	found, err := in.Members(in.Result, "isError", "resultType")
	switch {
	case err != nil:
		return "ok", ""
	case string(found[0].Of(in.Data)) == "true":
		return "tool_error", "tool_error"
	}
	if kind, _ := in.String(found[1]); kind != "" && kind != "complete" {
		return limited(kind), ""
	}
	return "ok", ""
}

// isTask says whether a result is that a task has begun: of 2025-11-25, whose progress is
// told under the token of the request (Tasks, Progress Notifications).
func isTask(in *jsonrpc.Message) bool {
	found, err := in.Member(in.Result, "task")
	return err == nil && found.OK()
}

// finish ends a call with an error of the gateway's own.
func (x *exchange) finish(c *call, p *reply, status int, e *jsonrpc.Error, failed string) {
	x.conclude(c, p, status, e.Response(c.ownID), "error", failed)
}

// conclude ends a call: with a message, or without another if there is none.
func (x *exchange) conclude(c *call, p *reply, status int, message []byte, result, failed string) {
	if p.events() {
		status = http.StatusOK
	}
	x.event.StatusCode = status
	x.settle()
	if message == nil {
		p.end()
	} else {
		p.finish(status, mcp.Message{Data: message})
	}
	x.mcp.Cancelled = result == "cancelled"
	switch failed {
	case "canceled": // which is no failure of the call's
		x.calls.leave(c, "")
	default:
		x.calls.leave(c, failed)
	}
	x.record(result, failed)
}

// brokenOff ends a call whose messages have ended before the response.
func (x *exchange) brokenOff(inst *instance, c *call, p *reply, err error) {
	if inst.over() {
		x.lost(inst, err) // before the caller is told
	}
	service := x.hop.Service.Config.ID
	reason, stopped := c.stopped()
	ended := (errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed)) && !inst.broken.Load() // by the gateway
	switch {
	case (x.r.Context().Err() != nil || p.gone()) && x.in.Method == "subscriptions/listen" && p.events(): // as clients end one (2026-07-28)
		x.conclude(c, p, http.StatusOK, nil, "ok", "")
	case x.r.Context().Err() != nil || p.gone():
		c.stop(x.now(), "the client has gone")
		p.end()
		x.mcp.Cancelled = true
		x.event.StatusCode = 499
		x.settle()
		x.calls.leave(c, "")
		x.record("cancelled", "canceled")
	case stopped && reason == byClient && p.sse: // who wants to hear no more of it (2025-11-25, Cancellation)
		x.conclude(c, p, http.StatusOK, nil, "cancelled", "canceled")
	case stopped && reason == byEnd:
		x.conclude(c, p, http.StatusNotFound, jsonrpc.Errorf(codeUnavailable, byEnd).Response(c.ownID), "cancelled", "canceled")
	case stopped:
		if reason == byOperator && c.marked.Load() {
			x.answer(inst, mcp.Cancelled(c.upID, reason)) // closing the stream has not said so
		}
		x.conclude(c, p, http.StatusOK, jsonrpc.Errorf(codeRefused, "the request was cancelled: %s", reason).Response(c.ownID), "cancelled", "canceled")
	case ended && x.in.Method == "subscriptions/listen": // as a server ends one
		x.conclude(c, p, http.StatusOK, jsonrpc.Result(c.ownID, fmt.Appendf(nil, `{"resultType":"complete","_meta":{%q:%s}}`, mcp.SubscriptionKey, c.ownID)), "ok", "")
	case ended && inst.isDying(): // of a caller without one
		x.conclude(c, p, http.StatusBadGateway, jsonrpc.Errorf(codeUnavailable, "the session with the MCP server has ended").Response(c.ownID), "cancelled", "canceled")
	case errors.Is(err, io.EOF) && p.events(): // for the caller to ask for the rest of it
		x.conclude(c, p, http.StatusOK, nil, "detached", "")
	case errors.Is(err, io.EOF):
		x.finish(c, p, http.StatusBadGateway, jsonrpc.Errorf(codeUnavailable, "the MCP server of service %s has ended its answer without a response", service), "upstream_closed")
	default:
		x.warn(err)
		x.finish(c, p, http.StatusBadGateway, jsonrpc.Errorf(codeUnavailable, "the MCP server of service %s has failed: %s", service, text(err)), "upstream_error")
	}
}

// failed answers a call that could not be made, unless the server has forgotten the
// session of a caller that has none.
func (x *exchange) failed(inst *instance, s *session, c *call, err error) (forgotten bool) {
	var refused *mcp.StatusError
	if !errors.As(err, &refused) {
		x.brokenOff(inst, c, x.reply, notEOF(err))
		return false
	}
	x.reply.pause()
	x.calls.leave(c, "upstream_status")
	forgotten = !inst.modern && x.forgets(x.r.Context(), inst, refused)
	if forgotten && s == nil {
		x.retireForgotten(inst, 1)
		return true
	}
	x.settle()
	if forgotten {
		x.sessionLost(inst, x.in)
	} else {
		x.refused(c, refused)
	}
	return false
}

// forgets says whether a server refuses a call because it has forgotten the session:
// by 404, or by 400 as many do, which a ping finds out.
func (e *Engine) forgets(ctx context.Context, inst *instance, refused *mcp.StatusError) bool {
	if named, ok := inst.conn.(interface{ SessionID() string }); ok && named.SessionID() == "" {
		return false // there is none
	}
	switch refused.Code {
	case http.StatusNotFound:
		return !unknownMethod(refused)
	case http.StatusBadRequest:
		return e.gone(ctx, inst)
	}
	return false
}

// gone says whether a server refuses a ping as one does that does not know the session.
func (e *Engine) gone(ctx context.Context, inst *instance) bool {
	var refused *mcp.StatusError
	return errors.As(e.ping(ctx, inst), &refused) && (refused.Code == http.StatusBadRequest || refused.Code == http.StatusNotFound)
}

// unknownMethod says whether a server has refused the method, and not the session.
func unknownMethod(refused *mcp.StatusError) bool {
	in := rpcError(refused)
	return in != nil && in.DecodeError().Code == jsonrpc.CodeMethodNotFound
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// refused gives the caller what an HTTP server has refused a call with. An error of
// JSON-RPC goes on with its status, because clients tell by it which era a server is of;
// refused credentials are the gateway's.
func (x *exchange) refused(c *call, refused *mcp.StatusError) {
	in, status := rpcError(refused), refused.Code
	switch {
	case refused.Code == http.StatusUnauthorized || refused.Code == http.StatusForbidden:
		x.busy(refused)
		return
	case refused.Code == http.StatusTooManyRequests || refused.Code == http.StatusServiceUnavailable:
		if v := refused.Header.Get("Retry-After"); v != "" && len(v) <= len(http.TimeFormat) {
			x.w.Header().Set("Retry-After", v)
		}
		in = nil // which would say as much
	case refused.Code < 400 || refused.Code >= 500: // of redirects, above all, not all are followed
		x.warn(explained(x.hop.Service, refused, false))
		in, status = nil, http.StatusBadGateway
	case in == nil && x.in.Method == "initialize": // which would have a client try other transports of the gateway's
		x.busy(refused)
		return
	}
	if in != nil {
		data := refused.Body
		switch named := in.ID.OK() && string(in.ID.Of(data)) != "null"; {
		case named && in.Key() == jsonrpc.Key(c.upID):
			data = x.downward(c, in)
		case named || x.reply != nil && x.reply.events(): // it would be no answer to the caller's request
			data = in.DecodeError().Response(c.ownID)
		}
		x.write(refused.Code, data)
		x.record("error", "rpc_error")
		return
	}
	x.refuse(status, x.in, codeUnavailable, "the MCP server of service %s %s", x.hop.Service.Config.ID, refusal(x.hop.Service, refused, false, false))
}

// rpcError is the error of JSON-RPC that a refusal holds, nil for none.
func rpcError(refused *mcp.StatusError) *jsonrpc.Message {
	in, err := jsonrpc.Parse(refused.Body)
	if err != nil || !in.Error.OK() {
		return nil
	}
	return in
}
