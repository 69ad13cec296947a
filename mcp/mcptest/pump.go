package mcptest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

// pump is one HTTP request and its answer.
type pump struct {
	w      http.ResponseWriter
	r      *http.Request
	h      *HTTP
	fault  Fault
	server *Server

	begun bool   // there are headers
	key   string // of the request's id
	sent  int    // messages
	name  string // of the stream in the ids of its events; empty for none
}

// get streams what belongs to no call, or goes on with a stream.
func (p *pump) get() {
	h, c := p.h, p.h.find(p.r)
	switch {
	case h.NoListen || p.server.Era == Modern || isModern(p.r.Header.Get("Mcp-Protocol-Version")):
		notAllowed(p.w)
		return
	case !strings.Contains(p.r.Header.Get("Accept"), "text/event-stream"):
		fail(p.w, http.StatusNotAcceptable, jsonrpc.Errorf(-32000, "Accept has to name text/event-stream"), nil)
		return
	case c == nil && p.r.Header.Get("Mcp-Session-Id") == "":
		fail(p.w, http.StatusBadRequest, jsonrpc.Errorf(-32000, "Bad Request: Mcp-Session-Id is missing"), nil)
		return
	case c == nil:
		fail(p.w, http.StatusNotFound, jsonrpc.Errorf(-32001, "Session not found"), nil)
		return
	}
	log, from := c.aside, 0
	if h.Resumable {
		p.name = "aside"
	}
	if after := p.r.Header.Get("Last-Event-Id"); after != "" && h.Resumable {
		name, n, _ := strings.Cut(after, "_")
		c.mu.Lock()
		stream := c.streams[name]
		c.mu.Unlock()
		i, err := strconv.Atoi(n)
		if stream == nil && name != "aside" || err != nil {
			fail(p.w, http.StatusBadRequest, jsonrpc.Errorf(-32000, "Invalid event ID"), nil)
			return
		}
		if from, p.name = i, name; stream != nil {
			log = stream
		}
	} else if log == c.aside {
		c.mu.Lock()
		from = c.heard
		c.mu.Unlock()
	}
	p.begin()
	n := p.run(log, from, false)
	if log == c.aside {
		c.mu.Lock()
		c.heard = n
		c.mu.Unlock()
	}
}

func (p *pump) begin() {
	h := p.w.Header()
	h.Set("Content-Type", "text/event-stream")
	if p.h.Mislabeled {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Cache-Control", "no-cache")
	p.w.WriteHeader(http.StatusOK)
	p.begun = true
	p.flush()
	if p.fault.Break == AfterHeaders {
		panic(http.ErrAbortHandler)
	}
}

func (p *pump) flush() { _ = http.NewResponseController(p.w).Flush() }

// prime gives the client an id to come back with (2025-11-25, Sending Messages).
func (p *pump) prime() {
	if p.name == "" {
		return
	}
	fmt.Fprintf(p.w, "id: %s_0\n%sdata: \n\n", p.name, p.retry())
	p.flush()
}

func (p *pump) retry() string {
	if p.h.Retry <= 0 {
		return ""
	}
	return fmt.Sprintf("retry: %d\n", p.h.Retry.Milliseconds())
}

// run sends the messages of a log from one on, and returns how far it came. first says
// that the log was made for this answer.
func (p *pump) run(log *eventLog, i int, first bool) int {
	for ; ; i++ {
		if !p.breaks("") {
			return i
		}
		s := log.at(p.r.Context(), p.server.live, i, first)
		switch {
		case s.broken && (!s.ok || p.begun):
			panic(http.ErrAbortHandler)
		case !s.ok:
			if p.begun && p.name != "" && p.h.Retry > 0 {
				fmt.Fprintf(p.w, "%s\n", p.retry())
			}
			return i
		}
		if !p.begun && first && p.single(s.item) {
			return i + 1
		}
		if !p.begun {
			p.begin()
			p.prime()
		}
		text := p.event(s.item, i)
		if !p.breaks(text) {
			return i
		}
		if _, err := p.w.Write([]byte(text)); err != nil {
			return i
		}
		p.sent++
		if !s.more {
			p.flush()
		}
	}
}

func (p *pump) event(item string, i int) string {
	id := ""
	if p.name != "" {
		id = fmt.Sprintf("id: %s_%d\n", p.name, i+1)
	}
	return "event: message\n" + id + "data: " + strings.ReplaceAll(item, "\n", "\ndata: ") + "\n\n"
}

// single answers in JSON, or refuses, if the first message is the response.
func (p *pump) single(item string) bool {
	m, err := jsonrpc.Parse([]byte(item))
	if err != nil || m.Kind() != jsonrpc.Response || m.Key() != p.key {
		return false
	}
	code := http.StatusOK
	if e := m.DecodeError(); e != nil && p.r.Header.Get("Mcp-Method") != "" {
		switch e.Code {
		case jsonrpc.CodeMethodNotFound:
			code = http.StatusNotFound
		case codeHeaderMismatch, codeBadVersion:
			code = http.StatusBadRequest
		}
	}
	if code == http.StatusOK && !p.h.JSON {
		return false
	}
	p.w.Header().Set("Content-Type", "application/json")
	p.w.Header().Set("Content-Length", strconv.Itoa(len(item)))
	p.w.WriteHeader(code)
	if p.fault.Break == AfterHeaders {
		p.flush()
		panic(http.ErrAbortHandler)
	}
	if p.breaks(item) {
		_, _ = p.w.Write([]byte(item))
	}
	return true
}

// breaks does what the fault says; text is what would be sent next. It says whether to
// go on.
func (p *pump) breaks(text string) bool {
	f := p.fault
	if f.Break == "" || f.Break == AfterHeaders || p.sent < f.After || text == "" && (f.Break == MidEvent || f.Break == MidRune) {
		return true
	}
	switch f.Break {
	case End:
		return false
	case Stall:
		p.flush()
		<-p.r.Context().Done()
		return false
	case MidEvent:
		_, _ = p.w.Write([]byte(text[:len(text)/2]))
	case MidRune:
		at := strings.IndexFunc(text, func(r rune) bool { return r > 0x7f })
		if at < 0 {
			text, at = "data: {\"x\":\"é", len("data: {\"x\":\"")
		}
		_, _ = p.w.Write([]byte(text[:at+1]))
	}
	p.flush()
	panic(http.ErrAbortHandler)
}
