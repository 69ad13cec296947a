package mcpproxy

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/internal/jsonscan"
	"github.com/agent-gateway/agent-gateway/mcp"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// exchange is one HTTP request.
type exchange struct {
	*Engine
	w   http.ResponseWriter
	r   *http.Request
	hop Hop
	// The caller takes JSON, and takes events.
	json, events bool

	reply  *reply           // nil until there may be more to say than one message
	in     *jsonrpc.Message // the caller's message
	modern bool
	params params
	name   string // the server's name of the tool that is called
	known  int    // of what headers the server wants; see [pool.known]
	event  *metrics.Event
	mcp    *metrics.MCP
	ends   []func() // see settle
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
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.refuse(http.StatusRequestTimeout, nil, jsonrpc.CodeInvalidRequest, "the body did not come in time")
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
	for _, name := range []string{"Mcp-Protocol-Version", "Mcp-Session-Id"} {
		if len(x.r.Header[name]) > 1 {
			x.refuse(http.StatusBadRequest, x.in, jsonrpc.CodeInvalidRequest, "the header %s is there more than once", name)
			return
		}
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

// request takes a request: policy first, then the upstream session that it needs.
func (x *exchange) request() {
	x.observe()
	in := x.in
	if in.Method == "tools/call" && !x.mayCall() {
		return
	}
	if of, err := x.hop.Service.Withheld.answers(in); of != "" || err != nil {
		x.refuse(http.StatusBadRequest, in, jsonrpc.CodeInvalidParams, "params: inputResponses has an answer that is not clear, or of %q, which this service's server gets none of", of)
		return
	}
	if !x.tools().open() && near(in.Method) {
		x.refuse(http.StatusBadRequest, in, jsonrpc.CodeInvalidRequest, "there is no method %q: it is spelled otherwise", in.Method)
		return
	}
	release, ok := x.reserve()
	if !ok {
		if s := x.named(); s != nil { // whose client is there all the same
			s.used.Store(x.now().UnixNano())
		}
		return
	}
	x.ends = append(x.ends, release)
	defer x.settle()
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

// settle gives back what a request has taken: its id, its progress token, its place among
// the calls of its key. It is done before the last of the answer goes out, as a caller that
// has the answer may come with the next request before the handler has returned.
func (x *exchange) settle() {
	for _, end := range slices.Backward(x.ends) {
		end()
	}
	x.ends = nil
}

// mayCall holds a tool call to the policies, and answers it when it may not be made.
func (x *exchange) mayCall() bool {
	shown := x.params.nameText
	tools := x.tools()
	if !tools.open() && !x.params.name.OK() {
		x.refuse(http.StatusBadRequest, x.in, jsonrpc.CodeInvalidParams, "params: name is missing")
		return false
	}
	name, ok := tools.call(shown)
	x.mcp.ToolName, x.mcp.PresentedToolName = limited(name), limited(shown)
	if !ok {
		x.mcp.PolicyAction = "deny"
		x.write(http.StatusOK, jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "there is no tool %q that this caller may use on this route", limited(shown)).Response(x.in.ID.Of(x.in.Data)))
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

// enter notes the request under way. replace says that the upstream session is shared, so
// that ids and tokens have to be replaced.
func (x *exchange) enter(inst *instance, replace bool) (*call, bool) {
	c := &call{
		id: x.hop.Span.UniqueID(), key: x.in.Key(), routeID: x.hop.RouteID, service: x.hop.Service.Config.ID, method: x.in.Method,
		tool: limited(x.name), keyID: x.hop.Caller.KeyID,
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
