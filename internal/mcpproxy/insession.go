package mcpproxy

import (
	"net/http"
	"slices"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// session finds the session that the caller names, or answers that there is none; in is
// the request, nil where there is none to answer.
func (x *exchange) session(in *jsonrpc.Message) *session {
	s := x.named()
	if s == nil || s.inst.isDying() || s.inst.svc != x.hop.Service {
		x.noSession(in)
		return nil
	}
	return s
}

// sessionOfCalls finds the session for what belongs to its calls. On a service that was
// changed, or with a server that has forgotten the session, there may be some under way,
// though no others begin.
func (x *exchange) sessionOfCalls() *session {
	s := x.named()
	if s == nil || s.inst.isBuried() {
		x.noSession(nil)
		return nil
	}
	return s
}

// named is the session that the caller names, nil for none.
func (x *exchange) named() *session {
	s := x.sessions.get(x.r.Header.Get("Mcp-Session-Id"), x.hop.RouteID, x.hop.Caller.KeyID)
	if s != nil && s.inst.svc.Config.ID != x.hop.Service.Config.ID { // the route leads elsewhere now
		x.endSession(s)
		return nil
	}
	return s
}

func (x *exchange) noSession(in *jsonrpc.Message) {
	x.refuse(http.StatusNotFound, in, codeUnavailable, "there is no such session; initialize a new one")
}

// inSession serves a request of a session.
func (x *exchange) inSession(s *session) {
	s.begin(x.now())
	defer func() { s.end(x.now()) }()
	if !s.inst.begin() {
		x.noSession(x.in)
		return
	}
	defer func() { s.inst.end(x.now()) }()
	c, ok := x.enter(s.inst, !s.inst.own())
	if !ok {
		return
	}
	c.resumable = s.inst.own() && !s.inst.svc.oneWire() && x.events
	if !s.enter(c) {
		x.calls.leave(c, "")
		select {
		case <-s.gone:
			x.noSession(x.in)
		default:
			x.refuse(http.StatusBadRequest, x.in, jsonrpc.CodeInvalidRequest, "a request with this id is under way in this session")
		}
		return
	}
	x.ends = append(x.ends, func() { s.leave(c) })
	if !s.inst.own() && c.token != nil {
		s.inst.expect(s, c)
		x.ends = append(x.ends, func() {
			if !c.task || !s.keepTask() {
				s.inst.forget(c)
			}
		})
	}
	var edits []jsonrpc.Edit
	switch x.in.Method {
	case "logging/setLevel":
		if edits, ok = x.setLevel(s, c); !ok {
			x.brokenOff(s.inst, c, x.newReply(), x.r.Context().Err())
			return
		}
	case "resources/subscribe":
		if !s.inst.own() {
			s.watch(x.params.uriText, true)
		}
	case "resources/unsubscribe":
		if s.inst.own() {
			break
		}
		s.watch(x.params.uriText, false)
		if s.inst.watched(x.params.uriText) {
			x.answerSelf(c, []byte("{}"))
			return
		}
		defer x.stillWatched(x.r.Context(), s.inst, x.params.uriText)
	}
	x.relay(s.inst, s, c, edits...)
}

// watched says whether somebody on the upstream session is subscribed to the resource.
func (i *instance) watched(uri string) bool {
	return slices.ContainsFunc(i.members(), func(s *session) bool { return s.watches(uri) })
}

// answerSelf answers a request in the server's place.
func (x *exchange) answerSelf(c *call, result []byte) {
	p := x.newReply()
	x.settle()
	p.finish(http.StatusOK, mcp.Message{Data: jsonrpc.Result(c.ownID, result)})
	x.event.StatusCode = http.StatusOK
	x.calls.leave(c, "")
	x.record("ok", "")
}
