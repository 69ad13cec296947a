package runtime

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/hostcheck"
	"github.com/agent-gateway/agent-gateway/internal/httpbody"
	"github.com/agent-gateway/agent-gateway/internal/limits"
	"github.com/agent-gateway/agent-gateway/internal/llmproxy"
	"github.com/agent-gateway/agent-gateway/internal/mcpproxy"
	"github.com/agent-gateway/agent-gateway/internal/trace"
	"github.com/agent-gateway/agent-gateway/llm"
)

// Dataplane serves what callers and agents ask of the gateway.
type Dataplane struct {
	Runtime *Runtime
	LLM     *llmproxy.Engine
	MCP     *mcpproxy.Engine
	// MaxAgentDepth refuses chains that have come through a gateway that often; 0
	// is no limit.
	MaxAgentDepth int
	// BodyTime is how long a caller may take to begin to send what it has announced.
	BodyTime time.Duration
	Now      func() time.Time

	running running
}

// Drain waits until the requests under way have ended, or ctx.
func (d *Dataplane) Drain(ctx context.Context) error { return d.running.drain(ctx) }

// Serve answers one request: match, authenticate, then the engine's send, relay
// and record. What no route of the dialects takes goes to next; without a next
// it is answered with 404. nil dialects are all of them.
func (d *Dataplane) Serve(w http.ResponseWriter, r *http.Request, dialects []string, next http.Handler) {
	d.running.enter()
	defer d.running.leave()
	started := d.Now()
	snap := d.Runtime.Snapshot()
	var m Match
	var allow []string
	var ok bool
	if snap != nil {
		m, allow, ok = snap.Match(r, dialects)
	}
	if !ok && next != nil && (snap != nil || !llmproxy.Recognizes(r)) {
		next.ServeHTTP(w, r)
		return
	}
	r, done := httpbody.Timed(w, r, d.BodyTime)
	defer done()
	switch {
	case snap == nil:
		d.refuse(w, r, &llm.Error{Code: llm.CodeUnavailable, Status: http.StatusServiceUnavailable,
			Message: "the gateway's configuration cannot be served; its operator finds the reason at /admin/ready"})
	case !ok:
		d.notFound(w, r, m.Route, allow, started)
	default:
		d.serve(w, r, snap, m, started)
	}
}

// serve answers a request that has a route.
func (d *Dataplane) serve(w http.ResponseWriter, r *http.Request, snap *Snapshot, m Match, started time.Time) {
	span, depthKnown := trace.Start(r.Header)
	span.Write(w.Header())
	hop := llmproxy.Hop{RouteID: m.Route.ID, Protocol: m.Route.Protocol, Plan: m.Route.plan, Endpoint: m.Endpoint, Path: m.Path, Span: span, Started: started}
	key, err := d.admit(r, snap, m, span, depthKnown, started)
	if m.Route.mcp != nil {
		d.serveMCP(w, r, m.Route, key, span, started, err)
		return
	}
	if key != nil {
		hop.Caller = key.caller
	}
	hop.Limits = subjects(hop.Caller, m.Route)
	if err != nil {
		d.LLM.Refuse(w, r, hop, err)
		return
	}
	d.LLM.Serve(w, r, hop)
}

// admit decides whether the request may go on.
func (d *Dataplane) admit(r *http.Request, snap *Snapshot, m Match, span trace.Span, depthKnown bool, now time.Time) (*Key, *llm.Error) {
	if m.Route.Disabled {
		return nil, llm.Errorf(llm.CodePermissionDenied, "the route %s is disabled", m.Route.ID)
	}
	if d.MaxAgentDepth > 0 && (!depthKnown || span.Depth >= d.MaxAgentDepth) {
		return nil, &llm.Error{Code: llm.CodePermissionDenied, NoRetry: true,
			Message: "this call chain is too deep: X-Agent-Depth has reached the gateway's limit"}
	}
	key, err := snap.Authenticate(r.Header, keysInQuery(r, m.Route), m.Route, d.Runtime.KeyHash, now)
	if err != nil {
		return key, err
	}
	if m.Route.mcp != nil { // which asks for it whoever calls, and whatever the method
		all := *r
		all.Method, r = http.MethodPost, &all
	}
	if m.Route.mcp != nil && m.Route.host == "" && hostcheck.Rebound(r) {
		return key, &llm.Error{Code: llm.CodePermissionDenied, NoRetry: true,
			Message: "the Host of the request is not a name of this machine: give the route a match_policy.host, or have a proxy in front say X-Forwarded-For"}
	}
	if (key == nil || m.Route.mcp != nil) && foreign(r) {
		text := "a web page of another origin may not call the gateway"
		if m.Route.mcp == nil {
			text += " without a virtual key"
		}
		return key, &llm.Error{Code: llm.CodePermissionDenied, NoRetry: true, Message: text}
	}
	if m.Route.plan == nil && m.Route.mcp == nil {
		return key, &llm.Error{Code: llm.CodeUnavailable, Status: http.StatusServiceUnavailable, NoRetry: true,
			Message: "the route " + m.Route.ID + " cannot be served: " + m.Route.unavailable}
	}
	return key, nil
}

// subjects are whose limits a call is held to.
func subjects(c llmproxy.Caller, r *Route) (list []limits.Subject) {
	if c.Policy != (limits.Policy{}) {
		list = append(list, limits.Subject{ID: KeySubject(c.KeyID), Policy: c.Policy})
	}
	if r.limits != (limits.Policy{}) {
		list = append(list, limits.Subject{ID: "route:" + r.ID, Policy: r.limits})
	}
	return list
}

// KeySubject names a virtual key among those who have limits.
func KeySubject(id string) string { return "key:" + id }

// keysInQuery are the keys that a client of Gemini's put into the URL.
func keysInQuery(r *http.Request, route *Route) []string {
	if route.Protocol != "gemini" || !strings.Contains(r.URL.RawQuery, "key=") {
		return nil
	}
	return r.URL.Query()["key"]
}

// foreign says whether a browser sends the request for a page of another origin,
// or for one whose name was rebound to this machine. A browser sends no virtual
// key unasked, so only callers without one matter.
func foreign(r *http.Request) bool {
	if r.Header["Origin"] != nil && hostcheck.OverLoopback(r) && !hostcheck.IsLoopback(r.Host) {
		return true
	}
	return crossOrigin.Check(r) != nil
}

var crossOrigin http.CrossOriginProtection

// refuse answers a request that has no route.
func (d *Dataplane) refuse(w http.ResponseWriter, r *http.Request, e *llm.Error) {
	span, _ := trace.Start(r.Header)
	span.Write(w.Header())
	llmproxy.WriteError(w, guess(r), span.RequestID, e)
}

// notFound answers a request that no route takes; route is one of MCP that would, with
// another method, nil for none.
func (d *Dataplane) notFound(w http.ResponseWriter, r *http.Request, route *Route, allow []string, started time.Time) {
	if len(allow) > 0 {
		slices.Sort(allow)
		w.Header().Set("Allow", strings.Join(slices.Compact(allow), ", "))
		refused := llm.Errorf(llm.CodeMethodNotAllowed, "the method %.20s is not served here", r.Method)
		if route == nil {
			d.refuse(w, r, refused)
			return
		}
		span, _ := trace.Start(r.Header)
		span.Write(w.Header())
		d.serveMCP(w, r, route, nil, span, started, refused)
		return
	}
	path, hint := r.URL.EscapedPath(), "check the path and the configured routes"
	if snap := d.Runtime.Snapshot(); snap != nil {
		if prefix := snap.mcpAbove(path); prefix != "" {
			hint = "MCP is served at " + prefix + " itself, as Streamable HTTP"
		}
	}
	d.refuse(w, r, llm.Errorf(llm.CodeNotFound, "no route takes %.20s %.200s: %.200s", r.Method, path, hint))
}

// guess is the protocol in which a caller without a route is likely to read an
// error.
func guess(r *http.Request) string {
	if len(r.Header["Anthropic-Version"]) > 0 || strings.Contains(r.URL.Path, "/messages") {
		return "anthropic"
	}
	if len(r.Header["X-Goog-Api-Key"]) > 0 || strings.HasPrefix(r.URL.Path, "/v1beta/") {
		return "gemini"
	}
	return "openai"
}

// KeyPolicy returns the limits of a virtual key; false when there is no such key.
func (rt *Runtime) KeyPolicy(id string) (limits.Policy, bool) {
	e := rt.Set().Get("virtual_key", id)
	if e == nil {
		return limits.Policy{}, false
	}
	o := e.Object.(*configstore.VirtualKey)
	return policyOf(o.RateLimit, o.Budget), true
}
