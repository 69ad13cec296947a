package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agent-gateway/agent-gateway/configstore"
	"github.com/agent-gateway/agent-gateway/internal/runtime"
	"github.com/agent-gateway/agent-gateway/internal/strict"
)

// objects serves one kind.
type objects struct {
	*api
	kind configstore.Kind
}

func (o objects) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	for name := range query {
		if !slices.Contains(o.kind.Filters, name) {
			fail(w, http.StatusBadRequest, name, "the parameter %q is not known: lists of %s take %s", name, o.kind.Path, orNone(o.kind.Filters))
			return
		}
	}
	items := []json.RawMessage{}
	for _, e := range o.Runtime.Set().List(o.kind.Name) {
		b, err := json.Marshal(o.view(e))
		if err != nil {
			o.answer(w, r, err, o.kind.Name, e.ID())
			return
		}
		if !slices.ContainsFunc(o.kind.Filters, func(f string) bool { return query.Has(f) && gjson.GetBytes(b, f).String() != query.Get(f) }) {
			items = append(items, b)
		}
	}
	reply(w, http.StatusOK, map[string]any{"items": items})
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func (o objects) get(w http.ResponseWriter, r *http.Request) {
	o.show(w, r, http.StatusOK, o.pathID(r), configstore.Shown)
}

// masked shows an object with all of its secrets masked, as configstore.Shown
// does without those that an administrator may read back.
func masked(o configstore.Object) configstore.Object { return o }

// show answers with an object.
func (o objects) show(w http.ResponseWriter, r *http.Request, status int, id string, as func(configstore.Object) configstore.Object) {
	e := o.Runtime.Set().Get(o.kind.Name, id)
	if e == nil {
		o.answer(w, r, o.unknown(id), o.kind.Name, id)
		return
	}
	reply(w, status, as(o.view(e)))
}

// view is an object as it may be shown, with what only the running gateway knows of it.
func (o objects) view(e *runtime.Entry) configstore.Object {
	shown := e.View()
	if c, ok := shown.(*configstore.Credential); ok {
		state := o.Runtime.CredentialStatus(c.ID)
		c.CredentialState = &state
	}
	return shown
}

func (o objects) unknown(id string) error {
	return errorf(http.StatusNotFound, "", "there is no %s %q", o.kind.Name, id)
}

// stored returns the entry of an object that is to be changed.
func (o objects) stored(set *runtime.Set, id string) (*runtime.Entry, error) {
	e := set.Get(o.kind.Name, id)
	if e == nil {
		return nil, o.unknown(id)
	}
	if e.Static {
		return nil, o.readOnly(id)
	}
	return e, nil
}

func (o objects) readOnly(id string) error {
	return errorf(http.StatusConflict, "", "%s %s is read-only: it comes from the static configuration", o.kind.Name, id)
}

func (o objects) create(w http.ResponseWriter, r *http.Request) {
	next, err := o.decode(w, r, "")
	if err != nil {
		o.answer(w, r, err, o.kind.Name, "")
		return
	}
	id := next.ObjectID()
	err = o.apply(r, func(set *runtime.Set) ([]runtime.Change, error) {
		if e := set.Get(o.kind.Name, id); e != nil {
			if e.Static {
				return nil, o.readOnly(id)
			}
			return nil, errorf(http.StatusConflict, "id", "%s %s exists already: PUT changes it", o.kind.Name, id)
		}
		if f := configstore.KeepSecrets(next, nil); len(f) > 0 {
			return nil, errorf(http.StatusBadRequest, f[0].Field, "%s %s: %s", o.kind.Name, id, f[0])
		}
		generate(next)
		return []runtime.Change{{Kind: o.kind, ID: id, Object: next}}, nil
	})
	if err != nil {
		o.answer(w, r, err, o.kind.Name, id)
		return
	}
	o.show(w, r, http.StatusCreated, id, configstore.Shown)
}

// generate makes what an object is born with: a virtual key's key.
func generate(o configstore.Object) {
	if k, ok := o.(*configstore.VirtualKey); ok && k.Key.Reveal() == "" {
		k.Key = configstore.NewSecret(configstore.NewVirtualKey())
	}
}

func (o objects) update(w http.ResponseWriter, r *http.Request) {
	id := o.pathID(r)
	next, err := o.decode(w, r, id)
	if err != nil {
		o.answer(w, r, err, o.kind.Name, id)
		return
	}
	o.change(w, r, id, configstore.Shown, func(prev configstore.Object) (configstore.Object, error) {
		next := configstore.Clone(next)
		if k, ok := next.(*configstore.VirtualKey); ok && !k.Key.Keeps() && k.Key.Reveal() == "" {
			return nil, errorf(http.StatusBadRequest, "key", "virtual_key %s: key cannot be cleared: leave it out to keep it, or POST %s/rotate for a new one", id, id)
		}
		if f := configstore.KeepSecrets(next, prev); len(f) > 0 {
			return nil, errorf(http.StatusBadRequest, f[0].Field, "%s %s: %s", o.kind.Name, id, f[0])
		}
		return next, nil
	})
}

// change makes one object another one and answers with it, shown by as.
func (o objects) change(w http.ResponseWriter, r *http.Request, id string, as func(configstore.Object) configstore.Object, to func(prev configstore.Object) (configstore.Object, error)) {
	err := o.apply(r, func(set *runtime.Set) ([]runtime.Change, error) {
		e, err := o.stored(set, id)
		if err != nil {
			return nil, err
		}
		next, err := to(e.Object)
		if err != nil {
			return nil, err
		}
		if configstore.Same(next, e.Object) {
			return nil, nil
		}
		return []runtime.Change{{Kind: o.kind, ID: id, Object: next}}, nil
	})
	if err != nil {
		o.answer(w, r, err, o.kind.Name, id)
		return
	}
	o.show(w, r, http.StatusOK, id, as)
}

func (o objects) delete(w http.ResponseWriter, r *http.Request) {
	id := o.pathID(r)
	err := o.apply(r, func(set *runtime.Set) ([]runtime.Change, error) {
		_, err := o.stored(set, id)
		return []runtime.Change{{Kind: o.kind, ID: id}}, err
	})
	if problems := runtime.Problems(nil); errors.As(err, &problems) {
		err = errorf(http.StatusConflict, problems[0].Field, "%s %s is in use: %s", o.kind.Name, id, strings.Join(users(problems), "; "))
	}
	if err != nil {
		o.answer(w, r, err, o.kind.Name, id)
		return
	}
	reply(w, http.StatusOK, map[string]string{"status": "deleted", "id": id})
}

// users names what refers to an object that is to be deleted.
func users(problems runtime.Problems) (out []string) {
	for i, p := range problems {
		if p.Dangling {
			problems[i].Text = "refers to it"
		}
	}
	return texts(problems)
}

func (o objects) enable(w http.ResponseWriter, r *http.Request)  { o.setDisabled(w, r, false) }
func (o objects) disable(w http.ResponseWriter, r *http.Request) { o.setDisabled(w, r, true) }

func (o objects) setDisabled(w http.ResponseWriter, r *http.Request, disabled bool) {
	o.change(w, r, o.pathID(r), masked, func(prev configstore.Object) (configstore.Object, error) {
		next := configstore.Clone(prev)
		configstore.SetDisabled(next, disabled)
		return next, nil
	})
}

// rotate gives a virtual key a new key; the old one is refused from then on.
func (a *api) rotate(w http.ResponseWriter, r *http.Request) {
	kind, _ := configstore.KindByName("virtual_key")
	o := objects{a, kind}
	o.change(w, r, o.pathID(r), configstore.Shown, func(prev configstore.Object) (configstore.Object, error) {
		next := configstore.Clone(prev.(*configstore.VirtualKey))
		next.Key = configstore.NewSecret(configstore.NewVirtualKey())
		return next, nil
	})
}

// decode reads the object in a request's body. id is the path's, which the body
// may leave out but not contradict.
func (o objects) decode(w http.ResponseWriter, r *http.Request, id string) (configstore.Object, error) {
	_, node, err := parseBody(w, r)
	if err != nil {
		return nil, err
	}
	if id != "" && node.Kind == strict.Object {
		for _, name := range o.kind.Fields() {
			want := pathParam(r, name)
			switch given := node.Field(name); {
			case given == nil:
				node.Fields = append(node.Fields, strict.Field{Name: name, Line: node.Line, Value: &strict.Node{Kind: strict.String, Text: want, Line: node.Line}})
			case given.Kind == strict.String && given.Text != want:
				return nil, errorf(http.StatusBadRequest, name, "the body's %s %q is not the path's %q", name, given.Text, want)
			}
		}
	}
	next, found := configstore.DecodeObject(o.kind, node)
	if len(found) > 0 {
		return nil, faultError(o.kind, id, found)
	}
	return next, nil
}
