package mcptest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
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

// status answers a request of the method mcptest/status as its params say: from another
// process, faults are so asked for.
func status(w http.ResponseWriter, m *jsonrpc.Message) bool {
	if m.Method != "mcptest/status" {
		return false
	}
	p := readParams(m)
	for name, v := range p.Header {
		w.Header().Set(name, v)
	}
	w.WriteHeader(p.Code)
	_, _ = w.Write([]byte(p.Body))
	return true
}

// post takes one message.
func (p *pump) post(body []byte) {
	w, r, h := p.w, p.r, p.h
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, jsonrpc.Errorf(-32000, "Content-Type has to be application/json"), nil)
		return
	}
	accept := r.Header.Get("Accept")
	if !strings.Contains(accept, "application/json") || !strings.Contains(accept, "text/event-stream") {
		fail(w, http.StatusNotAcceptable, jsonrpc.Errorf(-32000, "Accept has to name application/json and text/event-stream"), nil)
		return
	}
	m, err := jsonrpc.Parse(body)
	if err != nil {
		p.server.remember(body)
		fail(w, http.StatusBadRequest, jsonrpc.Errorf(jsonrpc.CodeParse, "%v", err), nil)
		return
	}
	if status(w, m) {
		return
	}
	p.key = m.Key()
	version, params := r.Header.Get("Mcp-Protocol-Version"), readParams(m)
	if p.server.Era != Legacy && (isModern(version) || params.version() != "") {
		p.alone(m, version, params)
		return
	}
	if version != "" && !slices.Contains(legacyVersions, version) {
		fail(w, http.StatusBadRequest, jsonrpc.Errorf(-32000, "Bad Request: unsupported protocol version"), nil)
		return
	}
	if p.server.Era == Modern {
		e := (&call{session: &session{server: p.server}, in: m, params: params}).badVersion(params.Version).err
		fail(w, http.StatusBadRequest, e, m.ID.Of(m.Data))
		return
	}
	c := h.find(r)
	switch {
	case m.Method == "initialize":
		var id string
		if id, c = h.begin(); id != "" {
			w.Header().Set("Mcp-Session-Id", id)
		}
	case c == nil && r.Header.Get("Mcp-Session-Id") == "":
		fail(w, http.StatusBadRequest, jsonrpc.Errorf(-32000, "Bad Request: Server not initialized"), nil)
		return
	case c == nil:
		fail(w, http.StatusNotFound, jsonrpc.Errorf(-32001, "Session not found"), m.ID.Of(m.Data))
		return
	}
	if m.Kind() != jsonrpc.Request {
		c.message(m, nil)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	log := newLog()
	if h.Resumable {
		log.resumable = true
		c.mu.Lock()
		p.name = "s" + strconv.Itoa(len(c.streams)+1)
		c.streams[p.name] = log
		c.mu.Unlock()
	}
	c.message(m, log)
	if !h.JSON {
		p.begin()
		p.prime()
	}
	p.run(log, 0, true)
}

// alone takes a message of the era without sessions.
func (p *pump) alone(m *jsonrpc.Message, version string, params params) {
	e := checkHeaders(p.r.Header, m, version, params)
	if e != nil {
		fail(p.w, http.StatusBadRequest, e, m.ID.Of(m.Data))
		return
	}
	log := newLog()
	c := p.server.open(newLog(), func(w way) { w.(*eventLog).crash() })
	defer c.close()
	x := c.message(m, log)
	if x == nil {
		p.w.WriteHeader(http.StatusAccepted)
		return
	}
	defer x.giveUp(errByDisconnect) // unless it has been answered
	p.run(log, 0, true)
}

// checkHeaders compares the headers with the body (2026-07-28, Server Validation).
func checkHeaders(h http.Header, m *jsonrpc.Message, version string, params params) *jsonrpc.Error {
	if m.Kind() != jsonrpc.Request {
		return nil
	}
	want := ""
	switch m.Method {
	case "tools/call", "prompts/get":
		want = params.Name
	case "resources/read":
		want = params.URI
	}
	name := decode(h.Get("Mcp-Name"))
	var region string
	_ = json.Unmarshal(params.Arguments["region"], &region)
	switch {
	case version != params.version():
		return jsonrpc.Errorf(codeHeaderMismatch, "Header mismatch: MCP-Protocol-Version is %q, the body says %q", version, params.version())
	case h.Get("Mcp-Method") != m.Method:
		return jsonrpc.Errorf(codeHeaderMismatch, "Header mismatch: Mcp-Method is %q", h.Get("Mcp-Method"))
	case want != "" && name != want:
		return jsonrpc.Errorf(codeHeaderMismatch, "Header mismatch: Mcp-Name is %q", name)
	case params.Name == "route" && decode(h.Get("Mcp-Param-Region")) != region:
		return jsonrpc.Errorf(codeHeaderMismatch, "Header mismatch: Mcp-Param-Region is %q", h.Get("Mcp-Param-Region"))
	case params.Meta[capabilitiesKey] == nil:
		return jsonrpc.Errorf(jsonrpc.CodeInvalidParams, "_meta: %s is missing", capabilitiesKey)
	}
	return nil
}

// decode reads the value of a header (2026-07-28, Value Encoding).
func decode(v string) string {
	inner, ok := strings.CutPrefix(v, "=?base64?")
	if !ok {
		return v
	}
	b, _ := base64.StdEncoding.DecodeString(strings.TrimSuffix(inner, "?="))
	return string(b)
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
