package mcpproxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// upward is the request as the server gets it.
func (x *exchange) upward(c *call, more ...jsonrpc.Edit) []byte {
	edits := more
	replace := func(at jsonrpc.Span, with []byte) {
		if at.OK() && string(at.Of(x.in.Data)) != string(with) {
			edits = append(edits, jsonrpc.Edit{At: at, With: with})
		}
	}
	replace(x.in.ID, c.upID)
	if c.token != nil {
		replace(x.params.token, c.upToken)
	}
	if x.in.Method == "tools/call" && x.name != x.params.nameText {
		replace(x.params.name, jsonwrite.AppendString(nil, x.name))
	}
	if len(edits) == 0 {
		return x.in.Data
	}
	slices.SortFunc(edits, func(a, b jsonrpc.Edit) int { return a.At.Start - b.At.Start })
	return jsonrpc.Splice(x.in.Data, edits...)
}

// downward is a message of the server's as the caller gets it: with the caller's own id
// and progress token.
func (x *exchange) downward(c *call, m *jsonrpc.Message) []byte {
	if string(c.upID) == string(c.ownID) && string(c.upToken) == string(c.token) {
		return m.Data
	}
	switch {
	case m.Kind() == jsonrpc.Response:
		return x.ownSubscription(c, m, m.Result, jsonrpc.Edit{At: m.ID, With: c.ownID})
	case m.Method == "notifications/progress" && c.token != nil:
		if at, err := m.Member(m.Params, "progressToken"); err == nil && at.OK() {
			return jsonrpc.Splice(m.Data, jsonrpc.Edit{At: at, With: c.token})
		}
	case m.Kind() == jsonrpc.Notification:
		return x.ownSubscription(c, m, m.Params)
	}
	return m.Data
}

// ownSubscription puts the caller's id back where a message names the request that it
// belongs to.
func (x *exchange) ownSubscription(c *call, m *jsonrpc.Message, of jsonrpc.Span, edits ...jsonrpc.Edit) []byte {
	if x.in.Method == "subscriptions/listen" {
		if meta, err := m.Member(of, "_meta"); err == nil {
			if at, err := m.Member(meta, mcp.SubscriptionKey); err == nil && at.OK() {
				edits = append(edits, jsonrpc.Edit{At: at, With: c.ownID})
			}
		}
		if m.Method == "notifications/cancelled" { // the server ends the subscription
			if at, err := m.Member(m.Params, "requestId"); err == nil && at.OK() && jsonrpc.Key(at.Of(m.Data)) == jsonrpc.Key(c.upID) {
				edits = append(edits, jsonrpc.Edit{At: at, With: c.ownID})
			}
		}
	}
	slices.SortFunc(edits, func(a, b jsonrpc.Edit) int { return a.At.Start - b.At.Start })
	return jsonrpc.Splice(m.Data, edits...)
}

// relay sends the request up and its messages down. s is nil where the caller has no
// session, and so cannot be asked anything; then it may be that the server has forgotten
// the upstream session, and nothing is answered.
func (x *exchange) relay(inst *instance, s *session, c *call) (forgotten bool) {
	header := x.legacyHeader()
	if s == nil {
		header = nil
	}
	return x.send(inst, s, c, mcp.Message{Data: x.upward(c), Header: header})
}

// send makes the call and relays what comes, as relay says.
func (x *exchange) send(inst *instance, s *session, c *call, m mcp.Message) (forgotten bool) {
	ctx, cancel := context.WithCancel(x.r.Context())
	defer cancel()
	c.endBy(cancel)
	defer context.AfterFunc(inst.live, cancel)()
	inst.begin(x.now())
	defer func() { inst.end(x.now()) }()
	call := inst.conn.Call
	if !inst.svc.oneWire() && !(inst.own && x.events) { // the caller cannot come for the rest
		call = func(ctx context.Context, m mcp.Message) (mcp.Stream, error) { return callThrough(ctx, inst.conn, m) }
	}
	st, err := call(ctx, m)
	if err != nil {
		return x.failed(inst, s, c, err)
	}
	defer st.Close()
	p := x.newReply()
	defer p.end()
	for {
		m, err := st.Next()
		if err != nil {
			x.brokenOff(inst, c, p, err)
			return false
		}
		if inst.svc.oneWire() {
			m.EventID, m.Retry = "", 0 // nobody can come back with them
		}
		if len(m.Data) == 0 {
			if p.sse && !inst.svc.oneWire() {
				_ = p.event(m)
			}
			continue
		}
		in, err := jsonrpc.Parse(m.Data)
		if err != nil {
			x.finish(c, p, http.StatusBadGateway, jsonrpc.Errorf(codeUnavailable, "the MCP server sent what is not a JSON-RPC message"), "upstream_protocol")
			return false
		}
		switch in.Kind() {
		case jsonrpc.Response:
			if in.Key() != jsonrpc.Key(c.upID) && !(string(in.ID.Of(in.Data)) == "null" && in.Error.OK()) {
				continue // no answer to this
			}
			x.respond(c, p, in, m)
			return false
		case jsonrpc.Notification:
			if in.Method == "notifications/progress" {
				c.note(in, x.now())
			}
			if !p.sse {
				continue // the caller takes the response only
			}
		case jsonrpc.Request:
			if !x.mayAsk(inst, s, p, in) {
				continue
			}
		}
		m.Data = x.downward(c, in)
		if err := p.event(m); err != nil {
			cancel() // the caller has gone; the next read says so
		}
	}
}

// mayAsk says whether a request of the server's may go to the caller; when not, the
// server is told.
func (x *exchange) mayAsk(inst *instance, s *session, p *reply, in *jsonrpc.Message) bool {
	var e *jsonrpc.Error
	switch {
	case in.Method == "ping" && (s == nil || !p.sse):
		x.answer(inst, jsonrpc.Result(in.ID.Of(in.Data), []byte("{}")))
		return false
	case s == nil || !p.sse:
		e = cannotAsk(0)
	case inst.svc.Isolation == Shared:
		e = cannotAsk(2)
	default:
		s.ask(in.Key())
		return true
	}
	x.answer(inst, e.Response(in.ID.Of(in.Data)))
	return false
}

// respond gives the caller the response.
func (x *exchange) respond(c *call, p *reply, in *jsonrpc.Message, m mcp.Message) {
	data := x.downward(c, in)
	tools := x.tools()
	if x.in.Method == "tools/list" && !tools.open() {
		own := in
		if &data[0] != &in.Data[0] {
			own, _ = jsonrpc.Parse(data)
		}
		filtered, e := tools.filter(own)
		if e != nil {
			x.finish(c, p, http.StatusOK, e, "tools_not_understood")
			return
		}
		data = filtered
	}
	m.Data = data
	result, failed := x.outcome(in)
	status := http.StatusOK
	if x.modern || x.in.Method == "initialize" { // which a server without sessions refuses so
		status = statusOf(in.DecodeError())
	}
	x.event.StatusCode = status
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

// finish ends a call with an error of the gateway's own.
func (x *exchange) finish(c *call, p *reply, status int, e *jsonrpc.Error, failed string) {
	if p.events() {
		status = http.StatusOK
	}
	x.event.StatusCode = status
	p.finish(status, mcp.Message{Data: e.Response(c.ownID)})
	x.calls.leave(c, failed)
	x.record("error", failed)
}

// brokenOff ends a call whose messages have ended before the response.
func (x *exchange) brokenOff(inst *instance, c *call, p *reply, err error) {
	if inst.over() {
		x.lost(inst, err) // before the caller is told
	}
	reason, stopped := c.stopped()
	switch {
	case x.r.Context().Err() != nil || p.gone():
		c.stop(x.now(), "the client has gone")
		x.mcp.Cancelled = true
		x.event.StatusCode = 499
		p.end()
		x.calls.leave(c, "")
		x.record("cancelled", "canceled")
	case stopped:
		x.mcp.Cancelled = true
		x.event.StatusCode = http.StatusOK
		p.finish(http.StatusOK, mcp.Message{Data: jsonrpc.Errorf(codeRefused, "the request was cancelled: %s", reason).Response(c.ownID)})
		x.calls.leave(c, "")
		x.record("cancelled", "canceled")
	case errors.Is(err, io.EOF) && p.events():
		// The server has ended the stream, for the caller to ask for the rest of it.
		x.event.StatusCode = http.StatusOK
		p.end()
		x.calls.leave(c, "")
		x.record("detached", "")
	case errors.Is(err, io.EOF):
		x.finish(c, p, http.StatusBadGateway, jsonrpc.Errorf(codeUnavailable, "the MCP server of service %s has ended its answer without a response", x.hop.Service.Config.ID), "upstream_closed")
	default:
		x.log.WarnContext(x.r.Context(), "an MCP call failed", "route", x.hop.RouteID, "service", x.hop.Service.Config.ID, "error", err, "trace_id", x.hop.Span.TraceID)
		x.finish(c, p, http.StatusBadGateway, jsonrpc.Errorf(codeUnavailable, "the MCP server of service %s has failed: %s", x.hop.Service.Config.ID, text(err)), "upstream_error")
	}
}

// failed answers a call that could not be made, unless the server has forgotten the
// session of a caller that has none.
func (x *exchange) failed(inst *instance, s *session, c *call, err error) (forgotten bool) {
	var refused *mcp.StatusError
	if !errors.As(err, &refused) {
		p := x.newReply()
		x.brokenOff(inst, c, p, notEOF(err))
		return false
	}
	x.calls.leave(c, "upstream_status")
	switch {
	case refused.Code != http.StatusNotFound || inst.modern || unknownMethod(refused):
		x.refused(c, refused)
	case s == nil:
		x.retire(inst)
		return true
	default:
		x.sessionLost(inst, x.in)
	}
	return false
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
		if v := refused.Header.Get("Retry-After"); v != "" {
			x.w.Header().Set("Retry-After", v)
		}
		in = nil // which would say as much
	case refused.Code < 400 || refused.Code >= 500: // of redirects, above all, none is followed
		in, status = nil, http.StatusBadGateway
	}
	if in != nil {
		data := refused.Body
		if in.ID.OK() && string(in.ID.Of(data)) != "null" {
			data = x.downward(c, in)
		}
		h := x.w.Header()
		h["Content-Type"] = []string{"application/json"}
		x.w.WriteHeader(refused.Code)
		_, _ = x.w.Write(data)
		x.event.StatusCode = refused.Code
		x.record("error", "rpc_error")
		return
	}
	x.refuse(status, x.in, codeUnavailable, "the MCP server of service %s has answered %d", x.hop.Service.Config.ID, refused.Code)
}

// rpcError is the error of JSON-RPC that a refusal holds, nil for none.
func rpcError(refused *mcp.StatusError) *jsonrpc.Message {
	in, err := jsonrpc.Parse(refused.Body)
	if err != nil || !in.Error.OK() {
		return nil
	}
	return in
}
