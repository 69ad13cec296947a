package runtime

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/internal/llmproxy"
	"github.com/agent-gateway/agent-gateway/llm"
)

// Match is a route and what a request asks of it.
type Match struct {
	Route    *Route
	Endpoint *llmproxy.Endpoint // nil on a route of MCP
	Path     string             // behind the prefix, canonical
}

// Match finds the route of a request: the longest prefix wins, then the more
// specific host; where routes of several protocols are left, the endpoint
// decides, and then the headers. Only routes of the protocols in dialects are
// looked at; nil means all. Without a match, allow lists the methods that the
// path takes, and m has the route of MCP that takes some of them, if one does.
func (s *Snapshot) Match(r *http.Request, dialects []string) (m Match, allow []string, ok bool) {
	path := r.URL.EscapedPath()
	host := hostOf(r)
	for prefix := path; prefix != ""; prefix = parent(prefix) {
		routes := s.routes[prefix]
		if len(routes) == 0 {
			continue
		}
		rest := path
		if prefix != "/" {
			rest = path[len(prefix):]
		}
		best := -1
		for _, route := range routes {
			if best >= 0 && hostRank(route.host) < best {
				break // routes are in the order of their hosts
			}
			if !hostMatches(route.host, host) || dialects != nil && !slices.Contains(dialects, route.Protocol) {
				continue
			}
			if route.mcp != nil {
				if rest != "" && rest != "/" {
					continue
				}
				methods := mcpMethods
				if len(route.methods) > 0 {
					methods = slices.DeleteFunc(slices.Clone(methods), func(m string) bool { return !slices.Contains(route.methods, m) })
				}
				if slices.Contains(methods, r.Method) {
					m, ok, best = Match{Route: route}, true, hostRank(route.host)
				} else if allow = append(allow, methods...); !ok {
					m = Match{Route: route}
				}
				continue
			}
			canonical, valid := llmproxy.Canonical(route.Protocol, rest)
			if !valid {
				continue
			}
			e, others := llmproxy.Lookup(route.Protocol, r.Method, canonical)
			if e == nil {
				allow = append(allow, others...)
				continue
			}
			if len(route.methods) > 0 && !slices.Contains(route.methods, r.Method) {
				continue
			}
			if best >= 0 && !(e.Shared && llmproxy.Prefers(r, route.Protocol)) {
				continue
			}
			m, ok, best = Match{route, e, canonical}, true, hostRank(route.host)
		}
		if ok {
			return m, nil, true
		}
	}
	return m, allow, false
}

// mcpAbove is the prefix of a route of MCP that a path lies under; empty for none.
func (s *Snapshot) mcpAbove(path string) string {
	for prefix := parent(path); len(prefix) > 1; prefix = parent(prefix) {
		if slices.ContainsFunc(s.routes[prefix], func(r *Route) bool { return r.mcp != nil }) {
			return prefix
		}
	}
	return ""
}

// parent cuts the last segment off a prefix; "" above the root.
func parent(prefix string) string {
	i := strings.LastIndexByte(prefix, '/')
	switch {
	case prefix == "/" || i < 0:
		return ""
	case i == 0:
		return "/"
	}
	return prefix[:i]
}

func hostOf(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

func hostMatches(pattern, host string) bool {
	if pattern == "" || pattern == host {
		return true
	}
	return pattern[0] == '.' && len(host) > len(pattern) && strings.HasSuffix(host, pattern)
}

// maxKey bounds what is taken for a key; it is above what a key may be.
const maxKey = 1024

// Authenticate finds out who asks, and whether they may use the route. Every key
// that is presented is tried, and one that may is enough; nil is nobody in particular, or
// with an error who it was that may not. query holds those of the
// URL, where Gemini's clients put theirs. hash is the keyed hash that keys are stored
// under.
func (s *Snapshot) Authenticate(h http.Header, query []string, route *Route, hash func(string) [32]byte, now time.Time) (*Key, *llm.Error) {
	var refused *llm.Error
	var refusedKey *Key
	presented := false
	try := func(key string) (*Key, bool) {
		presented = true
		if len(key) == 0 || len(key) > maxKey {
			return nil, false
		}
		k := s.keys[hash(key)]
		if k == nil {
			return nil, false
		}
		if refused = k.refuse(route, now); refused != nil {
			refusedKey = k
			return nil, false
		}
		return k, true
	}
	for _, v := range h["Authorization"] {
		scheme, key, _ := strings.Cut(v, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			continue
		}
		if k, ok := try(strings.TrimSpace(key)); ok {
			return k, nil
		}
	}
	for _, name := range []string{"X-Api-Key", "X-Goog-Api-Key"} {
		for _, v := range h[name] {
			if k, ok := try(strings.TrimSpace(v)); ok {
				return k, nil
			}
		}
	}
	for _, v := range query {
		if k, ok := try(v); ok {
			return k, nil
		}
	}
	switch {
	case !route.RequireKey:
		return nil, nil
	case refused != nil:
		return refusedKey, refused
	case presented:
		return nil, &llm.Error{Code: llm.CodeUnauthenticated, NoRetry: true, Message: "this virtual key is not known to the gateway"}
	}
	return nil, &llm.Error{Code: llm.CodeUnauthenticated, NoRetry: true,
		Message: "a virtual key is required: send it as `Authorization: Bearer <key>` or `x-api-key: <key>`"}
}

func (k *Key) refuse(route *Route, now time.Time) *llm.Error {
	text := ""
	switch {
	case k.disabled:
		text = "this virtual key is disabled"
	case !k.expires.IsZero() && !now.Before(k.expires):
		text = "this virtual key has expired"
	case !k.allows(route.ID):
		text = "this virtual key may not use the route " + route.ID
	default:
		return nil
	}
	return &llm.Error{Code: llm.CodePermissionDenied, NoRetry: true, Message: text}
}

func (k *Key) allows(routeID string) bool {
	if _, ok := k.routes[routeID]; ok {
		return true
	}
	_, ok := k.routes["*"]
	return ok
}
