package admin

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/agent-gateway/agent-gateway/configstore"
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
	// Pipeline tells the health of the event pipeline; nil without one.
	Pipeline func() metrics.PipelineStats
	// Exposition serves /admin/metrics/prometheus; nil without one.
	Exposition http.Handler
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
		r.Get("/admin/"+k.Path+"/{id}", o.get)
		r.Put("/admin/"+k.Path+"/{id}", o.update)
		r.Delete("/admin/"+k.Path+"/{id}", o.delete)
		r.Post("/admin/"+k.Path+"/{id}/enable", o.enable)
		r.Post("/admin/"+k.Path+"/{id}/disable", o.disable)
	}
	r.Post("/admin/virtual_keys/{id}/rotate", a.rotate)
	r.Get("/admin/metrics", a.summaries)
	r.Get("/admin/metrics/prometheus", a.exposition)
	r.Get("/admin/metrics/llm/events", a.llmEvents)
	return r, nil
}

// reply writes v as JSON.
func reply(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, "", "the answer cannot be written as JSON")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
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

// pathID is the id in the path, unescaped here and nowhere else: chi hands it
// out as it came.
func pathID(r *http.Request) string {
	raw := chi.URLParam(r, "id")
	if r.URL.RawPath == "" {
		return raw // chi matched the path that net/http had unescaped
	}
	id, err := url.PathUnescape(raw)
	if err != nil {
		return raw
	}
	return id
}
