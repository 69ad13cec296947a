package admin

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/agent-gateway/agent-gateway/admin/schema"
	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/llmproxy"
	"github.com/agent-gateway/agent-gateway/internal/runtime"
)

// action is what applying a bundle does to one object.
type action struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Action string `json:"action"` // create, update, skip or error
	Error  string `json:"error,omitempty"`
}

type counts struct {
	Create int `json:"create"`
	Update int `json:"update"`
	Skip   int `json:"skip"`
	Error  int `json:"error"`
}

type report struct {
	Status  string   `json:"status"`
	Actions []action `json:"actions"`
	Counts  counts   `json:"counts"`
}

// applyBundle plans a bundle and commits the plan: all of it or nothing.
func (a *api) applyBundle(w http.ResponseWriter, r *http.Request) {
	dryRun := false
	for name := range r.URL.Query() {
		if name != "dry_run" {
			fail(w, http.StatusBadRequest, name, "the parameter %q is not known: this takes dry_run", name)
			return
		}
		switch v := r.URL.Query().Get(name); v {
		case "1", "true":
			dryRun = true
		case "0", "false":
		default:
			fail(w, http.StatusBadRequest, name, "dry_run is %q; it must be 1 or 0", v)
			return
		}
	}
	format, err := bundleFormat(r.Header.Get("Content-Type"))
	if err != nil {
		a.answer(w, r, err, "", "")
		return
	}
	body, err := readBody(w, r, maxBundle)
	if err != nil {
		a.answer(w, r, err, "", "")
		return
	}
	bundle, found := configstore.ParseBundle(body, format, nil)
	var faulty []action
	for _, f := range found {
		if !f.Warning {
			id, text := f.ID, f
			text.Kind, text.ID = "", ""
			faulty = append(faulty, action{f.Kind, id, "error", text.String()})
		}
	}
	if len(faulty) > 0 {
		refuse(w, http.StatusBadRequest, faulty)
		return
	}
	var rep report
	status := 0 // of a refusal
	err = a.Runtime.Apply(r.Context(), dryRun, func(set *runtime.Set) ([]runtime.Change, error) {
		var changes []runtime.Change
		changes, rep, faulty = plan(set, bundle)
		status = http.StatusBadRequest
		for _, c := range a.unwelcome(r, set, changes) {
			status = http.StatusForbidden
			faulty = append(faulty, action{c.Kind.Name, c.ID, "error", "transport " + stdioRefused})
		}
		if len(faulty) > 0 {
			return nil, nil
		}
		return changes, nil
	})
	if problems := runtime.Problems(nil); errors.As(err, &problems) {
		for _, p := range ofBundle(problems, bundle) {
			text := configstore.Fault{Field: p.Field, Text: p.Text}
			faulty = append(faulty, action{p.Kind, p.ID, "error", text.String()})
		}
		err = nil
	}
	switch {
	case err != nil:
		a.answer(w, r, err, "", "")
	case len(faulty) > 0:
		refuse(w, status, faulty)
	default:
		reply(w, http.StatusOK, rep)
	}
}

// ofBundle returns the problems of the bundle's own objects, if there are any:
// those of others then say the same from the other side.
func ofBundle(problems runtime.Problems, bundle *configstore.Bundle) runtime.Problems {
	own := slices.DeleteFunc(slices.Clone(problems), func(p runtime.Problem) bool {
		return !slices.ContainsFunc(bundle.Items, func(i configstore.BundleItem) bool { return i.Kind.Name == p.Kind && i.Object.ObjectID() == p.ID })
	})
	if len(own) == 0 {
		return problems
	}
	return own
}

func refuse(w http.ResponseWriter, status int, faulty []action) {
	reply(w, status, report{"error", faulty, counts{Error: len(faulty)}})
}

func bundleFormat(contentType string) (configstore.Format, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	switch {
	case err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")):
		return configstore.JSON, nil
	case err == nil && (strings.HasSuffix(kind, "yaml") || strings.HasSuffix(kind, "/x-yaml")):
		return configstore.YAML, nil
	}
	return 0, errorf(http.StatusUnsupportedMediaType, "", "a bundle is sent as application/yaml or application/json; Content-Type is %.100q", contentType)
}

// plan compares a bundle with what there is.
func plan(set *runtime.Set, bundle *configstore.Bundle) (changes []runtime.Change, rep report, faulty []action) {
	rep = report{Status: "ok", Actions: []action{}}
	for _, item := range bundle.Items {
		next, id := configstore.Clone(item.Object), item.Object.ObjectID()
		e := set.Get(item.Kind.Name, id)
		var prev configstore.Object
		if e != nil {
			prev = e.Object
		}
		what := func(name, text string) action { return action{item.Kind.Name, id, name, text} }
		if k, ok := next.(*configstore.VirtualKey); ok && prev != nil && k.Key.Reveal() == "" {
			k.Key = configstore.Secret{} // a key cannot be cleared, so an empty one keeps it
		}
		if f := configstore.KeepSecrets(next, prev); len(f) > 0 {
			for _, fault := range f {
				faulty = append(faulty, what("error", fault.String()))
			}
			continue
		}
		generate(next)
		switch {
		case e == nil:
			rep.Actions = append(rep.Actions, what("create", ""))
			rep.Counts.Create++
			changes = append(changes, runtime.Change{Kind: item.Kind, ID: id, Object: next})
		case configstore.Same(next, prev):
			rep.Actions = append(rep.Actions, what("skip", ""))
			rep.Counts.Skip++
		case e.Static:
			faulty = append(faulty, what("error", "is read-only: it comes from the static configuration"))
		default:
			rep.Actions = append(rep.Actions, what("update", ""))
			rep.Counts.Update++
			changes = append(changes, runtime.Change{Kind: item.Kind, ID: id, Object: next})
		}
	}
	return changes, rep, faulty
}

// exportBundle writes everything as a bundle without secrets: as YAML, or as JSON
// for whoever asks for that.
func (a *api) exportBundle(w http.ResponseWriter, r *http.Request) {
	var all []configstore.Object
	set := a.Runtime.Set()
	for _, k := range configstore.Kinds {
		for _, e := range set.List(k.Name) {
			if p, ok := e.Object.(*configstore.Provider); ok && p.ProviderType == runtime.CustomType {
				continue // code made it; no bundle can
			}
			all = append(all, e.Object)
		}
	}
	text, err := configstore.ExportBundle(all)
	if err != nil {
		a.answer(w, r, err, "", "")
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		var doc any
		if err := yaml.Unmarshal(text, &doc); err != nil {
			a.answer(w, r, err, "", "")
			return
		}
		reply(w, http.StatusOK, doc)
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text)
}

func (a *api) bundleSchema(w http.ResponseWriter, r *http.Request) {
	b, err := schema.Bundle()
	if err != nil {
		a.answer(w, r, err, "", "")
		return
	}
	w.Header().Set("Content-Type", "application/schema+json")
	_, _ = w.Write(b)
}

func (a *api) handlerTypes(w http.ResponseWriter, _ *http.Request) {
	type item struct {
		Type string `json:"llm_api_handler_type"`
	}
	items := []item{}
	for _, p := range llmproxy.Protocols {
		items = append(items, item{p})
	}
	reply(w, http.StatusOK, map[string]any{"items": items})
}
