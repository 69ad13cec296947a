package mcpproxy

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// Codes of errors that are the gateway's own, in the range that the specification leaves
// to implementations, and those that it has given a meaning (2026-07-28).
const (
	codeRefused     = -32000
	codeUnavailable = -32001

	codeHeaderMismatch    = -32020
	codeMissingCapability = -32021
	codeBadVersion        = -32022
)

// exchange is one HTTP request.
type exchange struct {
	*Engine
	w   http.ResponseWriter
	r   *http.Request
	hop Hop
	// The caller takes JSON, and takes events.
	json, events bool

	in     *jsonrpc.Message // the caller's message
	modern bool
	params params
	name   string // the server's name of the tool that is called
	event  *metrics.Event
	mcp    *metrics.MCP
}

func (e *Engine) exchange(w http.ResponseWriter, r *http.Request, hop Hop) *exchange {
	x := &exchange{Engine: e, w: w, r: r, hop: hop}
	x.json, x.events = accepts(r.Header)
	return x
}

// tools is what the caller may do with the tools on the route.
func (x *exchange) tools() toolset { return toolset{x.hop.Tools, x.hop.Caller.Tools} }

// params are the members of a request's params that the gateway reads.
type params struct {
	name, uri, meta, arguments, token, version jsonrpc.Span
	nameText, uriText, versionText             string
}

// post takes one message.
func (x *exchange) post() {
	if !isJSON(x.r.Header) {
		x.refuse(http.StatusUnsupportedMediaType, nil, jsonrpc.CodeInvalidRequest, "the Content-Type has to be application/json")
		return
	}
	if enc := x.r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		x.refuse(http.StatusUnsupportedMediaType, nil, jsonrpc.CodeInvalidRequest, "bodies are taken without Content-Encoding only")
		return
	}
	body, err := x.body()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		x.refuse(http.StatusRequestEntityTooLarge, nil, jsonrpc.CodeInvalidRequest, "the body is longer than %d bytes", x.limits.Body)
		return
	case err != nil:
		x.refuse(http.StatusBadRequest, nil, jsonrpc.CodeParse, "the body could not be read")
		return
	case !jsonscan.Valid(body) || !utf8.Valid(body): // of which readers may make what they like, in the name of a tool too
		x.refuse(http.StatusBadRequest, nil, jsonrpc.CodeParse, "the body is not valid JSON")
		return
	}
	if x.in, err = jsonrpc.Parse(body); errors.Is(err, jsonrpc.ErrBatch) {
		x.batch(body)
		return
	}
	if err != nil {
		x.refuse(http.StatusBadRequest, nil, jsonrpc.CodeInvalidRequest, "the body is not a JSON-RPC message: %s", err)
		return
	}
	x.message()
}

// body reads the request's body, in memory of its size where that is said.
func (x *exchange) body() ([]byte, error) {
	const most = 64 << 10 // for what is only said
	b := bytes.NewBuffer(make([]byte, 0, min(max(x.r.ContentLength, 0), most)+bytes.MinRead))
	_, err := b.ReadFrom(http.MaxBytesReader(x.w, x.r.Body, x.limits.Body))
	return b.Bytes(), err
}

// message takes the message that was read.
func (x *exchange) message() {
	if err := x.readParams(); err != nil {
		x.refuse(http.StatusBadRequest, x.in, jsonrpc.CodeInvalidParams, "params: %s", err)
		return
	}
	version := x.r.Header.Get("Mcp-Protocol-Version")
	x.modern = isModern(version) || x.params.version.OK()
	if x.modern && !x.checkHeaders(version) {
		return
	}
	switch x.in.Kind() {
	case jsonrpc.Request:
		x.request()
	case jsonrpc.Notification:
		x.notification()
	case jsonrpc.Response:
		x.response()
	}
}

// readParams finds what the gateway decides by. Two readers of the params must not take
// different values from them, so names that occur twice are refused.
func (x *exchange) readParams() error {
	in, p := x.in, &x.params
	found, err := in.Members(in.Params, "name", "uri", "_meta", "arguments")
	if err != nil {
		return err
	}
	p.name, p.uri, p.meta, p.arguments = found[0], found[1], found[2], found[3]
	switch in.Method { // where they have another meaning, they may be anything
	case "tools/call", "prompts/get":
		if p.nameText, err = in.String(p.name); err != nil {
			return errors.New("name is not a string")
		}
	case "resources/read", "resources/subscribe", "resources/unsubscribe":
		if p.uriText, err = in.String(p.uri); err != nil {
			return errors.New("uri is not a string")
		}
	}
	if found, err = in.Members(p.meta, "progressToken", mcp.VersionKey); err != nil {
		return err
	}
	p.token, p.version = found[0], found[1]
	if p.versionText, err = in.String(p.version); err != nil {
		return errors.New("_meta: " + mcp.VersionKey + " is not a string")
	}
	return nil
}

// refuse answers with an error of the gateway's own; in is nil where no request is known.
func (x *exchange) refuse(status int, in *jsonrpc.Message, code int, format string, args ...any) {
	var id []byte
	if in != nil && in.Kind() == jsonrpc.Request {
		id = in.ID.Of(in.Data)
	}
	writeError(x.w, status, id, jsonrpc.Errorf(code, format, args...))
	if x.event == nil {
		x.observe()
	}
	x.event.StatusCode = status
	x.record("refused", "refused")
}

func writeError(w http.ResponseWriter, status int, id []byte, e *jsonrpc.Error) {
	b := e.Response(id)
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// Refuse answers a request that may not go on, and records that.
func (e *Engine) Refuse(w http.ResponseWriter, r *http.Request, hop Hop, status int, text string) {
	x := e.exchange(w, r, hop)
	if status == http.StatusUnauthorized {
		w.Header()["Www-Authenticate"] = []string{`Bearer realm="agent-gateway"`}
	}
	x.refuse(status, nil, codeRefused, "%s", text)
}

// request takes a request: policy first, then the upstream session that it needs.
func (x *exchange) request() {
	x.observe()
	in := x.in
	if in.Method == "tools/call" && !x.mayCall() {
		return
	}
	release, ok := x.reserve()
	if !ok {
		return
	}
	defer release()
	if in.Method == "initialize" && !x.modern {
		x.initialize()
		return
	}
	if x.modern {
		x.alone()
		return
	}
	if x.r.Header.Get("Mcp-Session-Id") == "" {
		x.bare()
		return
	}
	if s := x.session(in); s != nil {
		x.inSession(s)
	}
}

// session finds the session that the caller names, or answers that there is none; in is
// the request, nil where there is none to answer.
func (x *exchange) session(in *jsonrpc.Message) *session {
	s := x.sessions.get(x.r.Header.Get("Mcp-Session-Id"), x.hop.RouteID, x.hop.Caller.KeyID)
	if s == nil || s.inst.isDead() {
		x.refuse(http.StatusNotFound, in, codeUnavailable, "there is no such session; initialize a new one")
		return nil
	}
	return s
}

// sessionLost ends a session that its server has forgotten.
func (x *exchange) sessionLost(inst *instance, in *jsonrpc.Message) {
	x.retire(inst)
	x.refuse(http.StatusNotFound, in, codeUnavailable, "the MCP server has forgotten the session; initialize a new one")
}

// mayCall holds a tool call to the policies, and answers it when it may not be made.
func (x *exchange) mayCall() bool {
	shown := x.params.nameText
	tools := x.tools()
	name, ok := tools.call(shown)
	x.mcp.ToolName, x.mcp.PresentedToolName = limited(name), limited(shown)
	if !ok {
		x.mcp.PolicyAction = "deny"
		writeError(x.w, http.StatusOK, x.in.ID.Of(x.in.Data), jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "there is no tool %q that this caller may use on this route", limited(shown)))
		x.event.StatusCode = http.StatusOK
		x.record("denied", "tool_denied")
		return false
	}
	if !tools.open() {
		x.mcp.PolicyAction = "allow"
	}
	x.name, x.mcp.ExecutedToolName = name, limited(name)
	return true
}

// limited is a name that is short enough for an event.
func limited(s string) string { return cut(s, 128) }

// inSession serves a request of a session.
func (x *exchange) inSession(s *session) {
	s.begin(x.now())
	defer func() { s.end(x.now()) }()
	c, ok := x.enter(s.inst, !s.inst.own)
	if !ok {
		return
	}
	if !s.enter(c) {
		x.calls.leave(c, "")
		x.refuse(http.StatusBadRequest, x.in, jsonrpc.CodeInvalidRequest, "a request with this id is under way in this session")
		return
	}
	defer s.leave(c)
	switch x.in.Method {
	case "resources/subscribe":
		s.watch(x.params.uriText, true)
	case "resources/unsubscribe":
		s.watch(x.params.uriText, false)
		if !s.inst.own && x.watchedByOthers(s) {
			x.answerSelf(c, []byte("{}"))
			return
		}
	}
	x.relay(s.inst, s, c)
}

// watchedByOthers says whether other sessions on the same upstream session still want to
// hear of the resource.
func (x *exchange) watchedByOthers(s *session) bool {
	for _, other := range s.inst.members() {
		if other != s && other.watches(x.params.uriText) {
			return true
		}
	}
	return false
}

// answerSelf answers a request in the server's place.
func (x *exchange) answerSelf(c *call, result []byte) {
	p := x.newReply()
	p.finish(http.StatusOK, mcp.Message{Data: jsonrpc.Result(c.ownID, result)})
	x.event.StatusCode = http.StatusOK
	x.calls.leave(c, "")
	x.record("ok", "")
}

// enter notes the request under way. replace says that the upstream session is shared, so
// that ids and tokens have to be replaced.
func (x *exchange) enter(inst *instance, replace bool) (*call, bool) {
	c := &call{
		id: x.hop.Span.UniqueID(), key: x.in.Key(), routeID: x.hop.RouteID, service: x.hop.Service.Config.ID, method: x.in.Method,
		ownID: x.in.ID.Of(x.in.Data), token: x.params.token.Of(x.in.Data), started: x.hop.Started,
	}
	c.upID, c.upToken = c.ownID, c.token
	if replace {
		c.upID = inst.nextID()
		if c.token != nil {
			c.upToken = c.upID
		}
	}
	if !x.calls.enter(c, x.limits.InFlight) {
		x.w.Header().Set("Retry-After", "1")
		x.refuse(http.StatusServiceUnavailable, x.in, codeUnavailable, "the gateway has as many MCP requests under way as it takes")
		return nil, false
	}
	return c, true
}

// notification takes a notification. There is no answer to it.
func (x *exchange) notification() {
	if x.modern {
		x.w.WriteHeader(http.StatusAccepted) // cancelling is closing the stream; nothing else can be told
		return
	}
	if x.r.Header.Get("Mcp-Session-Id") == "" {
		x.w.WriteHeader(http.StatusAccepted) // of a handshake that was not needed
		return
	}
	s := x.session(nil)
	if s == nil {
		return
	}
	s.begin(x.now())
	defer func() { s.end(x.now()) }()
	data := x.in.Data
	switch x.in.Method {
	case "notifications/initialized":
		if !s.inst.own { // the gateway has said so already
			x.w.WriteHeader(http.StatusAccepted)
			return
		}
	case "notifications/cancelled":
		target, err := x.in.Member(x.in.Params, "requestId")
		if err != nil || !target.OK() {
			x.refuse(http.StatusBadRequest, nil, jsonrpc.CodeInvalidParams, "params: requestId is missing")
			return
		}
		c := s.call(target.Of(data))
		switch {
		case c == nil && s.inst.own: // its stream has ended, which may be gone on with
			x.tell(s, data)
			return
		case c == nil: // it has ended meanwhile
			x.w.WriteHeader(http.StatusAccepted)
			return
		}
		data = jsonrpc.Splice(data, jsonrpc.Edit{At: target, With: c.upID})
		if c.stop(x.now(), "cancelled by the client") {
			// The server need not answer any longer, and who has cancelled does not wait.
			time.AfterFunc(cancelGrace, c.cancel)
		}
	}
	x.tell(s, data)
}

// cancelGrace is how long a server may still answer a request that was cancelled.
const cancelGrace = 2 * time.Second

// response takes a caller's answer to a request of the server's.
func (x *exchange) response() {
	s := x.session(nil)
	if s == nil {
		return
	}
	s.begin(x.now())
	defer func() { s.end(x.now()) }()
	if !s.answered(x.in.Key()) {
		x.w.WriteHeader(http.StatusAccepted) // nobody has asked that here, or no longer
		return
	}
	x.tell(s, x.in.Data)
}

// tell sends what has no answer.
func (x *exchange) tell(s *session, data []byte) {
	err := s.inst.conn.Notify(x.r.Context(), mcp.Message{Data: data, Header: x.legacyHeader()})
	var refused *mcp.StatusError
	switch {
	case err == nil:
		x.w.WriteHeader(http.StatusAccepted)
	case errors.As(err, &refused) && refused.Code == http.StatusNotFound:
		x.sessionLost(s.inst, nil)
	default:
		x.refuse(http.StatusBadGateway, nil, codeUnavailable, "the MCP server could not be told: %s", text(err))
	}
}

// legacyHeader is what of a caller's header goes to a server of the era with sessions.
func (x *exchange) legacyHeader() http.Header {
	if v := x.r.Header["Mcp-Protocol-Version"]; len(v) == 1 {
		return http.Header{"Mcp-Protocol-Version": v}
	}
	return nil
}

// busy answers that no upstream session can be had.
func (x *exchange) busy(err error) {
	var full *busyError
	var status *mcp.StatusError
	switch {
	case errors.As(err, &full):
		x.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(full.after.Seconds()))))
		x.refuse(full.status, x.in, codeUnavailable, "the MCP service %s cannot serve this now: %s", x.hop.Service.Config.ID, full.Public())
	case x.r.Context().Err() != nil:
		x.event.StatusCode = 499
		x.mcp.Cancelled = true
		x.record("cancelled", "canceled")
	case errors.As(err, &status) && (status.Code == http.StatusUnauthorized || status.Code == http.StatusForbidden):
		x.refuse(http.StatusBadGateway, x.in, codeUnavailable, "the MCP server of service %s has refused the gateway's credentials (%d); look at its auth", x.hop.Service.Config.ID, status.Code)
	case errors.Is(err, context.DeadlineExceeded):
		x.refuse(http.StatusGatewayTimeout, x.in, codeUnavailable, "the MCP server of service %s has not started in time", x.hop.Service.Config.ID)
	default:
		x.log.WarnContext(x.r.Context(), "an MCP server cannot be reached", "route", x.hop.RouteID, "service", x.hop.Service.Config.ID, "error", err, "trace_id", x.hop.Span.TraceID)
		x.refuse(http.StatusBadGateway, x.in, codeUnavailable, "the MCP server of service %s cannot be reached: %s", x.hop.Service.Config.ID, text(err))
	}
}

// text is an error's for callers, short enough to be shown. Where an error says what only
// operators should read, as what a process has written to its standard error, it has a
// text for everybody as well; the other goes to the log.
func text(err error) string {
	if err == nil {
		return "its session has ended"
	}
	s := err.Error()
	var public interface{ Public() string }
	if errors.As(err, &public) {
		s = public.Public()
	}
	const most = 500
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}
