package mcptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

// way is where messages of the server's go, in their order. send does not block for
// long, and drops the message when the client has gone.
type way interface{ send(data []byte) }

// session is a client that is connected. On HTTP without sessions, it is one request.
type session struct {
	server *Server
	aside  way       // for what belongs to no call
	crash  func(way) // ends the connection, or where each call has its own, that of the call at once
	// oneWire says that all messages go one way.
	oneWire bool

	live context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	running map[string]*call // by the keys of their ids
	asked   map[string]chan *jsonrpc.Message
	last    int // id of a request of the server's
	watched map[string]bool
}

// open begins a session; its close ends it.
func (s *Server) open(aside way, crash func(way)) *session {
	s.init()
	c := &session{server: s, aside: aside, crash: crash, running: map[string]*call{}, asked: map[string]chan *jsonrpc.Message{}, watched: map[string]bool{}}
	c.live, c.end = context.WithCancel(s.live)
	s.change(func() { s.sessions[c] = struct{}{} })
	return c
}

func (c *session) close() {
	c.end()
	c.server.change(func() { delete(c.server.sessions, c) })
}

// call is a request that is carried out.
type call struct {
	*session
	in     *jsonrpc.Message
	id     string // as it stands in the request
	out    way
	modern bool
	params params

	ctx    context.Context
	cancel context.CancelCauseFunc
	over   bool // it is answered, or about to be; under the session's lock
}

// params are those that the server knows.
type params struct {
	Name           string                     `json:"name"`
	URI            string                     `json:"uri"`
	Cursor         string                     `json:"cursor"`
	Version        string                     `json:"protocolVersion"`
	Level          string                     `json:"level"`
	Meta           map[string]json.RawMessage `json:"_meta"`
	Arguments      map[string]json.RawMessage `json:"arguments"`
	Notifications  json.RawMessage            `json:"notifications"`
	InputResponses map[string]json.RawMessage `json:"inputResponses"`
	RequestState   string                     `json:"requestState"`
	RequestID      json.RawMessage            `json:"requestId"`
	ID             json.RawMessage            `json:"id"`
	Text           string                     `json:"text"`
	Code           int                        `json:"code"`
	Header         map[string]string          `json:"header"`
	Body           string                     `json:"body"`
	Argument       struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"argument"`
}

func readParams(m *jsonrpc.Message) params {
	var p params
	_ = json.Unmarshal(m.Params.Of(m.Data), &p) // what is not as it should be is not there
	return p
}

// version is the one that the request names; empty in the era with sessions.
func (p *params) version() string {
	var v string
	_ = json.Unmarshal(p.Meta[versionKey], &v)
	return v
}

// argument reads an argument of a tool's into v, which it leaves alone without one.
func argument[T any](x *call, name string, v T) T {
	if text, ok := x.params.Arguments[name]; ok {
		_ = json.Unmarshal(text, &v)
	}
	return v
}

var (
	errByNotification = errors.New("notification")
	errByDisconnect   = errors.New("disconnect")
)

// message takes a message. A request is answered on out, by a goroutine; its call is
// returned.
func (c *session) message(m *jsonrpc.Message, out way) *call {
	if m.Kind() != jsonrpc.Request {
		c.server.remember(m.Data)
	}
	switch m.Kind() {
	case jsonrpc.Response:
		c.mu.Lock()
		answer := c.asked[m.Key()]
		delete(c.asked, m.Key())
		c.mu.Unlock()
		if answer != nil {
			answer <- m
		}
		return nil
	case jsonrpc.Notification:
		if p := readParams(m); m.Method == "notifications/cancelled" && len(p.RequestID) > 0 {
			c.cancelled(jsonrpc.Key(p.RequestID), errByNotification)
		}
		return nil
	}
	x := &call{session: c, in: m, id: string(m.ID.Of(m.Data)), out: out, params: readParams(m)}
	x.modern = x.params.version() != ""
	x.ctx, x.cancel = context.WithCancelCause(c.live)
	c.mu.Lock()
	c.running[m.Key()] = x
	c.mu.Unlock()
	c.server.remember(m.Data) // and not before: who knows that it is here may cancel it
	if !c.server.start(x.run) {
		x.cancel(nil)
		x.closeWay()
	}
	return x
}

// cancelled ends a call that its client has given up.
func (c *session) cancelled(key string, why error) {
	c.mu.Lock()
	x := c.running[key]
	c.mu.Unlock()
	if x != nil && x.in.Method != "initialize" {
		x.giveUp(why)
	}
}

func (x *call) giveUp(why error) {
	x.mu.Lock()
	over := x.over
	x.over = true
	x.mu.Unlock()
	if over {
		return
	}
	x.cancel(why)
	x.server.change(func() { x.server.cancelled = append(x.server.cancelled, Cancellation{x.id, why.Error()}) })
}

// answer is how a request is answered.
type answer struct {
	result string
	err    *jsonrpc.Error
	raw    string // the whole response, instead
	none   bool
	then   func() // what comes after the response
}

// run carries out a request, and answers it.
func (x *call) run() {
	a := x.serve()
	x.mu.Lock()
	if x.running[x.in.Key()] == x {
		delete(x.running, x.in.Key())
	}
	x.over = true
	x.mu.Unlock()
	switch {
	case a.none || x.ctx.Err() != nil:
	case a.raw != "":
		x.out.send([]byte(a.raw))
	case a.err != nil:
		x.out.send(a.err.Response([]byte(x.id)))
	default:
		x.out.send([]byte(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, x.id, a.result)))
	}
	x.closeWay()
	if a.then != nil {
		a.then()
	}
	x.cancel(nil)
}

// closeWay ends a way that is the call's alone.
func (x *call) closeWay() {
	if w, ok := x.out.(interface{ close() }); ok {
		w.close()
	}
}

// notify sends a notification that belongs to the call.
func (x *call) notify(method, params string) {
	x.out.send([]byte(`{"jsonrpc":"2.0","method":` + quote(method) + `,"params":` + params + `}`))
}

// ask sends a request of the server's, and waits for the answer; nil when the call was
// given up.
func (c *session) ask(ctx context.Context, to way, method, params string) *jsonrpc.Message {
	c.mu.Lock()
	c.last++
	// Numbers as clients use them, so that ids of the two sides are equal.
	id := strconv.Itoa(c.last)
	answer := make(chan *jsonrpc.Message, 1)
	c.asked["n"+id] = answer
	c.mu.Unlock()
	to.send([]byte(`{"jsonrpc":"2.0","id":` + id + `,"method":` + quote(method) + `,"params":` + params + `}`))
	select {
	case m := <-answer:
		return m
	case <-ctx.Done():
		return nil
	}
}
