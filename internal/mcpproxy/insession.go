package mcpproxy

import (
	"net/http"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// session finds the session that the caller names, or answers that there is none; in is
// the request, nil where there is none to answer.
func (x *exchange) session(in *jsonrpc.Message) *session {
	s := x.sessions.get(x.r.Header.Get("Mcp-Session-Id"), x.hop.RouteID, x.hop.Caller.KeyID)
	if s == nil || s.inst.isDead() {
		x.refuse(http.StatusNotFound, in, codeUnavailable, "there is no such session; initialize a new one")
		return nil
	}
	return s
}

// inSession serves a request of a session.
func (x *exchange) inSession(s *session) {
	s.begin(x.now())
	defer func() { s.end(x.now()) }()
	c, ok := x.enter(s.inst, !s.inst.own)
	if !ok {
		return
	}
	if !s.enter(c) {
		x.calls.leave(c, "")
		x.refuse(http.StatusBadRequest, x.in, jsonrpc.CodeInvalidRequest, "a request with this id is under way in this session")
		return
	}
	defer s.leave(c)
	switch x.in.Method {
	case "resources/subscribe":
		s.watch(x.params.uriText, true)
	case "resources/unsubscribe":
		s.watch(x.params.uriText, false)
		if !s.inst.own && x.watchedByOthers(s) {
			x.answerSelf(c, []byte("{}"))
			return
		}
	}
	x.relay(s.inst, s, c)
}

// watchedByOthers says whether other sessions on the same upstream session still want to
// hear of the resource.
func (x *exchange) watchedByOthers(s *session) bool {
	for _, other := range s.inst.members() {
		if other != s && other.watches(x.params.uriText) {
			return true
		}
	}
	return false
}

// answerSelf answers a request in the server's place.
func (x *exchange) answerSelf(c *call, result []byte) {
	p := x.newReply()
	p.finish(http.StatusOK, mcp.Message{Data: jsonrpc.Result(c.ownID, result)})
	x.event.StatusCode = http.StatusOK
	x.calls.leave(c, "")
	x.record("ok", "")
}
