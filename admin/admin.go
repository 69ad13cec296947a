package admin

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/limits"
	"github.com/agent-gateway/agent-gateway/internal/mcpproxy"
	"github.com/agent-gateway/agent-gateway/internal/runtime"
	"github.com/agent-gateway/agent-gateway/metrics"
)

// Config is what the Admin API shows and changes.
type Config struct {
	Runtime *runtime.Runtime
	// ProviderTypes are all types there are; those that the runtime has are
	// enabled.
	ProviderTypes []string
	// Reader answers questions about events; nil when events are not stored.
	Reader metrics.Reader
	// MCP serves MCP, and asks servers for the Admin API.
	MCP *mcpproxy.Engine
	// Limits holds callers to theirs, and knows how they stand.
	Limits *limits.Keeper
	// Pipeline tells the health of the event pipeline; nil without one.
	Pipeline func() metrics.PipelineStats
	// Exposition serves /admin/metrics/prometheus; nil without one.
	Exposition http.Handler
	// AllowStdio lets every caller write MCP services that run a command, not only
	// those on this machine.
	AllowStdio bool
	// Origins are foreign origins whose pages may call, as "https://host[:port]".
	Origins []string
	Log     *slog.Logger
}

type api struct {
	Config
	openAPI []byte
}

// Bounds of request bodies.
const (
	maxObject = 1 << 20
	maxBundle = 16 << 20
)

// New returns the Admin API. It is safe for concurrent use.
func New(cfg Config) (http.Handler, error) {
	doc, err := openAPI()
	if err != nil {
		return nil, err
	}
	a := &api{cfg, doc}
	r := chi.NewRouter()
	r.Use(a.guard)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "", "the Admin API has no %s; /admin/openapi.json lists what it has", r.URL.EscapedPath())
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusMethodNotAllowed, "", "%s does not take %s", r.URL.EscapedPath(), r.Method)
	})
	r.Get("/admin/health", a.health)
	r.Head("/admin/health", a.health)
	r.Get("/admin/ready", a.ready)
	r.Get("/admin/openapi.json", a.openAPIDoc)
	r.Get("/admin/schema/bundle.json", a.bundleSchema)
	r.Get("/admin/bundle", a.exportBundle)
	r.Post("/admin/bundle", a.applyBundle)
	r.Get("/admin/llm/provider_types", a.providerTypes)
	r.Get("/admin/llm/api_handler_types", a.handlerTypes)
	for _, k := range configstore.Kinds {
		o := objects{a, k}
		r.Get("/admin/"+k.Path, o.list)
		r.Post("/admin/"+k.Path, o.create)
		item := itemPath(k)
		r.Get(item, o.get)
		r.Put(item, o.update)
		r.Delete(item, o.delete)
		if len(verbs(k)) > 0 {
			r.Post(item+"/enable", o.enable)
			r.Post(item+"/disable", o.disable)
		}
	}
	r.Post("/admin/virtual_keys/{id}/rotate", a.rotate)
	r.Get("/admin/virtual_keys/{id}/usage", a.keyUsage)
	r.Get("/admin/llm/models/providers/{provider_id}/discovered", a.discoveredModels)
	r.Post("/admin/llm/models/providers/{provider_id}/refresh", a.refreshModels)
	a.mcpRoutes(r)
	r.Get("/admin/metrics", a.summaries)
	r.Get("/admin/metrics/prometheus", a.exposition)
	r.Get("/admin/metrics/llm/events", a.events(metrics.LLMFilters, metrics.Reader.LLMEvents))
	r.Get("/admin/metrics/mcp/events", a.events(metrics.MCPFilters, metrics.Reader.MCPEvents))
	return r, nil
}

// reply writes v as JSON.
func reply(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, "", "the answer cannot be written as JSON")
		return
	}
	replyText(w, status, b)
}

// replyText writes text that is JSON already.
func replyText(w http.ResponseWriter, status int, text []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(slices.Concat(text, []byte{'\n'}))
}

func (a *api) health(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (a *api) ready(w http.ResponseWriter, _ *http.Request) {
	err := a.Runtime.Ready()
	if err == nil {
		reply(w, http.StatusOK, map[string]any{"status": "ready", "revision": a.Runtime.Set().Rev})
		return
	}
	status := "stale" // the last good configuration goes on
	if a.Runtime.Snapshot() == nil {
		status = "not_ready"
	}
	problems := []string{err.Error()}
	var all runtime.Problems
	if errors.As(err, &all) {
		problems = nil
		for _, p := range all {
			problems = append(problems, p.Error())
		}
	}
	reply(w, http.StatusServiceUnavailable, map[string]any{"status": status, "error": err.Error(), "problems": problems})
}

func (a *api) openAPIDoc(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, json.RawMessage(a.openAPI))
}

func (a *api) providerTypes(w http.ResponseWriter, _ *http.Request) {
	type item struct {
		ProviderType string `json:"provider_type"`
		Enabled      bool   `json:"enabled"`
	}
	enabled := map[string]bool{}
	for _, t := range a.Runtime.ProviderTypes() {
		enabled[t] = true
	}
	items := []item{}
	for _, t := range a.ProviderTypes {
		items = append(items, item{t, enabled[t]})
	}
	reply(w, http.StatusOK, map[string]any{"items": items})
}

// itemPath is the pattern of one object's path.
func itemPath(k configstore.Kind) string {
	path := "/admin/" + k.Path
	for _, f := range k.Fields() {
		path += "/{" + f + "}"
	}
	return path
}

// verbs are what can be done with an object besides reading and writing it.
func verbs(k configstore.Kind) []string {
	if !configstore.SetDisabled(k.New(), true) {
		return nil
	}
	return []string{"enable", "disable"}
}

// pathID is the id in the path.
func (o objects) pathID(r *http.Request) string {
	var segments []string
	for _, f := range o.kind.Fields() {
		segments = append(segments, pathParam(r, f))
	}
	return strings.Join(segments, "/")
}

// pathParam is a segment of the path, unescaped here and nowhere else: chi hands it
// out as it came.
func pathParam(r *http.Request, name string) string {
	raw := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return raw // chi matched the path that net/http had unescaped
	}
	text, err := url.PathUnescape(raw)
	if err != nil {
		return raw
	}
	return text
}
