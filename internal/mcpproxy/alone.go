package mcpproxy

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// The requests of 2026-07-28 stand alone: each says its version, and repeats in headers
// what those between would route by.

// supported are the versions that are served, the newest first.
var supported = []string{mcp.FirstModern, mcp.LastLegacy, "2025-06-18", "2025-03-26", "2024-11-05"}

// checkHeaders refuses a request whose headers say something else than its body, so that
// nobody decides by the one while the other is carried out.
func (x *exchange) checkHeaders(version string) bool {
	in, p := x.in, &x.params
	mismatch := func(format string, args ...any) bool {
		x.refuse(http.StatusBadRequest, in, codeHeaderMismatch, format, args...)
		return false
	}
	said := p.versionText
	switch {
	case in.Kind() == jsonrpc.Response:
		x.refuse(http.StatusBadRequest, nil, jsonrpc.CodeInvalidRequest, "the body is a response, and there are no requests of the server's to answer in "+mcp.FirstModern)
		return false
	case version == "":
		return mismatch("the header MCP-Protocol-Version is missing")
	case in.Kind() == jsonrpc.Request && said == "":
		return mismatch("params: _meta has no %s, while the header MCP-Protocol-Version is %.40q", mcp.VersionKey, version)
	case said != "" && said != version:
		return mismatch("the header MCP-Protocol-Version is %.40q, and %s in params._meta %.40q", version, mcp.VersionKey, said)
	case !slices.Contains(supported, version):
		writeUnsupported(x, version)
		return false
	case !isModern(version):
		return mismatch("the version %.40s has sessions; a request that names its version in _meta is of 2026-07-28 or later", version)
	}
	got := x.r.Header["Mcp-Method"]
	if len(got) == 0 && in.Kind() == jsonrpc.Notification { // to which clients do not give one
		return true
	}
	if len(got) != 1 || got[0] != in.Method {
		return mismatch("the header Mcp-Method is %.80q, and the body's method %q", strings.Join(got, ", "), in.Method)
	}
	want, named := "", true
	switch in.Method {
	case "tools/call", "prompts/get":
		want = p.nameText
	case "resources/read":
		want = p.uriText
	default:
		named = false
	}
	got = x.r.Header["Mcp-Name"]
	if name, ok := decodeHeader(strings.Join(got, "")); named && (len(got) != 1 || !ok || name != want) {
		return mismatch("the header Mcp-Name is not what the body names")
	}
	return true
}

func writeUnsupported(x *exchange, version string) {
	data, _ := json.Marshal(map[string]any{"supported": supported, "requested": version})
	if x.event == nil {
		x.observe()
	}
	x.event.StatusCode = http.StatusBadRequest
	writeError(x.w, http.StatusBadRequest, x.in.ID.Of(x.in.Data), &jsonrpc.Error{Code: codeBadVersion, Message: fmt.Sprintf("the version %.40q is not supported", version), Data: data})
	x.record("refused", "unsupported_version")
}

const (
	sentinel    = "=?base64?"
	sentinelEnd = "?="
)

// decodeHeader reads a header's value, which is in base64 where it could not be written
// as it is.
func decodeHeader(v string) (string, bool) {
	if !strings.HasPrefix(v, sentinel) || !strings.HasSuffix(v, sentinelEnd) || len(v) < len(sentinel)+len(sentinelEnd) {
		return v, true
	}
	b, err := base64.StdEncoding.DecodeString(v[len(sentinel) : len(v)-len(sentinelEnd)])
	return string(b), err == nil
}

// encodeHeader writes a header's value.
func encodeHeader(v string) string {
	plain := v == strings.TrimSpace(v) && !strings.HasPrefix(v, sentinel) && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > unicode.MaxASCII-1 })
	if plain {
		return v
	}
	return sentinel + base64.StdEncoding.EncodeToString([]byte(v)) + sentinelEnd
}

// modernHeader is what goes to the server with a request that stands alone: what the
// body says, and the parameters that the caller repeats.
func (x *exchange) modernHeader(version string) http.Header {
	h := http.Header{"Mcp-Protocol-Version": {version}, "Mcp-Method": {x.in.Method}}
	switch x.in.Method {
	case "tools/call":
		h["Mcp-Name"] = []string{encodeHeader(x.name)}
	case "prompts/get":
		h["Mcp-Name"] = []string{encodeHeader(x.params.nameText)}
	case "resources/read":
		h["Mcp-Name"] = []string{encodeHeader(x.params.uriText)}
	}
	for name, v := range x.r.Header {
		if strings.HasPrefix(name, "Mcp-Param-") {
			h[name] = v
		}
	}
	return h
}

// alone serves a request that stands alone.
func (x *exchange) alone() {
	svc := x.hop.Service
	scope := x.hop.Caller.KeyID
	if !svc.oneWire() || svc.Isolation == Shared {
		scope = "" // there is nothing in a connection over HTTP that could be shared
	}
	pool := x.pools.of(x.Engine, svc)
	if pool.isLegacy(x.now()) {
		x.tooNew()
		return
	}
	inst, err := pool.get(x.r.Context(), x.Engine, form{scope, mcp.FirstModern}, func(ctx context.Context) (*instance, error) { return x.openAlone(ctx, svc, scope) })
	if errors.Is(err, errLegacy) {
		pool.setLegacy(x.now())
		x.tooNew()
		return
	}
	if err != nil {
		x.busy(err)
		return
	}
	c, ok := x.enter(inst, svc.oneWire())
	if !ok {
		return
	}
	x.relayAlone(inst, c)
}

// errLegacy says that a server knows sessions only.
var errLegacy = errors.New("the server has sessions only")

// openAlone connects to a server that is asked without a session. Over HTTP, each
// request finds out for itself what the server speaks; a process is asked first.
func (e *Engine) openAlone(ctx context.Context, svc *Service, scope string) (*instance, error) {
	inst, err := e.dial(ctx, svc, scope)
	if err != nil {
		return nil, err
	}
	if !svc.oneWire() {
		inst.modern = true
		return inst, nil
	}
	probe, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	if err = e.discover(probe, inst); err == nil {
		return inst, nil
	}
	var rpc *jsonrpc.Error
	if errors.As(err, &rpc) || probe.Err() != nil && ctx.Err() == nil {
		err = errLegacy
	}
	return nil, err
}

// tooNew answers a request that stands alone where the server knows sessions only, in
// the way that makes a client go on with initialize: no error that only 2026-07-28 has.
func (x *exchange) tooNew() {
	x.refuse(http.StatusBadRequest, x.in, jsonrpc.CodeInvalidRequest, "the MCP server of service %s speaks versions up to %s: send initialize first", x.hop.Service.Config.ID, mcp.LastLegacy)
}

// relayAlone relays a request that stands alone, or one that does so from here on.
func (x *exchange) relayAlone(inst *instance, c *call) {
	var edits []jsonrpc.Edit
	version := x.params.versionText
	if version == "" { // of a caller without a handshake
		version = mcp.FirstModern
		edits = x.addMeta()
	}
	x.send(inst, nil, c, mcp.Message{Data: x.upward(c, edits...), Header: x.modernHeader(version)})
}

// metaMember is what each request of the gateway's own has in its params, where there are
// no sessions.
const metaMember = `"_meta":` + ownMeta

// addMeta says in the request what it has to say to stand alone.
func (x *exchange) addMeta() []jsonrpc.Edit {
	in, meta := x.in, x.params.meta
	switch {
	case meta.OK() && in.Data[meta.Start] == '{':
		return []jsonrpc.Edit{into(in.Data, meta, ownMeta[1:len(ownMeta)-1])}
	case in.Params.OK() && in.Data[in.Params.Start] == '{':
		return []jsonrpc.Edit{into(in.Data, in.Params, metaMember)}
	case !in.Params.OK():
		end := bytes.LastIndexByte(in.Data, '}')
		return []jsonrpc.Edit{{At: jsonrpc.Span{Start: end, End: end}, With: []byte(`,"params":{` + metaMember + `}`)}}
	}
	return nil
}

// into puts members at the beginning of an object.
func into(text []byte, object jsonrpc.Span, members string) jsonrpc.Edit {
	if rest := bytes.TrimLeft(text[object.Start+1:object.End], " \t\r\n"); rest[0] != '}' {
		members += ","
	}
	return jsonrpc.Edit{At: jsonrpc.Span{Start: object.Start + 1, End: object.Start + 1}, With: []byte(members)}
}

// statusOf is the HTTP status of a response (2026-07-28); e is nil for a result.
func statusOf(e *jsonrpc.Error) int {
	if e == nil {
		return http.StatusOK
	}
	switch e.Code {
	case jsonrpc.CodeMethodNotFound:
		return http.StatusNotFound
	case codeHeaderMismatch, codeMissingCapability, codeBadVersion, jsonrpc.CodeParse, jsonrpc.CodeInvalidRequest:
		return http.StatusBadRequest
	}
	return http.StatusOK
}
