package llmproxy

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// policy says what happens to a header; unknown is for the rules to decide.
type policy uint8

const (
	unknown policy = iota
	pass
	drop
)

// requestHeaders knows the common headers of callers. Those that stay here are
// hop-by-hop ones, what the gateway sets itself, what says where the caller is,
// and which account or chain a call belongs to, which is the operator's to say.
var requestHeaders = policies([]string{
	"Accept", "Content-Type", "User-Agent", "Anthropic-Beta", "Anthropic-Version", "Openai-Beta", "Idempotency-Key", "X-Client-Request-Id",
}, []string{
	"Authorization", "Cookie", "X-Api-Key", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "Accept-Language", "Accept-Charset", "Priority",
	"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings",
	"Host", "Content-Length", "Content-Encoding", "Accept-Encoding", "Expect",
	"Forwarded", "Via", "X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "Client-Ip", "X-Original-Url", "X-Rewrite-Url",
	"Origin", "Referer", "Range", "If-Range",
	"Openai-Organization", "Openai-Project", "X-Goog-User-Project",
	"Traceparent", "Tracestate", "Baggage", "X-Trace-Id", "X-Span-Id", "X-Request-Id", "X-Agent-Depth", "X-Agent-Id", "B3",
})

// requestPrefixes are families of such headers.
var requestPrefixes = []string{
	"X-Forwarded-", "X-Original-", "X-Envoy-", "X-Amzn-", "X-Amz-", "X-Goog-Iap-", "X-B3-", "X-Ms-", "Cf-", "Fly-", "Sec-", "Proxy-", "X-Agw-", "X-Datadog-", "Fastly-",
}

// requestWords mark headers that carry somebody's credentials, whatever their
// name: a gateway in front of this one may have added them.
var requestWords = []string{"auth", "token", "cookie", "secret", "api-key", "apikey", "password", "passwd", "credential", "jwt", "saml", "client-cert"}

// responseHeaders names the upstream's headers that stay here.
var responseHeaders = policies(nil, []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"Set-Cookie", "Server", "Date", "Via", "X-Powered-By", "Alt-Svc", "Strict-Transport-Security", "Nel", "Report-To",
	"Openai-Organization", "Openai-Project", "Anthropic-Organization-Id", "Www-Authenticate", "Proxy-Authenticate", "Location",
	"Traceparent", "Tracestate", "X-Trace-Id", "X-Span-Id", "X-Agent-Depth", "Refresh", "Clear-Site-Data", "X-Sendfile", "Content-Length",
})

var responsePrefixes = []string{"X-Accel-", "Access-Control-", "Cf-", "X-Envoy-", "X-Amz-", "X-Agw-"}

// upstreamRequestID carries the upstream's own id beside the gateway's.
const upstreamRequestID = "X-Upstream-Request-Id"

func policies(passing, dropped []string) map[string]policy {
	m := make(map[string]policy, len(passing)+len(dropped))
	for _, n := range passing {
		m[textproto.CanonicalMIMEHeaderKey(n)] = pass
	}
	for _, n := range dropped {
		m[textproto.CanonicalMIMEHeaderKey(n)] = drop
	}
	return m
}

// upstreamHeader returns the caller's headers that may go upstream. What nobody
// here knows goes through, so that a new header of a protocol needs no release;
// what could be a credential never does.
func upstreamHeader(in http.Header) http.Header {
	out := make(http.Header, 8)
	named := in["Connection"]
	for k, v := range in {
		if callerHeader(k) == pass && !listed(named, k) {
			out[k] = v
		}
	}
	if out["User-Agent"] == nil {
		out["User-Agent"] = []string{""} // net/http would name itself
	}
	return out
}

func callerHeader(name string) policy {
	if p := requestHeaders[name]; p != unknown {
		return p
	}
	if strings.HasPrefix(name, "X-Stainless-") { // what the official SDKs say of themselves
		return pass
	}
	for _, p := range requestPrefixes {
		if strings.HasPrefix(name, p) {
			return drop
		}
	}
	// Some servers take "_" for "-".
	if strings.HasSuffix(name, "-Key") || strings.Contains(name, "_") {
		return drop
	}
	lower := strings.ToLower(name)
	for _, w := range requestWords {
		if strings.Contains(lower, w) {
			return drop
		}
	}
	return pass
}

// listed says whether a Connection header makes a name hop-by-hop.
func listed(connection []string, name string) bool {
	for _, v := range connection {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), name) {
				return true
			}
		}
	}
	return false
}

// restyle are Google's system parameters that change what an answer looks like, so that
// the gateway could not read it any more.
var restyle = map[string]bool{"fields": true, "alt": true, "callback": true, ".xgafv": true}

// upstreamQuery is the caller's query without what could be a key.
func upstreamQuery(r *http.Request, wire string) url.Values {
	if r.URL.RawQuery == "" {
		return nil
	}
	q := r.URL.Query()
	for name := range q {
		if wire == "gemini" && restyle[strings.TrimPrefix(name, "$")] && (name != "alt" || q.Get(name) != "sse") {
			delete(q, name)
		}
		switch strings.ToLower(name) {
		case "sig", "signature", "subscription-key", "subscription_key", "key", "api_key", "api-key", "apikey", "access_token", "token":
			delete(q, name)
		}
	}
	return q
}

// copyHeaders gives the caller the upstream's headers. limited says that the gateway
// has limits of its own for it.
func copyHeaders(out, in http.Header, requestID string, limited bool) {
	named := in["Connection"]
next:
	for k, v := range in {
		if responseHeaders[k] == drop || listed(named, k) || limited && ofLimits(k) {
			continue
		}
		for _, p := range responsePrefixes {
			if strings.HasPrefix(k, p) {
				continue next
			}
		}
		if k == "X-Request-Id" || k == "Request-Id" {
			out[upstreamRequestID] = v
			if k == "Request-Id" { // Anthropic's clients look here
				out[k] = []string{requestID}
			}
			continue
		}
		if k == "X-Should-Retry" && out[k] != nil {
			continue // the gateway has tried already
		}
		out[k] = v
	}
}
