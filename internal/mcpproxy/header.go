package mcpproxy

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/agent-gateway/agent-gateway/internal/jsonrpc"
	"github.com/agent-gateway/agent-gateway/mcp"
)

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
	case said != "" && said != version:
		return mismatch("the header MCP-Protocol-Version is %.40q, and %s in params._meta %.40q", version, mcp.VersionKey, said)
	case !slices.Contains(supported, version):
		if x.pools.of(x.hop.Service).isLegacy(x.now()) {
			x.tooNew()
		} else {
			writeUnsupported(x, version)
		}
		return false
	case in.Kind() == jsonrpc.Request && said == "":
		return mismatch("params: _meta has no %s, while the header MCP-Protocol-Version is %.40q", mcp.VersionKey, version)
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
	e := jsonrpc.Error{Code: codeBadVersion, Message: fmt.Sprintf("the version %.40q is not supported", version), Data: data}
	x.write(http.StatusBadRequest, e.Response(x.in.ID.Of(x.in.Data)))
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
// body says, and the arguments that the caller repeats. For one who knows of no such thing
// the gateway does that.
func (x *exchange) modernHeader(p *pool, version string) http.Header {
	name := ""
	switch x.in.Method {
	case "tools/call":
		name = x.name
	case "prompts/get":
		name = x.params.nameText
	case "resources/read":
		name = x.params.uriText
	}
	h := headerOf(version, x.in.Method, name)
	if x.params.versionText == "" && x.in.Method == "tools/call" {
		maps.Copy(h, p.paramHeaders(x.name, x.params.arguments.Of(x.in.Data)))
		return h
	}
	for name, v := range x.r.Header {
		if strings.HasPrefix(name, "Mcp-Param-") {
			h[name] = v
		}
	}
	return h
}

// headerOf is what goes with a request that stands alone; name is of what it is about,
// empty for none.
func headerOf(version, method, name string) http.Header {
	h := http.Header{"Mcp-Protocol-Version": {version}, "Mcp-Method": {method}}
	if name != "" {
		h["Mcp-Name"] = []string{encodeHeader(name)}
	}
	return h
}
