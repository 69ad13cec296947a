package mcpproxy

import (
	"context"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// Sessions that share an upstream session each hear the log messages that they have asked
// for. The server is told the level of who wants the most.

// setLevel notes which log messages a session wants, and has the server told what all want.
// ok is false when the caller has gone.
func (x *exchange) setLevel(s *session, c *call) (edits []jsonrpc.Edit, ok bool) {
	at, err := x.in.Member(x.in.Params, "level")
	if err != nil {
		return nil, true
	}
	text, _ := x.in.String(at)
	level := levelOf(text)
	i := s.inst
	if level == 0 || i.own() {
		return nil, true
	}
	release := i.holdLevel(x.r.Context())
	if x.r.Context().Err() != nil {
		release()
		return nil, false
	}
	s.mu.Lock()
	former := s.level
	s.level = level
	s.mu.Unlock()
	want := i.wantedLevel()
	x.ends = append(x.ends, func() {
		switch {
		case !c.answered:
			s.mu.Lock()
			s.level = former
			s.mu.Unlock()
		case want > 0:
			i.level.Store(want)
		}
		release()
		x.adjustLevel(i)
	})
	if want == 0 || int(want) == level { // 0: the session has ended
		return nil, true
	}
	return []jsonrpc.Edit{{At: at, With: []byte(`"` + logLevels[want-1] + `"`)}}, true
}

// levelPatience bounds how long who tells a server a level waits for the server's answer to
// another.
const levelPatience = 5 * time.Second

// holdLevel waits until nobody else tells the server a level, as it would hear of the two in
// either order, or until that takes too long. Nobody else then begins before release.
func (i *instance) holdLevel(ctx context.Context) (release func()) {
	ctx, cancel := context.WithTimeout(ctx, levelPatience)
	defer cancel()
	select {
	case i.leveler <- struct{}{}:
		return func() { <-i.leveler }
	case <-ctx.Done():
	case <-i.live.Done():
	}
	return func() {}
}

// wantedLevel is that of who wants the most on the upstream session, 0 where there is nobody.
// Who has not said gets everything: servers send it to clients that do not say.
func (i *instance) wantedLevel() (want int32) {
	for _, s := range i.members() {
		s.mu.Lock()
		level := max(s.level, 1)
		s.mu.Unlock()
		if want == 0 || int32(level) < want {
			want = int32(level)
		}
	}
	return want
}

// wrongLevel says whether the server was told another level than is wanted by now.
func (i *instance) wrongLevel() (want int32, wrong bool) {
	told := i.level.Load()
	if told == 0 {
		return 0, false
	}
	want = i.wantedLevel()
	return want, want > 0 && told != want
}

// adjustLevel tells a server that was told a level what is wanted since sessions have come or
// gone.
func (e *Engine) adjustLevel(i *instance) {
	if _, wrong := i.wrongLevel(); i.own() || !wrong || !i.begin() {
		return
	}
	if !e.spawn(func() {
		defer func() { i.end(e.now()) }()
		defer i.holdLevel(e.live)()
		ctx, cancel := context.WithTimeout(i.live, answerTime)
		defer cancel()
		for want, wrong := i.wrongLevel(); wrong; want, wrong = i.wrongLevel() {
			params := []byte(`{"level":"` + logLevels[want-1] + `"}`)
			resp, err := e.roundTrip(ctx, i, mcp.Message{Data: jsonrpc.Call(i.nextID(), "logging/setLevel", params)})
			if err != nil {
				return
			}
			if resp.Error.OK() {
				want = 0 // it takes none
			}
			i.level.Store(want)
		}
	}) {
		i.end(e.now())
	}
}
