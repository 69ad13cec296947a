package mcptest

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
)

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
