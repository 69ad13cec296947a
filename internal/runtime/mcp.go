package runtime

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/mcpproxy"
	"github.com/agent-gateway/agent-gateway/internal/trace"
	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/mcp"
)

// mcpProtocol is the protocol of MCP routes.
const mcpProtocol = "mcp"

var mcpMethods = []string{http.MethodPost, http.MethodGet, http.MethodDelete}

// mcpRoute is what a route of MCP has.
type mcpRoute struct {
	service *mcpproxy.Service
	tools   *mcpproxy.Tools
}

type liveService struct {
	entry   *Entry
	service *mcpproxy.Service
}

// Bounds of services that do not say theirs.
const (
	maxProcesses = 64     // of one service
	maxUpstreams = 10_000 // sessions of one service over HTTP

	// Of one virtual key.
	maxProcessesPerKey = 32
	maxUpstreamsPerKey = 1_000
	maxSharedPerKey    = 16 // where its sessions share them

	idleTTL = time.Hour
)

// compileServices makes the MCP services. One whose entry has not changed is taken over
// from prev, and so are its upstream sessions.
func (c *compiler) compileServices(set *Set, prev, snap *Snapshot) (problems Problems) {
	for id, e := range set.entries["mcp_service"] {
		if prev != nil && prev.services[id].entry == e {
			snap.services[id] = prev.services[id]
			continue
		}
		o := e.Object.(*configstore.MCPService)
		t := c.transports[o.Transport]
		if t == nil {
			problems = append(problems, Problem{Kind: "mcp_service", ID: id, Field: "transport", Text: "is " + strconv.Quote(o.Transport) + ", which this gateway does not have"})
			continue
		}
		s := &mcpproxy.Service{
			Config:    mcp.Service{ID: o.ID, URL: o.URL, PostURL: o.PostURL, Header: headerOf(o), Command: o.Command, Args: slices.Clone(o.Args), Dir: o.Cwd},
			Transport: t, TransportName: o.Transport, Isolation: mcpproxy.Isolation(o.Isolation),
			IdleTTL: cmp.Or(o.IdleTime(), idleTTL), Withheld: slices.Clone(o.WithholdCapabilities), CaptureArgs: o.Audit.CaptureToolArgs, MaxArgs: o.Audit.MaxBytes, Disabled: o.Disabled,
		}
		for name, v := range o.Env {
			s.Config.Env = append(s.Config.Env, name+"="+v.Reveal())
		}
		slices.Sort(s.Config.Env)
		most, perKey := maxUpstreams, maxUpstreamsPerKey
		if o.Stdio() {
			most, perKey = maxProcesses, maxProcessesPerKey
		}
		s.MaxInstances = cmp.Or(o.MaxInstances, most)
		s.MaxKeyless = min(cmp.Or(o.MaxInstancesPerKey, perKey), s.MaxInstances)
		if o.Isolation == configstore.IsolationKey { // it needs few, and has no reason to take what is for others
			perKey = min(max(s.MaxInstances/2, 2), maxSharedPerKey)
		}
		s.MaxPerKey = min(cmp.Or(o.MaxInstancesPerKey, perKey), s.MaxInstances)
		if prev != nil {
			if have := prev.services[id].service; have != nil && have.Same(s) {
				s = have // only what is for people has changed
			}
		}
		snap.services[id] = liveService{e, s}
	}
	return problems
}

// headerOf is what goes with every request to a server.
func headerOf(o *configstore.MCPService) http.Header {
	h := http.Header{}
	for name, v := range o.Headers {
		h.Set(name, v.Reveal())
	}
	switch o.Auth.Type {
	case "bearer":
		h.Set("Authorization", "Bearer "+o.Auth.Token.Reveal())
	case "basic":
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(o.Auth.Username+":"+o.Auth.Password.Reveal())))
	}
	return h
}

func compileMCPRoutes(set *Set, snap *Snapshot) (problems Problems) {
	for _, e := range set.List("mcp_route") {
		o := e.Object.(*configstore.MCPRoute)
		live := snap.services[o.ServiceID]
		if live.service == nil {
			continue // its absence is a problem already
		}
		overrides := map[string]mcpproxy.Override{}
		for name, v := range o.ToolPolicy.Overrides {
			overrides[name] = mcpproxy.Override{Name: v.Name, Description: v.Description}
		}
		r := newRoute(o.ID, mcpProtocol, o.MatchPolicy, o.AuthPolicy, o.Disabled)
		r.mcp = &mcpRoute{live.service, toolsOf(o.ToolPolicy.Mode, o.ToolPolicy.Tools, overrides)}
		problems = append(problems, snap.add(r, "mcp_route")...)
	}
	return problems
}

// toolsOf is a tool policy; nil for one that permits everything as it is.
func toolsOf(mode string, names []string, overrides map[string]mcpproxy.Override) *mcpproxy.Tools {
	if mode == "" && len(overrides) == 0 {
		return nil
	}
	return mcpproxy.NewTools(mode == configstore.ToolsAllow, names, overrides)
}

// FollowServices has told told which MCP services are served, now and whenever that
// changes. It is called once.
func (rt *Runtime) FollowServices(told func(map[string]*mcpproxy.Service)) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.services = told
	if snap := rt.Snapshot(); snap != nil {
		rt.tellServices(snap)
	}
}

// tellServices says which services are served. The caller holds mu.
func (rt *Runtime) tellServices(snap *Snapshot) {
	if rt.services == nil {
		return
	}
	served := make(map[string]*mcpproxy.Service, len(snap.services))
	for id, live := range snap.services {
		served[id] = live.service
	}
	rt.services(served)
}

// MCPService returns a service that is served, nil when there is none.
func (rt *Runtime) MCPService(id string) *mcpproxy.Service {
	snap := rt.Snapshot()
	if snap == nil {
		return nil
	}
	return snap.services[id].service
}

// serveMCP serves a request on a route of MCP; refused says why it may not go on.
func (d *Dataplane) serveMCP(w http.ResponseWriter, r *http.Request, route *Route, key *Key, span trace.Span, started time.Time, refused *llm.Error) {
	hop := mcpproxy.Hop{RouteID: route.ID, Service: route.mcp.service, Tools: route.mcp.tools, Span: span, Started: started}
	if key != nil {
		hop.Caller = mcpproxy.Caller{KeyID: key.ID, Tools: key.tools}
		hop.Limits = subjects(key.caller, route)
	}
	hop.Still = func() bool { return d.still(r, route, key) }
	if refused != nil {
		d.MCP.Refuse(w, r, hop, refused.HTTPStatus("openai"), refused.Message)
		return
	}
	d.MCP.Serve(w, r, hop)
}

// still says whether a request would be taken now as it was, by the same route and with
// the same key.
func (d *Dataplane) still(r *http.Request, route *Route, key *Key) bool {
	snap := d.Runtime.Snapshot()
	if snap == nil {
		return false
	}
	m, _, ok := snap.Match(r, nil)
	if !ok || m.Route.ID != route.ID || m.Route.Disabled || m.Route.mcp == nil || m.Route.mcp.service.Config.ID != route.mcp.service.Config.ID {
		return false
	}
	now, err := snap.Authenticate(r.Header, nil, m.Route, d.Runtime.KeyHash, d.Now())
	return err == nil && (now == nil) == (key == nil) && (now == nil || now.ID == key.ID)
}
