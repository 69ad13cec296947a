package mcpproxy

import (
	"context"
	"errors"
	"net/http"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// ofSession finds the session of a request without a body, or answers that there is
// none.
func (x *exchange) ofSession() *session {
	if x.r.Header.Get("Mcp-Session-Id") == "" || isModern(x.r.Header.Get("Mcp-Protocol-Version")) {
		x.w.Header().Set("Allow", "POST")
		x.refuse(http.StatusMethodNotAllowed, nil, codeRefused, "without a session there is POST only; begin one with initialize")
		return nil
	}
	return x.session(nil)
}

// delete ends a session.
func (x *exchange) delete() {
	s := x.ofSession()
	if s == nil {
		return
	}
	x.endSession(s)
	x.w.WriteHeader(http.StatusOK)
}

// maxListening bounds the streams of a session at once: one for what the server says of
// itself, and those that go on where others broke off.
const maxListening = 16

// listen streams what the server says of itself.
func (x *exchange) listen() {
	if !x.events {
		x.refuse(http.StatusNotAcceptable, nil, codeRefused, "a GET streams events: Accept has to name text/event-stream")
		return
	}
	s := x.ofSession()
	if s == nil {
		return
	}
	if s.listening.Add(1) > maxListening {
		s.listening.Add(-1)
		x.w.Header().Set("Retry-After", "1")
		x.refuse(http.StatusTooManyRequests, nil, codeUnavailable, "this session has %d streams already", maxListening)
		return
	}
	defer s.listening.Add(-1)
	s.begin(x.now())
	defer func() { s.end(x.now()) }()
	ctx, cancel := context.WithCancel(x.r.Context())
	defer cancel()
	defer x.lasting(func() {
		cancel()
		if x.live.Err() == nil && x.listening.Err() == nil {
			x.endSession(s) // its caller may not use it any longer
		}
	})()
	if s.inst.own() && !s.inst.svc.oneWire() {
		x.listenUp(ctx, s)
		return
	}
	p := x.newReply()
	defer p.end()
	wake := s.attach()
	p.flush()
	for {
		list, ok := s.take(wake)
		if !ok {
			return
		}
		for _, m := range list {
			if ctx.Err() != nil || p.event(m.Message) != nil {
				return
			}
		}
		select {
		case <-wake:
		case <-s.gone:
			return
		case <-ctx.Done():
			return
		}
	}
}

// listenUp relays the server's own stream, events as they are, so that the caller can
// have it go on where it broke off.
func (x *exchange) listenUp(ctx context.Context, s *session) {
	st, err := s.inst.conn.Listen(ctx, x.r.Header.Get("Last-Event-Id"))
	var refused *mcp.StatusError
	switch {
	case errors.As(err, &refused) && refused.Code == http.StatusNotFound && x.gone(ctx, s.inst): // some say so of the method
		x.sessionLost(s.inst, nil)
		return
	case errors.As(err, &refused) && (refused.Code == http.StatusNotFound || refused.Code == http.StatusMethodNotAllowed):
		x.w.Header().Set("Allow", "POST, DELETE")
		x.refuse(http.StatusMethodNotAllowed, nil, codeUnavailable, "the MCP server of service %s has no stream for what it says of itself (%d)", x.hop.Service.Config.ID, refused.Code)
		return
	case errors.As(err, &refused) && refused.Code < 500 && refused.Code != http.StatusUnauthorized && refused.Code != http.StatusForbidden:
		x.refuse(refused.Code, nil, codeUnavailable, "the MCP server of service %s %s", x.hop.Service.Config.ID, refusal(x.hop.Service, refused, false, false))
		return
	case err != nil && x.r.Context().Err() != nil:
		return
	case err != nil:
		x.warn(err)
		x.refuse(http.StatusBadGateway, nil, codeUnavailable, "the MCP server of service %s cannot be listened to: %s", x.hop.Service.Config.ID, text(err))
		return
	}
	defer st.Close()
	p := x.newReply()
	defer p.end()
	p.flush()
	stop := context.AfterFunc(s.inst.live, func() { _ = st.Close() })
	defer stop()
	for {
		m, err := st.Next()
		if err != nil {
			return // the caller asks again
		}
		if len(m.Data) > 0 {
			in, err := jsonrpc.Parse(m.Data)
			if err != nil {
				continue
			}
			switch in.Kind() {
			case jsonrpc.Request:
				if x.hop.Service.Withheld.covers(in.Method) {
					x.answer(s.inst, withheld(in.Method).Response(in.ID.Of(in.Data)))
					m.Data = nil // its event may have an id
					break
				}
				x.ask(s, in)
			case jsonrpc.Response:
				// The rest of a stream that broke off may hold a list of tools.
				data, e := x.tools().filter(in)
				if e != nil {
					data = e.Response(in.ID.Of(in.Data))
				}
				m.Data = data
			}
		}
		if p.event(m) != nil {
			return
		}
	}
}
