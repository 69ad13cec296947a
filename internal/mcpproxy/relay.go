package mcpproxy

import (
	"context"
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
func (x *exchange) relay(inst *instance, s *session, c *call, edits ...jsonrpc.Edit) (forgotten bool) {
	header := x.legacyHeader()
	if s == nil {
		header = nil
	}
	return x.send(inst, s, c, mcp.Message{Data: x.upward(c, edits...), Header: header})
}

// send makes the call and relays what comes, as relay says.
func (x *exchange) send(inst *instance, s *session, c *call, m mcp.Message) (forgotten bool) {
	ctx, cancel := context.WithCancel(x.r.Context())
	defer cancel()
	c.endBy(cancel)
	defer context.AfterFunc(inst.live, cancel)()
	if x.in.Method == "subscriptions/listen" {
		defer x.lasting(cancel)()
	}
	call := inst.conn.Call
	if !inst.svc.oneWire() && !c.resumable { // the caller cannot come for the rest
		call = func(ctx context.Context, m mcp.Message) (mcp.Stream, error) { return callThrough(ctx, inst.conn, m) }
	}
	p := x.newReply()
	st, err := call(ctx, m)
	if inst.modern && x.params.versionText == "" && wantsParams(err) && inst.pool.learn(ctx, x.Engine, x.known) { // it was refused before anything was done
		m.Header = x.modernHeader(inst.pool, mcp.FirstModern)
		st, err = call(ctx, m)
	}
	if err != nil {
		return x.failed(inst, s, c, err)
	}
	defer st.Close()
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
		if m.EventID != "" {
			c.marked.Store(true)
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
			if in.Method == "notifications/progress" && !x.isProgress(inst, c, in, m) {
				continue
			}
			if in.Method != "notifications/progress" && inst.svc.oneWire() && s != nil && inst.svc.Isolation == Shared {
				x.take(inst, in, m) // it may be of another key's call
				continue
			}
			if !p.sse || s != nil && !inst.own() && !s.hears(in) {
				continue // the caller takes the response only, or the more important messages
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

// isProgress says whether a progress notification is of this call, and notes it then. Where
// others share the upstream session it may be of theirs.
func (x *exchange) isProgress(inst *instance, c *call, in *jsonrpc.Message, m mcp.Message) bool {
	at, err := in.Member(in.Params, "progressToken")
	mine := err == nil && at.OK() && c.upToken != nil && jsonrpc.Key(at.Of(in.Data)) == jsonrpc.Key(c.upToken)
	switch {
	case mine:
		c.note(in, x.now())
	case !inst.own() && !inst.modern:
		x.progress(inst, in, m)
		return false
	}
	return true
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
	case inst.svc.Withheld.covers(in.Method):
		e = withheld(in.Method)
	default:
		x.ask(s, in)
		return true
	}
	x.answer(inst, e.Response(in.ID.Of(in.Data)))
	return false
}
