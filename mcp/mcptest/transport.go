package mcptest

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// Options say what RunTransport may expect. The zero value is a transport that has a way
// of its own for each call, and knows no statuses of HTTP.
type Options struct {
	// HTTP says that what a server refuses is a [*mcp.StatusError].
	HTTP bool
	// OneWire says that all messages come one way: requests and log messages of the
	// server's then belong to the one call that is under way, and to Listen when there
	// are several; a reader that is slow may miss progress; and the session ends when
	// the server does.
	OneWire bool
	// Resumable says that the server gives its events ids in the era with sessions
	// ([HTTP.Resumable]): calls can be gone on with then, and closing a stream does not
	// cancel them.
	Resumable bool
	// Era is what the transport and its server speak; zero is both.
	Era Era
}

// RunTransport is the conformance suite of [mcp.Transport]: each promise of the
// interfaces is a subtest, for each era. open starts a [Server] that the transport can
// reach, as an [HTTP] or [SSE], whose own the zero Server is, or as a process that calls
// [Server.Serve], and says how to reach it; both last until the test ends.
func RunTransport(t *testing.T, open func(t *testing.T) (mcp.Transport, mcp.Service), opts Options) {
	t.Helper()
	s := suite{open, opts}
	for _, era := range []Era{Legacy, Modern} {
		if opts.Era != Both && opts.Era != era {
			continue
		}
		t.Run(map[Era]string{Legacy: "Legacy", Modern: "Modern"}[era], func(t *testing.T) { s.run(t, era == Modern) })
	}
	t.Run("Dial", s.dial)
}

func (s suite) run(t *testing.T, modern bool) {
	resumable := s.opts.Resumable && !modern
	for _, tt := range []struct {
		name string
		run  func(*peer)
		skip bool
	}{
		{"Handshake", (*peer).handshake, false},
		{"Methods", (*peer).methods, false},
		{"Bytes", (*peer).bytes, false},
		{"IDs", (*peer).ids, false},
		{"Order", (*peer).order, false},
		{"RPCError", (*peer).rpcError, false},
		{"Notify", (*peer).notification, false},
		{"Long", (*peer).long, false},
		{"Refusals", (*peer).refusals, false},
		{"Concurrent", (*peer).concurrent, false},
		{"Progress", (*peer).progress, false},
		{"Ask", (*peer).asked, false},
		{"AskAtOnce", (*peer).askedAtOnce, modern || s.opts.OneWire},
		{"SlowReader", (*peer).slowReader, false},
		{"Flood", (*peer).flooded, false},
		{"Twice", (*peer).twice, false},
		{"Garbage", (*peer).garbled, false},
		{"Stranger", (*peer).stranger, false},
		{"Listen", (*peer).listen, modern},
		{"ListenAsk", (*peer).listenAsk, modern},
		{"NoListen", (*peer).noListen, !modern || s.opts.OneWire},
		{"Subscriptions", (*peer).subscriptions, !modern},
		{"CancelByClose", (*peer).cancelByClose, resumable},
		{"CancelByContext", (*peer).cancelByContext, resumable},
		{"CancelSilent", (*peer).cancelSilent, resumable},
		{"Resume", (*peer).resume, !resumable},
		{"CloseAndResume", (*peer).closeAndResume, !resumable},
		{"NotCancelled", (*peer).notCancelled, false},
		{"ContextDone", (*peer).contextDone, false},
		{"Crash", (*peer).crash, false},
		{"Close", (*peer).closed, false},
		{"CloseAtWork", (*peer).closeAtWork, false},
		{"Status", (*peer).status, !s.opts.HTTP},
		{"Headers", (*peer).headers, !s.opts.HTTP || !modern},
	} {
		if !tt.skip {
			t.Run(tt.name, func(t *testing.T) { tt.run(s.start(t, modern)) })
		}
	}
	t.Run("TwoSessions", func(t *testing.T) { s.twoSessions(t, modern) })
	t.Run("Goroutines", func(t *testing.T) { s.goroutines(t, modern) })
}

// patience is for what must happen; nothing is measured by it.
var patience = 30 * time.Second

type suite struct {
	open func(t *testing.T) (mcp.Transport, mcp.Service)
	opts Options
}

// peer is a client with a connection to a server.
type peer struct {
	mcp.Conn
	t      *testing.T
	ctx    context.Context // ends with the test, or with patience
	opts   Options
	modern bool
	next   *atomic.Int64
}

// start starts a server, connects and shakes hands.
func (s suite) start(t *testing.T, modern bool) *peer {
	t.Helper()
	transport, service := s.open(t)
	return s.connect(t, transport, service, modern)
}

func (s suite) connect(t *testing.T, transport mcp.Transport, service mcp.Service, modern bool) *peer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	conn, err := transport.Dial(ctx, service)
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	t.Cleanup(func() {
		if err := conn.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	p := &peer{Conn: conn, t: t, ctx: ctx, opts: s.opts, modern: modern, next: new(atomic.Int64)}
	if !modern {
		p.initialize()
	}
	return p
}

func (p *peer) initialize() string {
	p.t.Helper()
	result := p.result(request{method: "initialize", params: `"protocolVersion":"` + LastLegacy + `","capabilities":{"sampling":{},"elicitation":{},"roots":{}},"clientInfo":{"name":"mcptest","version":"1"}`})
	if err := p.Notify(p.ctx, p.note("notifications/initialized", "")); err != nil {
		p.t.Fatalf("Notify(notifications/initialized): %v", err)
	}
	return result
}

// request is what a client asks.
type request struct {
	id     string // JSON; empty is one of its own
	method string
	params string // members of params, without braces
	token  string // of progress, JSON; empty for none
}

func toolCall(name, arguments string) request {
	return request{method: "tools/call", params: fmt.Sprintf(`"name":%q,"arguments":{%s}`, name, arguments)}
}

func (r request) with(id string) request { r.id = id; return r }

// of is a message of the client's.
func (p *peer) of(r request) mcp.Message {
	if r.id == "" {
		r.id = fmt.Sprint(p.next.Add(1) + 1000)
	}
	meta := ""
	if r.token != "" {
		meta = `"progressToken":` + r.token
	}
	var h http.Header
	if p.modern {
		if meta != "" {
			meta += ","
		}
		meta += fmt.Sprintf(`%q:%q,%q:{"name":"mcptest","version":"1"},%q:{"elicitation":{},"sampling":{},"roots":{}}`, versionKey, FirstModern, infoKey, capabilitiesKey)
		h = http.Header{"Mcp-Protocol-Version": {FirstModern}, "Mcp-Method": {r.method}}
	}
	fields := r.params
	if meta != "" {
		if fields != "" {
			fields = "," + fields
		}
		fields = `"_meta":{` + meta + `}` + fields
	}
	m := mcp.Message{Data: []byte(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":{%s}}`, r.id, r.method, fields)), Header: h}
	if p.modern {
		if in, err := jsonrpc.Parse(m.Data); err == nil {
			q := readParams(in)
			switch r.method {
			case "tools/call", "prompts/get":
				h["Mcp-Name"] = []string{q.Name}
			case "resources/read":
				h["Mcp-Name"] = []string{q.URI}
			}
		}
	}
	return m
}

func (p *peer) note(method, fields string) mcp.Message {
	m := mcp.Message{Data: []byte(fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":{%s}}`, method, fields))}
	if p.modern {
		m.Header = http.Header{"Mcp-Protocol-Version": {FirstModern}, "Mcp-Method": {method}}
	}
	return m
}
