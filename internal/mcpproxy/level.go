package mcpproxy

import (
	"context"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// Sessions that share an upstream session each hear the log messages that they have asked
// for. The server is told the level of who wants the most.

// setLevel notes which log messages a session wants, and has the server told what all want.
func (x *exchange) setLevel(s *session) []jsonrpc.Edit {
	at, err := x.in.Member(x.in.Params, "level")
	if err != nil {
		return nil
	}
	text, _ := x.in.String(at)
	level := levelOf(text)
	if level == 0 || s.inst.own() {
		return nil
	}
	s.mu.Lock()
	s.level = level
	s.mu.Unlock()
	want := s.inst.wantedLevel()
	if want == 0 { // the session has ended
		return nil
	}
	s.inst.level.Store(want)
	if int(want) == level {
		return nil
	}
	return []jsonrpc.Edit{{At: at, With: []byte(`"` + logLevels[want-1] + `"`)}}
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
	told, want := i.level.Load(), i.wantedLevel()
	return want, told > 0 && want > 0 && told != want
}

// adjustLevel tells a server that was told a level what is wanted since sessions have come or
// gone.
func (e *Engine) adjustLevel(i *instance) {
	if _, wrong := i.wrongLevel(); i.own() || !wrong || !i.begin() {
		return
	}
	if !e.spawn(func() {
		defer func() { i.end(e.now()) }()
		ctx, cancel := context.WithTimeout(i.live, answerTime)
		defer cancel()
		i.adjusting.Lock()
		defer i.adjusting.Unlock()
		for want, wrong := i.wrongLevel(); wrong; want, wrong = i.wrongLevel() {
			i.level.Store(want)
			params := []byte(`{"level":"` + logLevels[want-1] + `"}`)
			if _, err := e.roundTrip(ctx, i, mcp.Message{Data: jsonrpc.Call(i.nextID(), "logging/setLevel", params)}); err != nil {
				return // a server that does not answer sends no log messages either
			}
		}
	}) {
		i.end(e.now())
	}
}
