package mcpproxy

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// listenTo hands what the server says of itself to the sessions, until it says no more.
func (e *Engine) listenTo(i *instance) {
	e.spawn(func() {
		ctx, quiet := context.WithCancel(e.live)
		defer quiet()
		defer context.AfterFunc(i.live, quiet)()
		var refused *mcp.StatusError
		after, failures := "", 0 // one after the other
		for {
			st, err := i.conn.Listen(ctx, after)
			if err == nil {
				failures = 0
				after, err = e.deliver(i, st, after)
			}
			switch {
			case i.isDying() || ctx.Err() != nil:
				return
			case i.svc.oneWire():
				e.lost(i, err)
				return
			case errors.As(err, &refused) && (refused.Code == http.StatusMethodNotAllowed || refused.Code == http.StatusNotFound || refused.Code == http.StatusNotImplemented):
				return // it has no such stream
			}
			failures++
			if !pause(ctx, time.Second<<min(failures, 5)) {
				return
			}
		}
	})
}

// deliver hands on the messages of one stream. It returns the id of the last event.
func (e *Engine) deliver(i *instance, st mcp.Stream, after string) (string, error) {
	defer st.Close()
	for {
		m, err := st.Next()
		if err != nil {
			return after, err
		}
		if m.EventID != "" {
			after = m.EventID
		}
		if len(m.Data) == 0 {
			continue
		}
		if in, err := jsonrpc.Parse(m.Data); err == nil {
			e.take(i, in, m)
		}
	}
}

// take hands on a message that belongs to no call of a caller's.
func (e *Engine) take(i *instance, in *jsonrpc.Message, m mcp.Message) {
	m.EventID, m.Retry = "", 0 // they are of a stream that callers do not have
	switch in.Kind() {
	case jsonrpc.Notification:
		if in.Method == "notifications/progress" && !i.own() {
			e.progress(i, in, m)
			return
		}
		for _, s := range i.audience(in) {
			s.put(waiting{m, false}, e.limits.Queue)
		}
	case jsonrpc.Request:
		e.asked(i, in, m)
	}
}

// audience are the sessions that a notification is for.
func (i *instance) audience(in *jsonrpc.Message) []*session {
	all := i.members()
	if i.own() {
		return all
	}
	switch in.Method {
	case "notifications/resources/updated":
		at, err := in.Member(in.Params, "uri")
		if err != nil {
			return nil
		}
		uri, _ := in.String(at)
		return slices.DeleteFunc(all, func(s *session) bool { return !s.watches(uri) })
	case "notifications/cancelled":
		at, err := in.Member(in.Params, "requestId")
		if err != nil {
			return nil
		}
		key := jsonrpc.Key(at.Of(in.Data))
		return slices.DeleteFunc(all, func(s *session) bool { return !s.asks(key) })
	case "notifications/message":
		return slices.DeleteFunc(all, func(s *session) bool { return !s.hears(in) })
	}
	return all
}

// progress hands on what a server says of a call outside of its stream: to the session
// whose call it is, with its own token. What is said of a call that has ended is for
// nobody, but that of a task goes on.
func (e *Engine) progress(i *instance, in *jsonrpc.Message, m mcp.Message) {
	at, err := in.Member(in.Params, "progressToken")
	if err != nil || !at.OK() {
		return
	}
	i.mu.Lock()
	of, ok := i.tokens[jsonrpc.Key(at.Of(in.Data))]
	i.mu.Unlock()
	if ok {
		m.Data = jsonrpc.Splice(in.Data, jsonrpc.Edit{At: at, With: of.token})
		of.session.put(waiting{m, false}, e.limits.Queue)
	}
}

// ask notes a request of the server's that a caller is asked. One that it has to give way
// to, because too many wait, is answered: there are callers that do not answer.
func (e *Engine) ask(s *session, in *jsonrpc.Message) {
	if id := s.ask(in); id != nil {
		e.answer(s.inst, unanswered.Response(id))
	}
}

var unanswered = jsonrpc.Errorf(jsonrpc.CodeInternal, "the client has not answered")

// asked takes a request of the server's that belongs to no call, as far as the transport can
// tell. A ping is the gateway's to answer. Anything else is for the session, if there is just
// one that it can be for: the only one, or the only one that has a call under way. Clients
// that have left without a word would be taken for others.
func (e *Engine) asked(i *instance, in *jsonrpc.Message, m mcp.Message) {
	id := in.ID.Of(in.Data)
	if in.Method == "ping" {
		e.answer(i, jsonrpc.Result(id, []byte("{}")))
		return
	}
	if i.svc.Withheld.covers(in.Method) {
		e.answer(i, withheld(in.Method).Response(id))
		return
	}
	all := i.members()
	clients := len(all)
	if clients > 1 {
		all = slices.DeleteFunc(all, func(s *session) bool { return !s.busy() })
	}
	if i.svc.Isolation == Shared || len(all) != 1 {
		e.answer(i, cannotAsk(clients).Response(id))
		return
	}
	s := all[0]
	e.ask(s, in)
	if !s.put(waiting{m, true}, e.limits.Queue) && s.answered(in.Key()) {
		e.answer(i, jsonrpc.Errorf(jsonrpc.CodeInternal, "too many requests wait for the client's answer").Response(id))
	}
}

func cannotAsk(clients int) *jsonrpc.Error {
	if clients > 1 {
		return jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "several clients share this session, so nobody can be asked; the gateway's service needs isolation: session")
	}
	return jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "there is no client on this session that could be asked")
}

// answerTime bounds how long an answer to a server may take to be sent.
const answerTime = 30 * time.Second

// answer sends an answer of the gateway's own to a server.
func (e *Engine) answer(i *instance, data []byte) {
	e.spawn(func() {
		ctx, cancel := context.WithTimeout(e.live, answerTime)
		defer cancel()
		if err := i.conn.Notify(ctx, mcp.Message{Data: data}); err != nil && !i.isDying() {
			e.log.WarnContext(ctx, "an answer to an MCP server could not be sent", "service", i.svc.Config.ID, "error", err)
		}
	})
}
