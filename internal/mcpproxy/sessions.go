package mcpproxy

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/jsonwrite"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// sessions are those of all callers.
type sessions struct {
	mu     sync.RWMutex
	byID   map[string]*session
	perKey map[string]int
}

// room says whether there may be one session more.
func (t *sessions) room(keyID string, l Limits) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.hasRoom(keyID, l)
}

// hasRoom is room for who holds mu.
func (t *sessions) hasRoom(keyID string, l Limits) bool {
	return len(t.byID) < l.Sessions && t.perKey[keyID] < l.SessionsPerKey
}

// add adds a session; false when there is no room for it.
func (t *sessions) add(s *session, l Limits) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.hasRoom(s.keyID, l) {
		return false
	}
	t.byID[s.id] = s
	t.perKey[s.keyID]++
	return true
}

// get finds a session, nil when there is none for this key and route.
func (t *sessions) get(id, routeID, keyID string) *session {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if s := t.byID[id]; s != nil && s.routeID == routeID && s.keyID == keyID {
		return s
	}
	return nil
}

// remove takes a session out; false when it is out already.
func (t *sessions) remove(s *session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[s.id] != s {
		return false
	}
	delete(t.byID, s.id)
	if t.perKey[s.keyID]--; t.perKey[s.keyID] == 0 {
		delete(t.perKey, s.keyID)
	}
	return true
}

// idle are the sessions that nobody has used for the idle time of their service.
func (t *sessions) idle(now time.Time) (list []*session) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, s := range t.byID {
		if s.unused(now) > s.inst.svc.IdleTTL {
			list = append(list, s)
		}
	}
	return list
}

// endSession ends a session, and its upstream session unless others share that.
func (e *Engine) endSession(s *session) {
	if !e.sessions.remove(s) {
		return
	}
	s.mu.Lock()
	s.ended, s.waiting, s.bytes = true, nil, 0
	calls := slices.Collect(maps.Values(s.calls))
	unanswered, watched := s.asked, slices.Collect(maps.Values(s.watched))
	s.asked = nil
	close(s.gone)
	s.mu.Unlock()
	s.inst.leave(s)
	for _, c := range calls {
		if !s.inst.broken.Load() { // whose error says more
			c.stop(e.now(), byEnd)
		}
		c.cancel()
	}
	if s.inst.own() {
		e.retire(s.inst)
	} else {
		e.partWith(s.inst, unanswered, watched)
		e.adjustLevel(s.inst)
	}
}

// partWith tells a server that goes on for others what a session that has ended leaves
// behind: it answers no more questions, and needs no more news.
func (e *Engine) partWith(i *instance, questions []asked, uris []string) {
	for _, q := range questions {
		e.answer(i, unanswered.Response(q.id))
	}
	uris = slices.DeleteFunc(uris, func(uri string) bool { return uri == "" || i.watched(uri) })
	if len(uris) == 0 || !i.begin() {
		return
	}
	if !e.spawn(func() {
		defer func() { i.end(e.now()) }()
		ctx, cancel := context.WithTimeout(i.live, answerTime)
		defer cancel()
		for _, uri := range uris {
			if i.watched(uri) {
				continue
			}
			if e.subscribe(ctx, i, "resources/unsubscribe", uri) != nil {
				return
			}
			e.stillWatched(ctx, i, uri)
		}
	}) {
		i.end(e.now())
	}
}

// subscribe subscribes to a resource in the gateway's own name, or ends that.
func (e *Engine) subscribe(ctx context.Context, i *instance, method, uri string) error {
	params := append(jsonwrite.AppendString([]byte(`{"uri":`), uri), '}')
	m := mcp.Message{Data: jsonrpc.Call(i.nextID(), method, params)}
	_, err := e.roundTrip(ctx, i, m)
	return err
}

// stillWatched subscribes once more to a resource that somebody has subscribed to while
// the subscription was ended: the server may have heard of the two in either order.
func (e *Engine) stillWatched(ctx context.Context, i *instance, uri string) {
	if i.watched(uri) {
		_ = e.subscribe(ctx, i, "resources/subscribe", uri) // a server that does not answer sends no news either
	}
}
