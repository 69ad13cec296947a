package llmtest

import (
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// protocol is the one that a request speaks.
type protocol string

const (
	openAI    protocol = "openai"
	anthropic protocol = "anthropic"
	gemini    protocol = "gemini"
	// geminiArray is Gemini's for callers who want a stream, but not as events: they
	// get a JSON array, of an error too.
	geminiArray protocol = "gemini, in an array"
)

func protocolOf(r *http.Request) protocol {
	if geminiPath(r) {
		if strings.HasSuffix(r.URL.Path, ":streamGenerateContent") && r.URL.Query().Get("alt") != "sse" {
			return geminiArray
		}
		return gemini
	}
	if strings.HasPrefix(r.URL.Path, "/v1/messages") || r.Header.Get("Anthropic-Version") != "" {
		return anthropic
	}
	return openAI
}

// header is what an upstream of the protocol sends with every answer. Some of it
// must not reach a gateway's callers.
func (p protocol) header(contentType string) http.Header {
	h := http.Header{
		"Content-Type": {contentType},
		"Set-Cookie":   {"__cf_bm=upstream; path=/; HttpOnly"},
		"Server":       {"fake-upstream"},
	}
	switch {
	case p == anthropic:
		h.Set("Request-Id", "req_upstream")
		h.Set("Anthropic-Organization-Id", "org-upstream")
		h.Set("Anthropic-Ratelimit-Requests-Remaining", "99")
	case p.google():
		h.Set("Alt-Svc", `h3=":443"; ma=2592000`)
		h.Set("Server-Timing", "gfet4t7; dur=1")
		h.Set("X-Gemini-Service-Tier", "standard")
	default:
		h.Set("X-Request-Id", "req_upstream")
		h.Set("Openai-Organization", "org-upstream")
		h.Set("Openai-Processing-Ms", "1")
		h.Set("Openai-Version", "2020-10-01")
		h.Set("X-Ratelimit-Remaining-Requests", "99")
	}
	return h
}

// authenticate answers 401 unless the request carries the key, and no other one;
// see googleKey for Gemini.
// Anthropic's SDKs send it in x-api-key or, newer ones, in Authorization.
func (u *Upstream) authenticate(p protocol, r *http.Request) (reply, bool) {
	if u.Key == "" {
		return reply{}, false
	}
	if p.google() {
		return u.googleKey(p, r)
	}
	var keys []string
	where := "Authorization"
	for _, v := range r.Header.Values("Authorization") {
		keys = append(keys, strings.TrimPrefix(v, "Bearer "))
	}
	if p == anthropic {
		where = "x-api-key or Authorization"
		keys = append(keys, r.Header.Values("X-Api-Key")...)
	}
	if u.keyHeader != "" {
		where = u.keyHeader
		keys = slices.Concat(r.Header.Values("Authorization"), r.Header.Values(where))
	}
	for _, key := range keys {
		if subtle.ConstantTimeCompare([]byte(key), []byte(u.Key)) != 1 {
			return p.failure(http.StatusUnauthorized, Fault{Message: "a wrong key in " + where}), true
		}
	}
	if len(keys) == 0 {
		return p.failure(http.StatusUnauthorized, Fault{Message: "no key in " + where}), true
	}
	return reply{}, false
}

// kinds are the error type and code that go with a status, and Google's word for it.
var kinds = map[int]struct{ anthropic, openAI, code, google string }{
	400: {"invalid_request_error", "invalid_request_error", "", "INVALID_ARGUMENT"},
	401: {"authentication_error", "invalid_request_error", "invalid_api_key", "UNAUTHENTICATED"},
	402: {"billing_error", "insufficient_quota", "insufficient_quota", "RESOURCE_EXHAUSTED"},
	403: {"permission_error", "permission_error", "permission_denied", "PERMISSION_DENIED"},
	404: {"not_found_error", "invalid_request_error", "model_not_found", "NOT_FOUND"},
	408: {"timeout_error", "timeout", "timeout", "DEADLINE_EXCEEDED"},
	413: {"request_too_large", "invalid_request_error", "request_too_large", "INVALID_ARGUMENT"},
	429: {"rate_limit_error", "rate_limit_exceeded", "rate_limit_exceeded", "RESOURCE_EXHAUSTED"},
	500: {"api_error", "server_error", "", "INTERNAL"},
	503: {"overloaded_error", "server_error", "unavailable", "UNAVAILABLE"},
	504: {"timeout_error", "timeout", "timeout", "DEADLINE_EXCEEDED"},
	529: {"overloaded_error", "server_error", "overloaded", "UNAVAILABLE"},
}

// failure is a refusal.
func (p protocol) failure(status int, f Fault) reply {
	if f.Redirect != "" && status == 0 {
		status = http.StatusTemporaryRedirect
	}
	a := reply{status: status, header: p.header("application/json")}
	switch f.Body {
	case BodyHTML:
		a.header.Set("Content-Type", "text/html")
		a.events = [][]byte{[]byte("<html><body><h1>Bad gateway</h1></body></html>")}
	case BodyText:
		a.header.Set("Content-Type", "text/plain")
		a.events = [][]byte{[]byte("upstream says no")}
	case BodyEmpty:
		a.header.Del("Content-Type")
	default:
		a.events = [][]byte{p.envelope(status, f)}
	}
	if f.Redirect != "" {
		a.header.Set("Location", f.Redirect)
	}
	return a
}

// envelope is an error's body.
func (p protocol) envelope(status int, f Fault) []byte {
	kind, known := kinds[status]
	if !known {
		kind = kinds[400]
		if status >= 500 {
			kind = kinds[500]
		}
	}
	if f.Code != "" {
		kind.code = f.Code
	}
	if f.Type != "" {
		kind.openAI, kind.anthropic, kind.google = f.Type, f.Type, f.Type
	}
	if f.Message == "" {
		f.Message = "fake upstream: " + http.StatusText(status)
	}
	if p.google() {
		return p.googleEnvelope(status, kind.google, f)
	}
	if p == anthropic {
		return encode(object{"type", "error", "error", object{"type", kind.anthropic, "message", f.Message}, "request_id", "req_upstream"})
	}
	var code any
	if kind.code != "" {
		code = kind.code
	}
	return encode(object{"error", object{"message", f.Message, "type", kind.openAI, "param", nil, "code", code}})
}

// reject is a refusal of a request that is wrong in itself.
func (p protocol) reject(status int, message string) reply {
	return p.failure(status, Fault{Message: message})
}

// answer is the good answer to a request, or the refusal of a wrong one.
func (u *Upstream) answer(p protocol, r *http.Request, rec Recorded, f Fault) reply {
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	if !ok {
		path, ok = strings.CutPrefix(r.URL.Path, "/v1beta/")
	}
	if !ok {
		return p.reject(http.StatusNotFound, "fake upstream: no such path "+r.URL.Path)
	}
	if r.Method == http.MethodPost && !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") && len(rec.Body) > 0 {
		if !gjson.ValidBytes(rec.Body) {
			return p.reject(http.StatusBadRequest, "fake upstream: the body is not JSON")
		}
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			return p.reject(http.StatusUnsupportedMediaType, "fake upstream: Content-Type is not application/json")
		}
	}
	c := call{u: u, p: p, r: r, path: strings.Split(path, "/"), body: gjson.ParseBytes(rec.Body), raw: rec.Body, fault: f}
	if c.body.Get("model").Str == UnknownModel {
		return p.reject(http.StatusNotFound, "The model `"+UnknownModel+"` does not exist")
	}
	switch {
	case p == anthropic:
		return c.anthropic()
	case p.google():
		return c.gemini()
	}
	return c.openAI()
}

// call is one request that is being answered.
type call struct {
	u     *Upstream
	p     protocol
	r     *http.Request
	path  []string // after /v1/ or /v1beta/
	body  gjson.Result
	raw   []byte
	fault Fault
}

// is says whether the request has this method and path; "*" stands for any one
// segment.
func (c *call) is(method string, path ...string) bool {
	if c.r.Method != method || len(c.path) != len(path) {
		return false
	}
	for i, segment := range path {
		if segment != "*" && segment != c.path[i] {
			return false
		}
	}
	return true
}

// missing names the first of the required fields that the body does not have.
func (c *call) missing(fields ...string) (reply, bool) {
	for _, field := range fields {
		if !c.body.Get(field).Exists() {
			return c.p.reject(http.StatusBadRequest, "fake upstream: missing required parameter: "+field), true
		}
	}
	return reply{}, false
}

func (c *call) notFound() reply {
	return c.p.reject(http.StatusNotFound, "fake upstream: no such object or path: "+c.r.Method+" "+c.r.URL.Path)
}
