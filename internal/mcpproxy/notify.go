package mcpproxy

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// notification takes a notification. There is no answer to it.
func (x *exchange) notification() {
	if !strings.HasPrefix(x.in.Method, "notifications/") { // a call of a tool, say, that no policy would see
		x.refuse(http.StatusBadRequest, nil, jsonrpc.CodeInvalidRequest, "%.80q without an id is no notification of MCP's: they begin with notifications/", x.in.Method)
		return
	}
	if x.modern {
		x.w.WriteHeader(http.StatusAccepted) // cancelling is closing the stream; nothing else can be told
		return
	}
	if x.r.Header.Get("Mcp-Session-Id") == "" {
		x.w.WriteHeader(http.StatusAccepted) // of a handshake that was not needed
		return
	}
	s := x.sessionOfCalls()
	if s == nil {
		return
	}
	s.begin(x.now())
	defer func() { s.end(x.now()) }()
	data := x.in.Data
	if x.hop.Service.Withheld.covers(x.in.Method) {
		x.w.WriteHeader(http.StatusAccepted)
		return
	}
	switch x.in.Method {
	case "notifications/initialized":
		if !s.inst.own() { // the gateway has said so already
			x.w.WriteHeader(http.StatusAccepted)
			return
		}
	case "notifications/cancelled":
		target, err := x.in.Member(x.in.Params, "requestId")
		if err != nil || !target.OK() {
			x.refuse(http.StatusBadRequest, nil, jsonrpc.CodeInvalidParams, "params: requestId is missing")
			return
		}
		c := s.call(target.Of(data))
		switch {
		case c == nil && s.inst.own(): // its stream has ended, which may be gone on with
			x.tell(s, data)
			return
		case c == nil: // it has ended meanwhile
			x.w.WriteHeader(http.StatusAccepted)
			return
		}
		if !c.stop(x.now(), byClient) {
			x.w.WriteHeader(http.StatusAccepted) // it is cancelled already
			return
		}
		data = jsonrpc.Splice(data, jsonrpc.Edit{At: target, With: c.upID})
		// The server need not answer any longer, and who has cancelled does not wait. But
		// a stream that can be gone on with ends when the server ends it: its end would
		// have the client come for the rest.
		time.AfterFunc(cancelGrace, func() {
			if !c.resumable || !c.marked.Load() {
				c.cancel()
			}
		})
	}
	x.tell(s, data)
}

// cancelGrace is how long a server may still answer a request that was cancelled.
const cancelGrace = 2 * time.Second

// response takes a caller's answer to a request of the server's.
func (x *exchange) response() {
	s := x.sessionOfCalls()
	if s == nil {
		return
	}
	s.begin(x.now())
	defer func() { s.end(x.now()) }()
	if !s.answered(x.in.Key()) {
		x.w.WriteHeader(http.StatusAccepted) // nobody has asked that here, or no longer
		return
	}
	x.tell(s, x.in.Data)
}

// tell sends what has no answer.
func (x *exchange) tell(s *session, data []byte) {
	err := s.inst.conn.Notify(x.r.Context(), mcp.Message{Data: data, Header: x.legacyHeader()})
	var refused *mcp.StatusError
	switch {
	case err == nil:
		x.w.WriteHeader(http.StatusAccepted)
	case errors.As(err, &refused) && refused.Code == http.StatusNotFound:
		x.sessionLost(s.inst, nil)
	case errors.As(err, &refused) && refused.Code >= 400 && refused.Code < 500 && refused.Code != http.StatusUnauthorized && refused.Code != http.StatusForbidden:
		x.refuse(refused.Code, nil, codeUnavailable, "the MCP server of service %s %s", x.hop.Service.Config.ID, refusal(x.hop.Service, refused, false, false))
	default:
		x.warn(err)
		x.refuse(http.StatusBadGateway, nil, codeUnavailable, "the MCP server could not be told: %s", text(err))
	}
}

// legacyHeader is what of a caller's header goes to a server of the era with sessions.
func (x *exchange) legacyHeader() http.Header {
	if v := x.r.Header["Mcp-Protocol-Version"]; len(v) == 1 {
		return http.Header{"Mcp-Protocol-Version": v}
	}
	return nil
}
