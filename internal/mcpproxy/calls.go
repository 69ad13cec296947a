package mcpproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

// call is a request under way.
type call struct {
	id      string // of the gateway's, for people
	key     string // of the caller's id
	routeID string
	service string
	method  string
	tool    string // the server's name of it
	keyID   string
	ownID   []byte // the caller's
	upID    []byte // as it went up
	token   []byte // the caller's progress token; nil for none
	upToken []byte // as it went up
	started time.Time
	// task says that the call has begun a task, which goes on.
	task bool
	// answered says that the server has answered, with a result.
	answered bool
	// resumable says that the caller can come back for the rest of the answer.
	resumable bool
	// marked says that an event with an id has gone to the caller, after which closing the
	// stream does not cancel the call.
	marked atomic.Bool

	mu          sync.Mutex
	end         context.CancelFunc // nil until there is something to end
	over        bool               // it is to end
	cancelledAt time.Time
	reason      string
	said        []byte // params of the server's last progress notification; nil before one
	saidAt      time.Time
}

// stop cancels the call for a reason; false when that was done before.
func (c *call) stop(now time.Time, reason string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cancelledAt.IsZero() {
		return false
	}
	c.cancelledAt, c.reason = now, reason
	return true
}

// cancel ends what is done for the call, or will be.
func (c *call) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.end != nil {
		c.end()
	}
}

// endBy has end called when the call is cancelled: at once if it was.
func (c *call) endBy(end context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end = end; c.over {
		end()
	}
}

func (c *call) stopped() (reason string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason, !c.cancelledAt.IsZero()
}

// InFlight is a request under way, as the Admin API shows it.
type InFlight struct {
	ID            string          `json:"id"`
	RouteID       string          `json:"route_id"`
	ServiceID     string          `json:"service_id"`
	RequestID     json.RawMessage `json:"request_id"`
	Method        string          `json:"method"`
	ToolName      string          `json:"tool_name"`
	VirtualKeyID  string          `json:"virtual_key_id"`
	ProgressToken json.RawMessage `json:"progress_token"`
	StartedAt     time.Time       `json:"started_at"`
	CancelledAt   *time.Time      `json:"cancelled_at"`
	CancelReason  string          `json:"cancel_reason"`
}

// Progress is what a server has last said of how far a request is.
type Progress struct {
	ID            string          `json:"id"`
	RouteID       string          `json:"route_id"`
	RequestID     json.RawMessage `json:"request_id"`
	ProgressToken json.RawMessage `json:"progress_token"`
	Progress      json.Number     `json:"progress"`
	Total         *json.Number    `json:"total"`
	Message       string          `json:"message"`
	UpdatedAt     time.Time       `json:"updated_at"`
}

// Ended is a request that has ended.
type Ended struct {
	ID           string          `json:"id"`
	RouteID      string          `json:"route_id"`
	RequestID    json.RawMessage `json:"request_id"`
	Method       string          `json:"method"`
	ToolName     string          `json:"tool_name"`
	VirtualKeyID string          `json:"virtual_key_id"`
	StartedAt    time.Time       `json:"started_at"`
	CompletedAt  time.Time       `json:"completed_at"`
	Cancelled    bool            `json:"cancelled"`
	CancelReason string          `json:"cancel_reason"`
	Error        string          `json:"error"`
}

// calls are the requests under way, and the last that have ended.
type calls struct {
	now func() time.Time

	mu    sync.Mutex
	byID  map[string]*call
	ended []Ended // a ring
	next  int
}

func newCalls(history int, now func() time.Time) calls {
	return calls{now: now, byID: map[string]*call{}, ended: make([]Ended, 0, history)}
}

// enter notes a call; false when too many are under way.
func (t *calls) enter(c *call, most int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byID) >= most {
		return false
	}
	t.byID[c.id] = c
	return true
}

func (t *calls) leave(c *call, failed string) {
	reason, cancelled := c.stopped()
	id := bytes.Clone(c.ownID) // which stands in the request, of which nothing else is kept
	end := Ended{c.id, c.routeID, id, c.method, c.tool, c.keyID, c.started, t.now(), cancelled, reason, failed}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byID, c.id)
	if len(t.ended) < cap(t.ended) {
		t.ended = append(t.ended, end)
		return
	}
	t.ended[t.next] = end
	t.next = (t.next + 1) % len(t.ended)
}

func (t *calls) list() []*call {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*call, 0, len(t.byID))
	for _, c := range t.byID {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *call) int { return a.started.Compare(b.started) })
	return list
}

// InFlight lists the requests under way, the oldest first.
func (e *Engine) InFlight() []InFlight {
	list := []InFlight{}
	for _, c := range e.calls.list() {
		list = append(list, c.view())
	}
	return list
}

func (c *call) view() InFlight {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := InFlight{ID: c.id, RouteID: c.routeID, ServiceID: c.service, RequestID: c.ownID, Method: c.method, ToolName: c.tool, VirtualKeyID: c.keyID, ProgressToken: c.token, StartedAt: c.started, CancelReason: c.reason}
	if !c.cancelledAt.IsZero() {
		f.CancelledAt = &c.cancelledAt
	}
	return f
}

// Progress lists what servers have last said of the requests under way.
func (e *Engine) Progress() []Progress {
	list := []Progress{}
	for _, c := range e.calls.list() {
		if p, ok := c.progress(); ok {
			list = append(list, p)
		}
	}
	return list
}

// History lists the requests that have ended, the last first, of one route or of all.
func (e *Engine) History(routeID string) []Ended {
	t := &e.calls
	t.mu.Lock()
	defer t.mu.Unlock()
	list := []Ended{}
	for n := range t.ended {
		end := t.ended[(t.next+len(t.ended)-1-n)%len(t.ended)]
		if routeID == "" || end.RouteID == routeID {
			list = append(list, end)
		}
	}
	return list
}

// The reasons of what was cancelled: by the Admin API, by a notification of the caller's,
// or because its session has ended.
const (
	byOperator = "cancelled by an operator"
	byClient   = "cancelled by the client"
	byEnd      = "the session has ended"
)

// Cancel cancels a request under way; false when there is none of that id.
func (e *Engine) Cancel(id string) (InFlight, bool) {
	e.calls.mu.Lock()
	c := e.calls.byID[id]
	e.calls.mu.Unlock()
	if c == nil {
		return InFlight{}, false
	}
	c.stop(e.now(), byOperator)
	c.cancel()
	return c.view(), true
}

// maxNote bounds what is kept of a progress notification.
const maxNote = 16 << 10

// note keeps what a progress notification says, to be read when somebody asks.
func (c *call) note(in *jsonrpc.Message, now time.Time) {
	params := in.Params.Of(in.Data)
	if len(params) > maxNote {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said, c.saidAt = params, now
}

// progress is what the server has last said; false when that is nothing.
func (c *call) progress() (Progress, bool) {
	c.mu.Lock()
	said, at := c.said, c.saidAt
	c.mu.Unlock()
	p := Progress{ID: c.id, RouteID: c.routeID, RequestID: c.ownID, ProgressToken: c.token, UpdatedAt: at}
	var of struct {
		Progress json.Number  `json:"progress"`
		Total    *json.Number `json:"total"`
		Message  string       `json:"message"`
	}
	if said == nil || json.Unmarshal(said, &of) != nil {
		return p, false
	}
	p.Progress, p.Total, p.Message = of.Progress, of.Total, cut(of.Message, 1024)
	return p, true
}
